"""Drums by the mini separator: a spectral mask by a small network that is part of the installation."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio, is_silent, level_db
from bench.errors import BenchError
from bench.mini import separator
from bench.music.drums import is_kit
from bench.runtime.tensors import read_tensors
from bench.runtime.weights import sha256_of, shipped

VERSION = 3
HPSS_SHARE = 0.15
"""Part of `hpss` in the result; the errors of the two differ. In validation songs it adds 0.3 dB of SDR."""
LEAST_DB = -16.5
"""Lowest level of drums relative to the whole, in dB. It misses the drums of 3 of 48 validation mixtures, 6 and 9 dB
below the rest, and finds some in 2 of 69 validation sounds without drums."""


class SepMini:
    """The drums' share of every spectral bin, by a network trained on composed songs in varied sound.

    `bench train sep-mini` trains it. It works at 32 kHz, mono; other rates are resampled there and back. A part of the
    result is the drums of `hpss`. If the drums are far below the level of the whole or, as in `hpss`, have neither the
    low frequencies of a kick drum nor the high ones of cymbals, there is no drum kit and the result is silence.
    """

    kind = "drums"

    def __init__(self, path: Path) -> None:
        """Take the weight file; it is read at its first use."""
        self._path = path
        self._hpss = plugins.load("extractors", "hpss")
        self.identity = (
            f"sep-mini v{VERSION} (least {LEAST_DB:g} dB, sha256 {sha256_of(path)[:12]}) with {HPSS_SHARE:g} of "
            f"{self._hpss.identity}"
        )

    @cached_property
    def _network(self) -> Any:
        try:
            return separator.of(read_tensors(self._path))
        except (KeyError, RuntimeError) as error:
            raise BenchError(
                f"{self._path}: holds no mini separator ({str(error)[:200]}); train it with `bench train sep-mini`"
            ) from error

    def extract(self, audio: Audio) -> Audio:
        """Return the drums, mono, at the input's rate and length; silence stays silence.

        Raises:
            BenchError: the weight file is damaged.
        """
        import torch

        if is_silent(audio.mono):
            return Audio(np.zeros_like(audio.mono), audio.sample_rate)
        sound = Audio(audio.mono, audio.sample_rate).resampled(separator.SAMPLE_RATE).mono
        with torch.inference_mode():
            separated = self._network(torch.from_numpy(np.pad(sound, (0, separator.HOP)))[None])[0].numpy()
        drums = Audio(separated[: len(sound)], separator.SAMPLE_RATE).resampled(audio.sample_rate).mono
        drums = np.pad(drums[: audio.n_samples], (0, max(audio.n_samples - len(drums), 0)))
        is_heard = level_db(drums) - level_db(audio.mono) >= LEAST_DB
        if not is_heard or not is_kit(drums, audio.sample_rate):
            return Audio(np.zeros_like(drums), audio.sample_rate)
        share = np.float32(HPSS_SHARE)
        return Audio((1 - share) * drums + share * self._hpss.extract(audio).mono, audio.sample_rate)


def build() -> SepMini:
    """Return the separator; raises `MissingComponent` if its weight file is missing."""
    return SepMini(shipped("sep-mini", "sep-mini", instead="hpss"))
