"""The cheapest source for every beat of a hole, as pieces of visible sound."""

import itertools
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bench.audio import Audio
from bench.models.retrieval.features import Flags, Grid
from bench.music.metre import clear_lag, likeness_at_lags
from bench.music.splice import FADE_S, Piece, are_seen, merged, seen_counts, tiled
from bench.symbols import Floats

_EARLY_S = 0.02
"""Cuts are this long before a beat, so that a cross-fade ends before the beat's attack."""
_RUN_ON_S = 0.025
"""Neighbouring beats whose sources differ by less than this are copied without a cut, since tracked beats jitter."""


def pieces_of(
    visible: Flags, holes_s: list[tuple[float, float]], grid: Grid, costs: tuple[Floats, Floats], rate: int
) -> list[Piece]:
    """Choose a source for every beat of every hole."""
    counts, half = seen_counts(visible), round(FADE_S * rate) // 2
    cuts = np.rint((grid.edges_s - _EARLY_S) * rate).astype(np.int64)
    pieces: list[Piece] = []
    for start, end in (tuple(round(t * rate) for t in hole) for hole in holes_s):
        beats = np.flatnonzero((cuts[1:] > start + half) & (cuts[:-1] < end - half))
        if not len(beats):  # a hole hardly longer than a fade, inside one beat
            beats = np.array([max(int(np.searchsorted(cuts, start, side="right")) - 1, 0)])
        edges = [start, *(int(cut) for cut in cuts[beats[1:]]), end]
        sources, usable = [], []
        for j, a, b in zip(beats, edges, edges[1:], strict=False):
            at = a - cuts[j] + cuts[:-1]
            sources.append(at)
            usable.append(are_seen(counts, at - half, b - a + 2 * half))
        path = _cheapest(costs, beats, np.array(usable))
        for k, (a, b) in enumerate(itertools.pairwise(edges)):
            pieces += [Piece(a, b, int(sources[k][path[k]]))] if usable[k][path[k]] else tiled(visible, a, b)
    return merged(pieces, tolerance=round(_RUN_ON_S * rate))


def in_step(pieces: list[Piece], body: Audio, visible: Flags) -> list[Piece]:
    """Move every source by up to 15 ms to the lag at which the waveform clearly repeats, if there is one."""
    likeness = likeness_at_lags(body.mono, visible)
    moved = []
    for piece in pieces:
        lag = clear_lag(likeness, abs(piece.lag), body.sample_rate)
        moved.append(replace(piece, source=piece.start + (lag if piece.lag > 0 else -lag)))
    return moved


def _cheapest(costs: tuple[Floats, Floats], beats: npt.NDArray[np.int64], usable: Flags) -> list[int]:
    """Return the source of every beat on the cheapest path from the beat before the hole to the beat after it."""
    local, joins = costs
    hidden = 1e6
    n = len(joins)
    before, behind = max(int(beats[0]) - 1, 0), min(int(beats[-1]) + 1, n - 1)
    total = joins[before] + local[beats[0]] + hidden * ~usable[0]
    back = []
    for j, can in zip(beats[1:], usable[1:], strict=True):
        reached = total[:, None] + joins
        back.append(np.argmin(reached, axis=0))
        total = reached.min(axis=0) + local[j] + hidden * ~can
    path = [int(np.argmin(total + joins[:, behind]))]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return path[::-1]
