"""Published beats, chords and metadata of pieces: tables of AIST and NYU, or those of the release of 2026.

Each line of AIST's beats has begin, end and position; times are in units of 10 ms. Positions count 48 per quarter note
from the start of the bar, whose own position is 384; -1 is not a beat (staff.aist.go.jp/m.goto/RWC-MDB/AIST-Annotation,
and mirdata 1.0.0, datasets/rwc_classical.py). Chord labels are Harte's (github.com/tmc323/Chord-Annotations). The
release has CSV files with semicolons and a header, times in seconds, and beats counted from 1.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import mir_eval.chord
import numpy as np

from bench.errors import BenchError
from bench.symbols import Beats, Chords, as_number
from bench.text import shown

DOWNBEAT, NO_BEAT = 384, -1
_AIST_S = 0.01
_Rows = list[tuple[int, list[str]]]


@dataclass(frozen=True)
class Metadata:
    """Published metadata of a piece.

    Attributes:
        length_s: Its length in seconds; in the discs' table rounded to whole seconds.
        drums: `drum sequences`, `drum loops`, `live drums` or `without drums`.
    """

    length_s: float
    drums: str


def read_beats(path: Path) -> Beats:
    """Read a piece's beats with their positions in the bar.

    Raises:
        BenchError: the file cannot be read, a line is malformed, times decrease, or no bar begins.
    """
    if path.suffix == ".csv":
        rows = _table(path, ("t", "beat"), ";")
        times = [as_number(path, line, cells[0]) for line, cells in rows]
        positions = [_whole(path, line, cells[1], 1, 16) for line, cells in rows]
    else:
        rows = _lines(path, 3, "'begin end position' in 10 ms")
        values = [_whole(path, line, cells[2], NO_BEAT, DOWNBEAT) for line, cells in rows]
        times = [_AIST_S * as_number(path, line, cells[0]) for line, cells in rows]
        times = [time for time, value in zip(times, values, strict=True) if value != NO_BEAT]
        positions = _counted([value == DOWNBEAT for value in values if value != NO_BEAT])
    _check_rising(path, rows, [as_number(path, line, cells[0]) for line, cells in rows])
    if 1 not in positions:
        raise BenchError(f"{path}: no bar begins in it; get it again")
    return Beats(np.array(times), np.array(positions))


def read_chords(path: Path) -> Chords:
    """Read a piece's chords; a chord that overlaps the next one is cut at its start.

    Raises:
        BenchError: the file cannot be read, a line is malformed, times decrease, or a label is not Harte's.
    """
    is_table = path.suffix == ".csv"
    rows = _table(path, ("t_start", "t_end", "chord"), ";") if is_table else _lines(path, 3, "'begin end chord'")
    intervals = np.array([[as_number(path, line, cell) for cell in cells[:2]] for line, cells in rows]).reshape(-1, 2)
    _check_rising(path, rows, intervals[:, 0])
    for (line, (*_, label)), (start, end) in zip(rows, intervals, strict=True):
        if end < start:
            raise BenchError(f"{path}:{line}: the chord {shown(label)} ends ({end:g}) before it begins ({start:g})")
        _check_label(path, line, label)
    intervals[:-1, 1] = np.minimum(intervals[:-1, 1], intervals[1:, 0])
    return Chords(intervals, tuple(cells[2] for _, cells in rows))


def read_metadata(path: Path) -> dict[int, Metadata]:
    """Read the metadata of all pieces, by number.

    Raises:
        BenchError: the file cannot be read, lacks a column, or a length is not `minutes:seconds` or seconds.
    """
    names = ("Piece No.", "Length", "Drum Information")
    is_discs = path.name == "rwc-p.csv"
    if not is_discs:
        names = ("RWCID", "duration", "DrumInformation")
    pieces = {}
    for line, (name, length, drums) in _table(path, names, "," if is_discs else ";", others=True):
        prefix = "No. " if is_discs else "RWC_P"
        if is_discs or name.startswith(prefix):
            number = _whole(path, line, name.removeprefix(prefix), 1, 100)
            pieces[number] = Metadata(_seconds(path, line, length), drums.strip().lower())
    return pieces


def _counted(are_downbeats: Sequence[bool]) -> list[int]:
    """Return every beat's position from 1; beats before the first bar are counted backwards from it."""
    bars = [k for k, is_downbeat in enumerate(are_downbeats) if is_downbeat]
    if not bars:
        return [0] * len(are_downbeats)
    ends = [*bars, len(are_downbeats)]
    length = max(ends[1] - ends[0], bars[0])
    pickup = [length - bars[0] + k + 1 for k in range(bars[0])]
    return pickup + [k - start + 1 for start, end in pairwise(ends) for k in range(start, end)]


def _lines(path: Path, n: int, form: str) -> _Rows:
    """Return the cells of every line, separated by white space, with the line's number."""
    rows = [(line, text.split()) for line, text in enumerate(_text(path).splitlines(), 1) if text.strip()]
    for line, cells in rows:
        if len(cells) != n:
            raise BenchError(f"{path}:{line}: want {form}, found {shown(' '.join(cells))!r}")
    return _not_empty(path, rows)


def _table(path: Path, names: Sequence[str], delimiter: str, others: bool = False) -> _Rows:
    """Return the named cells of every line of a CSV file with a header, with the line's number."""
    reader = csv.reader(_text(path).splitlines(), delimiter=delimiter)
    rows = [(reader.line_num, cells) for cells in reader if cells]
    header = rows[0][1] if rows else []
    if not set(names) <= set(header) or not (others or len(header) == len(names)):
        raise BenchError(f"{path}: want the columns {delimiter.join(names)}, found {shown(delimiter.join(header))!r}")
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise BenchError(f"{path}:{line}: {len(cells)} cells, the header has {len(header)}; get it again")
    chosen = [header.index(name) for name in names]
    return _not_empty(path, [(line, [cells[k] for k in chosen]) for line, cells in rows[1:]])


def _not_empty(path: Path, rows: _Rows) -> _Rows:
    if not rows:
        raise BenchError(f"{path}: is empty; get it again")
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "no such file" if not path.exists() else str(error)
        raise BenchError(f"{path}: cannot be read as text ({reason}); get it again") from error


def _check_rising(path: Path, rows: _Rows, times: Sequence[float] | np.typing.NDArray[np.float64]) -> None:
    falls = np.flatnonzero(np.diff(times) < 0)
    if len(falls):
        line, cells = rows[falls[0] + 1]
        raise BenchError(f"{path}:{line}: begins at {cells[0]}, before the line above; get it again")


def _check_label(path: Path, line: int, label: str) -> None:
    try:
        mir_eval.chord.encode(label)
    except mir_eval.chord.InvalidChordException as error:
        raise BenchError(
            f"{path}:{line}: {shown(label)!r} is no chord in Harte's notation; write C:maj, N (none) or X (unknown)"
        ) from error


def _seconds(path: Path, line: int, text: str) -> float:
    minutes, colon, seconds = text.rpartition(":")
    return 60 * (as_number(path, line, minutes) if colon else 0) + as_number(path, line, seconds)


def _whole(path: Path, line: int, text: str, least: int, most: int) -> int:
    value = as_number(path, line, text)
    if value != int(value) or not least <= value <= most:
        raise BenchError(f"{path}:{line}: {shown(text)!r} is no whole number from {least} to {most}")
    return int(value)
