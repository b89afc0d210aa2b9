"""Symbols: chords, notes and beats, and their files (.lab, .mid, .txt). Times are seconds from the sound's start."""

from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.formats import read_tracks
from bench.paths import atomic, write_text
from bench.text import shown

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[Any]
"""Whole numbers of any type; they are stored as int64."""

NO_CHORD = "N"
DRUM_PROGRAM = 128
"""Program number of the GM percussion channel; instruments are 0-127."""
_TICKS_PER_BEAT, _TEMPO = 10000, 60.0
_SHORTEST_S = 1.5 / _TICKS_PER_BEAT
"""A shorter note could begin and end on one tick and would be lost in the file."""
_MOST_BEATS = 1000


def _no_floats() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Chords:
    """Chord labels over time.

    Attributes:
        intervals_s: float64 (n, 2), start and end, sorted, not overlapping.
        labels: n labels in Harte's notation (`C:maj`, `A:min7`, `B:min/5`), `N` = no chord, `X` = unknown.
    """

    intervals_s: Floats
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Convert the intervals to float64 (n, 2) and check that every one has a label."""
        intervals = np.asarray(self.intervals_s, dtype=np.float64).reshape(-1, 2)
        if len(intervals) != len(self.labels):
            raise ValueError(f"{len(intervals)} intervals but {len(self.labels)} labels")
        object.__setattr__(self, "intervals_s", intervals)
        object.__setattr__(self, "labels", tuple(self.labels))

    def cut(self, start_s: float, end_s: float) -> "Chords":
        """Return the chords in [start_s, end_s), clipped to it; times keep their origin."""
        clipped = np.clip(self.intervals_s, start_s, end_s)
        keep = clipped[:, 1] > clipped[:, 0]
        return Chords(clipped[keep], tuple(np.asarray(self.labels, dtype=object)[keep]))

    def shifted(self, offset_s: float) -> "Chords":
        """Return the same chords `offset_s` later."""
        return Chords(self.intervals_s + offset_s, self.labels)


@dataclass(frozen=True, eq=False)
class Notes:
    """Notes of one or several instruments.

    Attributes:
        intervals_s: float64 (n, 2), onset and offset.
        pitches: int (n,), MIDI 0-127 (for percussion the GM drum key).
        velocities: int (n,), 1-127.
        programs: int (n,), 0-based GM program, 128 = percussion; all 0 when not given.
    """

    intervals_s: Floats
    pitches: Ints
    velocities: Ints
    programs: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        """Convert all four to arrays of one length."""
        intervals = np.asarray(self.intervals_s, dtype=np.float64).reshape(-1, 2)
        columns = {
            name: np.asarray(getattr(self, name), dtype=np.int64) for name in ("pitches", "velocities", "programs")
        }
        if not len(columns["programs"]):
            columns["programs"] = np.zeros(len(intervals), dtype=np.int64)
        if any(len(column) != len(intervals) for column in columns.values()):
            raise ValueError(f"{len(intervals)} intervals but { {k: len(v) for k, v in columns.items()} }")
        object.__setattr__(self, "intervals_s", intervals)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        """Return the number of notes."""
        return len(self.pitches)

    def where(self, keep: npt.NDArray[np.bool_] | Ints) -> "Notes":
        """Return the notes chosen by a boolean mask or by indices."""
        return Notes(self.intervals_s[keep], self.pitches[keep], self.velocities[keep], self.programs[keep])

    def cut(self, start_s: float, end_s: float) -> "Notes":
        """Return the notes that begin in [start_s, end_s), clipped to end_s; times keep their origin."""
        onsets = self.intervals_s[:, 0]
        kept = self.where((onsets >= start_s) & (onsets < end_s))
        intervals = np.minimum(kept.intervals_s, end_s)
        return Notes(intervals, kept.pitches, kept.velocities, kept.programs)

    def shifted(self, offset_s: float) -> "Notes":
        """Return the same notes `offset_s` later."""
        return Notes(self.intervals_s + offset_s, self.pitches, self.velocities, self.programs)

    @staticmethod
    def joined(parts: "list[Notes]") -> "Notes":
        """Return all notes of `parts`, sorted by onset, program, pitch."""
        if not parts:
            return Notes(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
        intervals = np.concatenate([p.intervals_s for p in parts])
        pitches, velocities, programs = (
            np.concatenate([getattr(p, name) for p in parts]) for name in ("pitches", "velocities", "programs")
        )
        order = np.lexsort((pitches, programs, intervals[:, 0]))
        return Notes(intervals[order], pitches[order], velocities[order], programs[order])


@dataclass(frozen=True, eq=False)
class Beats:
    """Points in time: beats, or onsets.

    Attributes:
        times_s: float64 (n,), sorted.
        positions: int (n,), position in the bar from 1; empty when unknown (onsets have none).
    """

    times_s: Floats = field(default_factory=_no_floats)
    positions: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        """Convert both to arrays and check that either all positions are given or none."""
        times = np.asarray(self.times_s, dtype=np.float64).reshape(-1)
        positions = np.asarray(self.positions, dtype=np.int64).reshape(-1)
        if len(positions) not in (0, len(times)):
            raise ValueError(f"{len(times)} times but {len(positions)} positions")
        object.__setattr__(self, "times_s", times)
        object.__setattr__(self, "positions", positions)

    @property
    def downbeats_s(self) -> Floats:
        """The times whose position is 1; empty when positions are unknown."""
        return self.times_s[self.positions == 1] if len(self.positions) else np.zeros(0)

    def cut(self, start_s: float, end_s: float) -> "Beats":
        """Return the points in [start_s, end_s); times keep their origin."""
        keep = (self.times_s >= start_s) & (self.times_s < end_s)
        return Beats(self.times_s[keep], self.positions[keep] if len(self.positions) else self.positions)

    def shifted(self, offset_s: float) -> "Beats":
        """Return the same points `offset_s` later."""
        return Beats(self.times_s + offset_s, self.positions)


@dataclass(frozen=True, eq=False)
class Frames:
    """Values on a regular grid: chroma, embeddings.

    Attributes:
        values: float (n_frames, d).
        rate_hz: Frames per second; frame k is at the time k / rate_hz.
    """

    values: Floats
    rate_hz: float


Symbols = Chords | Notes | Beats


def write_symbols(path: Path, symbols: Symbols) -> None:
    """Write chords as .lab, beats as .txt, notes as .mid; times to the microsecond (MIDI: 0.1 ms)."""
    if isinstance(symbols, Notes):
        _write_midi(path, symbols)
    elif isinstance(symbols, Chords):
        rows = zip(symbols.intervals_s, symbols.labels, strict=True)
        write_text(path, "".join(f"{start:.6f}\t{end:.6f}\t{label}\n" for (start, end), label in rows))
    else:
        positions = symbols.positions if len(symbols.positions) else [""] * len(symbols.times_s)
        rows_ = zip(symbols.times_s, positions, strict=True)
        write_text(path, "".join(f"{time:.6f}\t{position}".rstrip() + "\n" for time, position in rows_))


def read_chords(path: Path) -> Chords:
    """Read a .lab file: start, end, label per line, separated by white space.

    Raises:
        BenchError: a line is wrong; the message names file and line.
    """
    intervals, labels = [], []
    for number, fields in _lines(path):
        if len(fields) != 3:
            raise BenchError(f"{path}:{number}: want 'start end label', found {' '.join(fields)!r}")
        start, end = (as_number(path, number, text) for text in fields[:2])
        if end < start:
            raise BenchError(f"{path}:{number}: the chord {fields[2]} ends ({end}) before it starts ({start})")
        intervals.append((start, end))
        labels.append(fields[2])
    return Chords(np.array(intervals), tuple(labels))


def read_beats(path: Path) -> Beats:
    """Read a file of beats: per line a time and, optionally, the position in the bar.

    Raises:
        BenchError: a line is wrong; the message names file and line.
    """
    times, positions = [], []
    for number, fields in _lines(path):
        times.append(as_number(path, number, fields[0]))
        positions += [_position(path, number, text) for text in fields[1:2]]
    if len(positions) not in (0, len(times)):
        raise BenchError(f"{path}: some lines have a position in the bar and some have none")
    return Beats(np.array(times), np.array(positions, dtype=np.int64))


def read_notes(path: Path) -> Notes:
    """Read every note of a MIDI file.

    Raises:
        BenchError: the file is missing or is not MIDI.
    """
    parts = []
    for track in read_tracks(path):
        program = DRUM_PROGRAM if track.is_drum else track.program
        table = track.notes
        parts.append(Notes(table[:, :2], table[:, 2], table[:, 3], np.full(len(table), program)))
    return Notes.joined(parts)


def _write_midi(path: Path, notes: Notes) -> None:
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(resolution=_TICKS_PER_BEAT, initial_tempo=_TEMPO)
    for program in np.unique(notes.programs):
        drums = program == DRUM_PROGRAM
        instrument = pretty_midi.Instrument(0 if drums else int(program), is_drum=bool(drums))
        chosen = notes.where(notes.programs == program)
        offsets = np.maximum(chosen.intervals_s[:, 1], chosen.intervals_s[:, 0] + _SHORTEST_S)
        rows = zip(chosen.intervals_s[:, 0], offsets, chosen.pitches, chosen.velocities, strict=True)
        instrument.notes = [pretty_midi.Note(int(v), int(p), float(s), float(e)) for s, e, p, v in rows]
        midi.instruments.append(instrument)
    with atomic(path) as part:
        midi.write(str(part))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: cannot be read as text ({error})") from error
    return [(i, line.split()) for i, line in enumerate(text.splitlines(), 1) if line.strip()]


def _position(path: Path, line: int, text: str) -> int:
    value = as_number(path, line, text)
    if not 1 <= value <= _MOST_BEATS or value != int(value):
        raise BenchError(f"{path}:{line}: {text!r} is not a position in a bar; want a whole number from 1")
    return int(value)


def as_number(path: Path, line: int, text: str) -> float:
    """Return a number from a line of a file; raises `BenchError` if it is not a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not np.isfinite(value):
        raise BenchError(f"{path}:{line}: {shown(text)!r} is not a number")
    return value
