"""Baseline: repeat the nearest bars of the context, in time with the music before and after the hole."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio
from bench.example import Request
from bench.music.metre import (
    Grid,
    bar_length,
    clear_lag,
    fitted_grid,
    likeness_at_lags,
    log_bands,
    sharpened,
    tempo_of,
    visible_frames,
)
from bench.music.splice import FADE_S, Piece, are_seen, assembled, merged, seen_counts, spliced, tiled
from bench.protocols import Extractor, Model

_EARLY_S = 0.02
"""Cuts are this long before a beat, so that a cross-fade ends before the beat's attack."""

Flags = npt.NDArray[np.bool_]


class LoopContext:
    """Repeats the visible context and ignores the control.

    A steady beat grid is fitted to the visible context. Every half beat of a hole is copied from the nearest visible
    place a whole number of bars away; if there is none, a whole number of beats away; if there is none either, the
    longest visible stretch is repeated. Cuts are cross-faded at equal power over 50 ms inside the hole. If the visible
    context is silent or empty, the output is silence.
    """

    batch_size = 8

    def __init__(self, beats: Extractor) -> None:
        """Take a beat tracker, from which the tempo is read."""
        self._beats = beats

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes; the context is unchanged bit for bit."""
        return [self._edit(request) for request in requests]

    def _edit(self, request: Request) -> Audio:
        masked, mask = request.masked, request.mask
        rate, sound = masked.sample_rate, masked.mono
        visible = ~mask.inside(rate)
        if not np.any(sound[visible]):
            return Audio(sound, rate)
        tracked = self._beats.extract(masked)
        bands = log_bands(sound, rate)
        seen = visible_frames(mask.holes_s, len(bands))
        grid = fitted_grid(bands, seen, tempo_of(tracked))
        grid = replace(grid, beats_per_bar=bar_length(bands, seen, grid))
        pieces = _pieces(sound, visible, mask.holes_s, grid, rate)
        fade = round(FADE_S * rate)
        return spliced(masked, mask, assembled(sound, visible, pieces, fade), fade)


def build(beats: str = "librosa-beats") -> Model:
    """Return the baseline.

    Args:
        beats: Name of the beat tracker; only its tempo is used.
    """
    return LoopContext(plugins.load("extractors", beats))


def _pieces(
    sound: npt.NDArray[np.float32], visible: Flags, holes_s: list[tuple[float, float]], grid: Grid, rate: int
) -> list[Piece]:
    """Return the pieces of the holes, each with the place that it is copied from."""
    lags = _lags(sound, visible, grid, rate)
    counts = seen_counts(visible)
    halves = replace(grid, period_s=grid.period_s / 2).times_s(len(sound) / rate)
    cuts = np.rint((halves - _EARLY_S) * rate).astype(np.int64)
    half = round(FADE_S * rate) // 2
    pieces: list[Piece] = []
    for start, end in (tuple(round(t * rate) for t in hole) for hole in holes_s):
        edges = [start, *(int(c) for c in cuts if start + half < c < end - half), end]
        for a, b in itertools.pairwise(edges):
            usable = np.flatnonzero(are_seen(counts, a + lags - half, b - a + 2 * half))
            pieces += [Piece(a, b, a + int(lags[usable[0]]))] if len(usable) else tiled(visible, a, b)
    return merged(pieces, tolerance=round(0.002 * rate))


def _lags(sound: npt.NDArray[np.float32], visible: Flags, grid: Grid, rate: int) -> npt.NDArray[np.int64]:
    """Return lags in samples in order of preference: whole bars from the nearest on, then whole beats."""
    likeness = likeness_at_lags(sound, visible)
    grid = sharpened(grid, likeness, rate)
    period = grid.period_s * rate
    most = int(len(sound) / period)
    multiples = sorted(range(1, most + 1), key=lambda beats: (beats % grid.beats_per_bar != 0, beats))
    lag_of = {beats: clear_lag(likeness, round(beats * period), rate) for beats in multiples}
    return np.array([sign * lag_of[beats] for beats in multiples for sign in (-1, 1)], dtype=np.int64)
