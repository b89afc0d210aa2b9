"""Score rows: the format of `leaderboard/results/<task>/<manifest>/<system>.csv`, one row per number."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from bench.errors import BenchError
from bench.paths import write_text

MAX_BYTES = 64 * 2**20
WHOLE_SET = "*"
"""`example` of a row for the whole set; `*~01` and so on are the seeded half-sets of a distance's interval."""
NO_PHASE = "no-phase"
"""State of a waveform metric's value for a system that does not keep phase: printed, marked, never ranked."""


@dataclass(frozen=True)
class Row:
    """One score with everything needed to read it.

    Attributes:
        task: Name of the task.
        task_version: Its version.
        manifest: Name of the manifest.
        manifest_sha: sha256 of its CSV form.
        system: Name of the system whose outputs were scored.
        metric: Name of the column.
        identity: Algorithm, parameters, extractors, source of the reference; only rows of one identity are comparable.
        region: `hole`, `context`, `seam` or `whole`.
        example: The excerpt's id, `*` for the set (mean over songs), `*~01` ... for half-sets.
        value: The number; NaN where it is undefined.
        low: Lower end of the 95 % interval; NaN where none is given.
        high: Upper end.
        n: Size of what was measured: frames, seconds or events of an example; songs (or windows) of a set.
        n_requested: Examples (on a set row: songs) that the task requested.
        state: `ok`, or why the value is special (see `bench.protocols.Measurement`); `incomplete` on a set row if some
            outputs failed.
        chance: Score of another song in the hole, or the metric's own chance level by shifting.
        ceiling: Score of the reference itself.
    """

    task: str
    task_version: int
    manifest: str
    manifest_sha: str
    system: str
    metric: str
    identity: str
    region: str
    example: str
    value: float
    low: float
    high: float
    n: float
    n_requested: int
    state: str
    chance: float
    ceiling: float


COLUMNS = tuple(column.name for column in fields(Row))
_INTEGERS = ("task_version", "n_requested")
_NUMBERS = ("value", "low", "high", "n", "chance", "ceiling")


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV atomically; numbers in the shortest form that reads back equal, NaN as an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_text(getattr(row, name)) for name in COLUMNS])
    write_text(path, out.getvalue())


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a CSV file.

    Raises:
        BenchError: the file is missing or too large, has wrong columns, or a field is not a number; the message names
            file and line.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BenchError(f"{path}: {path.stat().st_size} bytes of scores, at most {MAX_BYTES}")
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read as scores ({error})") from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise BenchError(f"{path}:1: want the columns {','.join(COLUMNS)}")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        try:
            values = dict(zip(COLUMNS, line, strict=True))
            numbers = {name: float(values[name] or "nan") for name in _NUMBERS}
            rows.append(Row(**{**values, **numbers, **{name: int(values[name]) for name in _INTEGERS}}))  # type: ignore[arg-type]
        except ValueError as error:
            raise BenchError(f"{path}:{number}: {error}") from error
    return rows


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else repr(value)
    return str(value)
