"""Durations: give offsets to notes and chords that were detected by their onset only."""

import numpy as np
import numpy.typing as npt

from bench.symbols import NO_CHORD, Chords, Floats, Ints, Notes

LONGEST_NOTE_S = 0.5


def held(onsets_s: Floats, pitches: Ints, velocities: npt.ArrayLike, end_s: float) -> Notes:
    """Return notes that last until the next onset of their pitch, at most 0.5 s and not beyond the end of the sound.

    Args:
        onsets_s: Seconds, shape (n,), any order; those at or after `end_s` are dropped.
        pitches: MIDI pitches, shape (n,).
        velocities: Shape (n,), or one for all.
        end_s: End of the sound in seconds.

    Returns:
        Notes sorted by onset and pitch.
    """
    inside = onsets_s < end_s
    onsets, kept_pitches = np.asarray(onsets_s)[inside], np.asarray(pitches)[inside]
    kept_velocities = np.broadcast_to(velocities, np.shape(onsets_s))[inside]
    offsets = np.minimum(onsets + LONGEST_NOTE_S, end_s)
    for pitch in np.unique(kept_pitches):
        same = np.flatnonzero(kept_pitches == pitch)
        same = same[np.argsort(onsets[same], kind="stable")]
        offsets[same[:-1]] = np.minimum(offsets[same[:-1]], onsets[same[1:]])
    return Notes.joined([Notes(np.column_stack([onsets, offsets]), kept_pitches, kept_velocities)])


def tiled(starts_s: Floats, labels: npt.ArrayLike, end_s: float) -> Chords:
    """Return chords without gaps from 0 to the end: the first begins at 0, each lasts until the next.

    Args:
        starts_s: Seconds, ascending, shape (n,); those at or after `end_s` are dropped.
        labels: One label per start.
        end_s: End of the sound in seconds.

    Returns:
        Chords with equal neighbours joined; one `N` where there are no starts, empty where `end_s` is 0.
    """
    if end_s <= 0:
        return Chords(np.zeros((0, 2)), ())
    starts = np.asarray(starts_s, dtype=np.float64)
    names = np.asarray(labels, dtype=object)[starts < end_s]
    starts = starts[starts < end_s]
    if not len(starts):
        return Chords(np.array([[0.0, end_s]]), (NO_CHORD,))
    is_new = np.concatenate([[True], names[1:] != names[:-1]])
    starts, names = np.maximum(starts[is_new], 0.0), names[is_new]
    starts[0] = 0.0
    return Chords(np.column_stack([starts, np.append(starts[1:], end_s)]), tuple(str(name) for name in names))
