"""Controls: make the drums, chords and piano that a model is asked to follow (as in AIR, arXiv 2402.09508)."""

import itertools

import numpy as np
import numpy.typing as npt

from bench.audio import Audio, is_silent, rms
from bench.errors import BenchError
from bench.example import Control
from bench.mask import Mask
from bench.protocols import Renderer
from bench.symbols import NO_CHORD, Beats, Chords, Floats, Notes

PIANO_PROGRAM = 0
VELOCITY = 100
GRID_S = 0.01
"""Two notes of one pitch that share a cell of this grid overlap; strikes closer than one cell count as one."""
COVER_PROGRAMS = frozenset([*range(32), *range(104, 109), 114])
"""0-based GM programs of a piano cover: keyboard-like and plucked. AIR's published list is taken as 1-based."""
QUIET_RMS = 0.1
"""-20 dBFS: the level of a rendered control without any context to match."""
_RESTS = (NO_CHORD, "X")


def block_chords(chords: Chords, beats: Beats, duration_s: float) -> Notes:
    """Strike block chords on a piano at every beat and every chord start, legato to the next strike.

    A chord tone i semitones above the root is played at pitch 60 + root + i, or 12 higher if i is below the bass
    interval, so that the bass is lowest: C:maj gives 60 64 67, B:min/5 gives 78 83 86. `N` and `X` are rests (AIR's
    released code turns X into a cluster of twelve notes). Beats within 10 ms of a chord's start or end are skipped.

    Args:
        chords: Chords of the excerpt; those outside [0, duration_s) are dropped.
        beats: Where chords are struck again; without beats they are struck at their starts only.
        duration_s: Length of the excerpt in seconds.

    Returns:
        Notes of program 0 and velocity 100, sorted by onset and pitch; empty if all chords are rests.

    Raises:
        BenchError: a label is not a chord in Harte's notation.
    """
    voicings = {label: _voicing(label) for label in set(chords.labels)}
    rows = []
    inside = chords.cut(0.0, duration_s)
    for (start, end), label in zip(inside.intervals_s, inside.labels, strict=True):
        within = beats.times_s[(beats.times_s >= start + GRID_S) & (beats.times_s <= end - GRID_S)]
        strikes = [float(start), *_spaced(within), float(end)]
        for onset, offset in itertools.pairwise(strikes):
            rows += [(onset, offset, pitch) for pitch in voicings[label]]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Notes(table[:, :2], table[:, 2], np.full(len(table), VELOCITY), np.full(len(table), PIANO_PROGRAM))


def piano_cover(notes: Notes) -> Notes:
    """Reduce the notes of a band to one piano part (AIR, section 4.1; the published algorithm).

    Non-drum notes of `COVER_PROGRAMS` are taken longest first (ties by onset, then pitch); a note is accepted if it
    shares no 10 ms cell with an accepted note of its pitch. AIR's released code discards the result of the sort.

    Returns:
        Accepted notes with program 0 and their own velocities, sorted by onset and pitch; where two of one pitch touch
        inside a cell, the earlier ends at the later's onset. Empty where no note has a program of the list.
    """
    candidates = notes.where(np.isin(notes.programs, sorted(COVER_PROGRAMS)))
    starts, ends = candidates.intervals_s.T
    cells = np.rint(candidates.intervals_s / GRID_S).astype(np.int64)
    cells[:, 1] = np.maximum(cells[:, 1], cells[:, 0] + 1)
    taken: dict[int, list[tuple[int, int]]] = {}
    accepted = []
    for k in np.lexsort((candidates.pitches, starts, -np.round(ends - starts, 9))):
        first, last = (int(cell) for cell in cells[k])
        spans = taken.setdefault(int(candidates.pitches[k]), [])
        if all(last <= a or first >= b for a, b in spans):
            spans.append((first, last))
            accepted.append(int(k))
    order = sorted(accepted, key=lambda k: (starts[k], candidates.pitches[k]))
    cover = candidates.where(np.array(order, dtype=np.int64))
    following = _next_onsets(cover)
    intervals = np.stack([cover.intervals_s[:, 0], np.minimum(cover.intervals_s[:, 1], following)], axis=1)
    return Notes(intervals, cover.pitches, cover.velocities, np.full(len(cover), PIANO_PROGRAM))


def visible_accompaniment(masked: Audio, drums: Audio | None, mask: Mask) -> Audio | None:
    """Return the context without its drums and without the holes, to measure its level.

    Args:
        masked: The request's sound, mono, zero in the holes.
        drums: The drums of the context, at the same rate and length (their sound in the holes is ignored); None if
            there are none to subtract.
        mask: The holes.

    Returns:
        Mono sound, the stretches outside the holes joined; None where everything is masked.
    """
    visible = ~mask.inside(masked.sample_rate)
    if not visible.any():
        return None
    rest = masked.mono[visible] - (drums.mono[visible] if drums is not None else np.float32(0))
    return Audio(rest, masked.sample_rate)


def level_matched(control: Audio, around: Audio | None) -> Audio:
    """Scale a rendered control to the level of the context: c / rms(c) * rms(o).

    Args:
        control: c, mono; silence stays silence.
        around: o, see `visible_accompaniment`; if it is None, empty or silent, the control is scaled to -20 dBFS. (AIR
            takes o from the whole excerpt, which tells a model the level in the hole.)
    """
    if is_silent(control.samples):
        return control
    level = QUIET_RMS if around is None or is_silent(around.samples) else rms(around.samples)
    return Audio((control.samples * (level / rms(control.samples))).astype(np.float32), control.sample_rate)


def drums_control(drums: Audio, duration_s: float, sample_rate: int) -> Control:
    """Return the drums control: mono, at the task's rate, at its own level.

    Args:
        drums: The stem or the separator's drums; cut or padded with silence to the excerpt's length.
        duration_s: Length of the excerpt in seconds.
        sample_rate: Hz.
    """
    audio = _fitted(drums, duration_s, sample_rate)
    return Control("drums", audio, audio)


def chords_control(
    chords: Chords, beats: Beats, renderer: Renderer, duration_s: float, sample_rate: int, level_of: Audio | None
) -> Control:
    """Return the chords control: the labels, the beats the chords are struck on, and their sound on a piano.

    Args:
        chords: Chords, timed from the excerpt's start; cut to the excerpt.
        beats: Beats, likewise; may be empty.
        renderer: Turns the block chords into sound.
        duration_s: Length of the excerpt in seconds.
        sample_rate: Hz.
        level_of: The sound whose level is matched, see `level_matched`.

    Raises:
        BenchError: a label is not a chord in Harte's notation.
    """
    chords, beats = chords.cut(0.0, duration_s), beats.cut(0.0, duration_s)
    sound = renderer.render(block_chords(chords, beats, duration_s), duration_s, sample_rate)
    return Control("chords", chords, level_matched(_fitted(sound, duration_s, sample_rate), level_of), beats)


def piano_control(
    notes: Notes, renderer: Renderer, duration_s: float, sample_rate: int, level_of: Audio | None
) -> Control:
    """Return the piano control: the notes and their sound.

    Args:
        notes: The cover (`piano_cover`, or transcribed notes); cut to the excerpt.
        renderer: Turns the notes into sound.
        duration_s: Length of the excerpt in seconds.
        sample_rate: Hz.
        level_of: The sound whose level is matched, see `level_matched`.
    """
    notes = notes.cut(0.0, duration_s)
    sound = renderer.render(notes, duration_s, sample_rate)
    return Control("piano", notes, level_matched(_fitted(sound, duration_s, sample_rate), level_of))


def _voicing(label: str) -> list[int]:
    """Return a chord's MIDI pitches, the bass first; none for a rest."""
    import mir_eval

    if label in _RESTS:
        return []
    try:
        root, tones, bass = mir_eval.chord.encode(label)
    except mir_eval.chord.InvalidChordException as error:
        raise BenchError(
            f"chord label {label!r}: not in Harte's notation; write root:quality/bass as in C:maj, A:min7 or B:min/5, "
            f"N for no chord, X for an unknown one"
        ) from error
    return sorted(60 + root % 12 + int(i) + (12 if i < bass else 0) for i in np.flatnonzero(tones))


def _spaced(times_s: Floats) -> list[float]:
    """Drop beats less than 10 ms after the last one kept."""
    kept: list[float] = []
    for time in times_s:
        if not kept or time - kept[-1] >= GRID_S:
            kept.append(float(time))
    return kept


def _next_onsets(notes: Notes) -> npt.NDArray[np.float64]:
    """Return the next later onset of the same pitch for every note; infinity where there is none."""
    onsets = notes.intervals_s[:, 0]
    following = np.full(len(notes), np.inf)
    for pitch in np.unique(notes.pitches):
        same = np.flatnonzero(notes.pitches == pitch)
        ordered = np.append(np.unique(onsets[same]), np.inf)
        following[same] = ordered[np.searchsorted(ordered, onsets[same], side="right")]
    return following


def _fitted(audio: Audio, duration_s: float, sample_rate: int) -> Audio:
    """Return mono sound of exactly round(duration_s * sample_rate) samples."""
    n = round(duration_s * sample_rate)
    mono = Audio(audio.mono, audio.sample_rate).resampled(sample_rate).mono[:n]
    return Audio(np.pad(mono, (0, n - len(mono))), sample_rate)
