"""Beats of an excerpt, and what sounds in each of them as rows that can be compared."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.symbols import Beats, Chords, Floats, Notes

_UNSTEADY_S = 0.06
"""Median deviation of tracked beats from a steady grid above which the tempo counts as unsteady."""
_LONG_BEAT_S = 0.7
"""Beats longer than this are split into halves."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """Beats over the whole excerpt: n + 1 edges in seconds, and the place of each beat in its bar."""

    edges_s: Floats
    places: npt.NDArray[np.int64]


def strays(tracked: Beats, phase_s: float, period_s: float) -> bool:
    """Return whether tracked beats deviate so much from a steady grid that the tempo is not steady."""
    off = (tracked.times_s - phase_s + period_s / 2) % period_s - period_s / 2
    return len(off) >= 4 and float(np.median(np.abs(off - np.median(off)))) > _UNSTEADY_S


def spread(beats: Beats, duration_s: float, beats_per_bar: int) -> Grid:
    """Extend beats over the whole excerpt at their median period; unknown positions are counted from the first beat."""
    times = np.unique(beats.times_s)
    period = float(np.median(np.diff(times)))
    before = int(np.ceil(max(times[0], 0) / period)) + 1
    after = int(np.ceil(max(duration_s - times[-1], 0) / period)) + 1
    edges = np.concatenate(
        [times[0] - period * np.arange(before, 0, -1), times, times[-1] + period * np.arange(1, after + 1)]
    )
    places = np.arange(len(edges) - 1) - before
    if len(beats.positions) == len(times) and beats.positions.max(initial=0) > 1:
        beats_per_bar = int(beats.positions.max())
        places[: before + 1] += int(beats.positions[0]) - 1
        places[before : before + len(times)] = beats.positions[: len(edges) - 1 - before] - 1
        places[before + len(times) :] = beats.positions[-1] + np.arange(len(places) - before - len(times))
    parts = 2 if period > _LONG_BEAT_S else 1
    fine = np.interp(np.arange((len(edges) - 1) * parts + 1) / parts, np.arange(len(edges)), edges)
    return Grid(fine, np.repeat(places % beats_per_bar, parts) * parts + np.arange(len(places) * parts) % parts)


def by_beat(
    values: Floats, rate_hz: float, edges_s: Floats, parts: int, seen: Flags, is_centred: bool = False
) -> Floats:
    """Average visible frames over each of `parts` parts of a beat; rows have unit length, or are zero if hidden.

    Returns:
        Shape (n_beats, parts * d).
    """
    values, seen = values[: len(seen)], seen[: len(values)]
    if seen.any() and not is_centred:
        values = values - values[seen].mean(axis=0)
    fine = np.interp(np.arange((len(edges_s) - 1) * parts + 1) / parts, np.arange(len(edges_s)), edges_s)
    places = np.clip(np.rint(fine * rate_hz), 0, len(values)).astype(np.int64)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(np.where(seen[:, None], values, 0), axis=0)])
    counts = np.concatenate([[0], np.cumsum(seen)])
    n = counts[places[1:]] - counts[places[:-1]]
    rows = (sums[places[1:]] - sums[places[:-1]]) / np.maximum(n, 1)[:, None]
    return unit(rows.reshape(len(edges_s) - 1, -1))


def unit(rows: Floats) -> Floats:
    """Scale rows to unit length; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-9)
    return scaled


def chord_tones(chords: Chords, edges_s: Floats) -> Floats:
    """Return the share of each pitch class in every beat (n, 12), centred, of unit length; zero without a chord.

    Raises:
        BenchError: a label is not a chord.
    """
    import mir_eval

    rows = np.zeros((len(edges_s) - 1, 12))
    for (start, end), label in zip(chords.intervals_s, chords.labels, strict=True):
        if label in ("N", "X"):
            continue
        try:
            root, bitmap, _ = mir_eval.chord.encode(label)
        except mir_eval.chord.InvalidChordException as error:
            raise BenchError(f"control-chords.lab: {label!r} is no chord in Harte's notation; write C:maj") from error
        share = np.maximum(np.minimum(end, edges_s[1:]) - np.maximum(start, edges_s[:-1]), 0)
        rows += share[:, None] * np.roll(bitmap, root)
    return unit(rows - rows.mean(axis=1, keepdims=True))


def note_rolls(notes: Notes, edges_s: Floats) -> tuple[Floats, Floats]:
    """Return every beat's onsets by quarter beat and pitch, and centred pitch-class durations; rows of unit length."""
    n = len(edges_s) - 1
    roll, classes = np.zeros((n, 4, 128)), np.zeros((n, 12))
    for (start, end), pitch in zip(notes.intervals_s, notes.pitches, strict=True):
        place = np.interp(start, edges_s, np.arange(n + 1)) + 1 / 8
        beat = min(int(place), n - 1)
        roll[beat, min(int((place - beat) * 4), 3), pitch] += 1
        classes[:, pitch % 12] += np.maximum(np.minimum(end, edges_s[1:]) - np.maximum(start, edges_s[:-1]), 0)
    return unit(roll.reshape(n, -1)), unit(classes - classes.mean(axis=1, keepdims=True))
