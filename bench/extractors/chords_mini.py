"""Chords by the mini chord recogniser, a small network and the Viterbi algorithm (maj, min, 7, maj7, min7, N)."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import Audio, is_silent
from bench.errors import BenchError
from bench.mini import harmony
from bench.mini.pitch import HOP, SAMPLE_RATE
from bench.music.durations import tiled
from bench.music.viterbi import path
from bench.runtime.tensors import read_tensors
from bench.runtime.weights import sha256_of, shipped
from bench.symbols import NO_CHORD, Chords

VERSION = 1
CHANGE_COST = 4.0
_LABELS = (*(f"{root}:{quality}" for quality in harmony.QUALITIES for root in harmony.ROOTS), NO_CHORD)


class ChordsMini:
    """The path of highest score through 60 chords and N.

    The score of a chord in a frame of 100 ms is the logarithm of its probability by a network trained on composed songs
    in varied sound (`bench train chords-mini`), which hears mono sound at 16 kHz, drums and all. Every change costs
    `change_cost`, the best on validation songs.
    """

    kind = "chords"

    def __init__(self, path: Path, change_cost: float) -> None:
        """Take the weight file, which is read at its first use, and the cost of a change."""
        self._path, self.change_cost = path, change_cost
        self.identity = f"chords-mini v{VERSION} (change {change_cost:g}, sha256 {sha256_of(path)[:12]})"

    @cached_property
    def _network(self) -> Any:
        try:
            return harmony.of(read_tensors(self._path))
        except (KeyError, RuntimeError) as error:
            raise BenchError(
                f"{self._path}: holds no mini chord recogniser ({str(error)[:200]}); train it with "
                f"`bench train chords-mini`"
            ) from error

    def extract(self, audio: Audio) -> Chords:
        """Return chords from 0 to the sound's end without gaps; `N` throughout for silence.

        Raises:
            BenchError: the weight file is damaged.
        """
        import torch

        if is_silent(audio.mono):
            return tiled(np.zeros(0), [], audio.duration_s)
        sound = Audio(audio.mono, audio.sample_rate).resampled(SAMPLE_RATE).mono
        whole = harmony.POOL * HOP  # the last frame is a whole one
        with torch.inference_mode():
            scores = torch.log_softmax(self._network(torch.from_numpy(np.pad(sound, (0, whole)))[None])[0], dim=-1)
        states = path(scores.double().numpy(), self.change_cost)
        firsts = np.flatnonzero(np.diff(states, prepend=-1))
        return tiled(firsts / harmony.RATE_HZ, [_LABELS[state] for state in states[firsts]], audio.duration_s)


def build(change_cost: float = CHANGE_COST) -> ChordsMini:
    """Return the recogniser; raises `MissingComponent` if its weight file is missing."""
    return ChordsMini(shipped("chords-mini", "chords-mini", instead="template-chords"), change_cost)
