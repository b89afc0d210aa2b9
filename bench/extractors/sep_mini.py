"""Drums by the mini separator, a mask drawn by a small network that comes with the installation."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import Audio, is_silent, level_db
from bench.errors import BenchError
from bench.mini import separator
from bench.music.drums import is_kit
from bench.runtime.tensors import read_tensors
from bench.runtime.weights import sha256_of, shipped

VERSION = 2
LEAST_DB = -23.0
"""What lies further than this under the whole is no kit: the drums of 32 synthetic validation songs lie at -6 dB or
higher, those of a recorded band at -20; what is found in a recorded solo piano lies at -26 or lower."""


class SepMini:
    """The drums' share of every bin of the spectrum, by a network trained on composed songs (`bench train sep-mini`).

    Works at 32 kHz, mono; other rates are resampled there and back. What lies far under the whole, or, as with `hpss`,
    holds neither a kick's lows nor a cymbal's highs, is no kit, and the drums are silence.
    """

    kind = "drums"

    def __init__(self, path: Path) -> None:
        """Take the weight file; it is read when first needed."""
        self._path = path
        self.identity = f"sep-mini v{VERSION} (sha256 {sha256_of(path)[:12]})"

    @cached_property
    def _network(self) -> Any:
        try:
            return separator.of(read_tensors(self._path))
        except (KeyError, RuntimeError) as error:
            raise BenchError(
                f"{self._path}: holds no mini separator ({str(error)[:200]}); train it with `bench train sep-mini`"
            ) from error

    def extract(self, audio: Audio) -> Audio:
        """Return the drums, mono, of the input's rate and length; silence stays silence.

        Raises:
            BenchError: the weight file is damaged.
        """
        import torch

        if is_silent(audio.mono):
            return Audio(np.zeros_like(audio.mono), audio.sample_rate)
        sound = Audio(audio.mono, audio.sample_rate).resampled(separator.SAMPLE_RATE).mono
        with torch.inference_mode():
            found = self._network(torch.from_numpy(np.pad(sound, (0, separator.HOP)))[None])[0].numpy()
        drums = Audio(found[: len(sound)], separator.SAMPLE_RATE).resampled(audio.sample_rate).mono
        drums = np.pad(drums[: audio.n_samples], (0, max(audio.n_samples - len(drums), 0)))
        is_heard = level_db(drums) - level_db(audio.mono) >= LEAST_DB and is_kit(drums, audio.sample_rate)
        return Audio(drums if is_heard else np.zeros_like(drums), audio.sample_rate)


def build() -> SepMini:
    """Return the separator; raises `MissingComponent` where its weight file is not here."""
    return SepMini(shipped("sep-mini", "sep-mini", instead="hpss"))
