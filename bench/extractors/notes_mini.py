"""Notes of everything pitched by the mini transcriber, a small network that is part of the installation."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import Audio, is_silent
from bench.errors import BenchError
from bench.mini import transcriber
from bench.mini.pitch import HOP, LOWEST_PITCH, SAMPLE_RATE
from bench.music.durations import held
from bench.runtime.tensors import read_tensors
from bench.runtime.weights import sha256_of, shipped
from bench.symbols import Notes

VERSION = 1
THRESHOLD, SHARE = 0.4, 0.7


class NotesMini:
    """Onsets of every pitch by a network trained on composed songs in varied sound (`bench train notes-mini`).

    It hears mono sound at 16 kHz, in frames of 20 ms, drums and all. An onset is a peak of its pitch's probability of
    at least `threshold`; one that begins together with a note an octave, a twelfth or two octaves below counts only
    from `share` of that note's probability. Both numbers are the best on validation songs.
    """

    kind = "notes"

    def __init__(self, path: Path, threshold: float, share: float) -> None:
        """Take the weight file, which is read at its first use, the threshold and the share."""
        self._path, self.threshold, self.share = path, threshold, share
        self.identity = (
            f"notes-mini v{VERSION} (threshold {threshold:g}, share {share:g}, sha256 {sha256_of(path)[:12]})"
        )

    @cached_property
    def _network(self) -> Any:
        try:
            return transcriber.of(read_tensors(self._path))
        except (KeyError, RuntimeError) as error:
            raise BenchError(
                f"{self._path}: holds no mini transcriber ({str(error)[:200]}); train it with `bench train notes-mini`"
            ) from error

    def extract(self, audio: Audio) -> Notes:
        """Return notes sorted by onset and pitch; none for silence.

        A note lasts until the next onset of its pitch, at most 0.5 s (docs/design.md, section 7). Velocity follows
        the onset's probability, 40 to 110.

        Raises:
            BenchError: the weight file is damaged.
        """
        import torch

        if is_silent(audio.mono):
            return held(np.zeros(0), np.zeros(0), 0, 0.0)
        sound = Audio(audio.mono, audio.sample_rate).resampled(SAMPLE_RATE).mono
        with torch.inference_mode():
            logits = self._network(torch.from_numpy(np.pad(sound, (0, HOP)))[None])[0, ..., 0]
            probabilities = torch.sigmoid(logits).numpy()
        times, keys, heights = transcriber.onsets(probabilities, self.threshold, self.share)
        return held(times, keys + LOWEST_PITCH, (40 + 70 * heights).round(), audio.duration_s)


def build(threshold: float = THRESHOLD, share: float = SHARE) -> NotesMini:
    """Return the transcriber; raises `MissingComponent` if its weight file is missing."""
    return NotesMini(shipped("notes-mini", "notes-mini", instead="salience-notes"), threshold, share)
