"""History: one line for every scoring of a system on the published board; the last line describes the present rows.

`bench submit` adds to leaderboard/history/<task>/<manifest>/<system>.csv. Before it enters new rows it adds a line
wherever the last one does not describe the present rows, or there is none. Lines are never removed or changed.
"""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from io import StringIO
from math import nan
from pathlib import Path
from typing import Any

from bench.board.readings import Readings, readings
from bench.errors import BenchError
from bench.formats import read_yaml
from bench.paths import home, write_text
from bench.scores import read_rows
from bench.task import load_task, task_names

FOLDER = "history"
MAX_BYTES = 2**20


@dataclass(frozen=True)
class Scoring:
    """One scoring of a system: its main values and what they depend on. An identity includes the sha256 of weights.

    Attributes:
        bench: Version of bench that scored.
        commit: Its commit.
        task_version: The task's version.
        manifest_sha: sha256 of the manifest.
        rows_sha: sha256 of the CSV with all of its rows.
        control: The ranking column; empty where the task has no control.
        control_identity: Its identity.
        control_value: Its value over the set; NaN where there is none, as for all values below.
        control_low: Lower end of its 95 % interval.
        control_high: Upper end.
        quality: The quality column.
        quality_identity: Its identity.
        quality_value: Its value.
        quality_low: Lower end.
        quality_high: Upper end.
    """

    bench: str
    commit: str
    task_version: int
    manifest_sha: str
    rows_sha: str
    control: str
    control_identity: str
    control_value: float
    control_low: float
    control_high: float
    quality: str
    quality_identity: str
    quality_value: float
    quality_low: float
    quality_high: float

    def __str__(self) -> str:
        """Return the scoring as a sentence, not escaped: names and identities may come from submitters."""
        numbers = [
            f"{name} {value:.4g}" + ("" if low != low else f" [{low:.4g}, {high:.4g}]")
            for name, value, low, high in (
                (self.control, self.control_value, self.control_low, self.control_high),
                (self.quality, self.quality_value, self.quality_low, self.quality_high),
            )
            if name
        ]
        rest = f"task version {self.task_version}, manifest {self.manifest_sha[:8]}, rows {self.rows_sha[:8]}"
        return f"{', '.join(numbers)} ({rest}; bench {self.bench}, commit {self.commit})"


_COLUMNS = tuple(column.name for column in fields(Scoring))
_KINDS = {column.name: column.type for column in fields(Scoring)}


def scoring_of(path: Path) -> Scoring:
    """Summarise a CSV of rows and the `.run.yaml` beside it as one line of history.

    Raises:
        BenchError: one of the two files cannot be read, or there are no rows.
        UnknownName: the path names no task.
    """
    rows, keys = read_rows(path), read_yaml(path.with_suffix(".run.yaml"))
    if not rows:
        raise BenchError(f"{path}: holds no rows; score the submission again")
    primary = load_task(path.parent.parent.name).primary
    columns = next(iter(readings(rows).values()), {})
    return Scoring(
        str(keys.get("bench", "")),
        str(keys.get("commit", "")),
        rows[0].task_version,
        rows[0].manifest_sha,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        *_column(primary.get("control", ""), columns),
        *_column(primary.get("quality", ""), columns),
    )


def history_of(board: Path, task: str, manifest: str, system: str) -> list[Scoring]:
    """Return a system's scorings, oldest first; empty where there is no history file.

    Raises:
        BenchError: the file is not a valid history; the message names file and line.
    """
    path = _path(board, task, manifest, system)
    if not path.is_file():
        return []
    if path.stat().st_size > MAX_BYTES:
        raise BenchError(f"{path}: {path.stat().st_size} bytes of history, at most {MAX_BYTES}")
    try:
        lines = list(csv.reader(StringIO(path.read_text(encoding="utf-8"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read as a history ({error})") from error
    if not lines or tuple(lines[0]) != _COLUMNS:
        raise BenchError(f"{path}:1: want the columns {','.join(_COLUMNS)}")
    scorings = []
    for number, line in enumerate(lines[1:], 2):
        try:
            values = dict(zip(_COLUMNS, line, strict=True))
            scorings.append(_scoring(values))
        except ValueError as error:
            raise BenchError(f"{path}:{number}: {error}") from error
    return scorings


def keep(board: Path, path: Path) -> Path:
    """Add a line for the rows in `path` unless the last line describes them already; return the history's path."""
    place = place_of(path)
    if not _is_kept(board, path):
        out = StringIO()
        lines = [_line(one) for one in [*history_of(board, *place), scoring_of(path)]]
        csv.writer(out, lineterminator="\n").writerows([_COLUMNS, *lines])
        write_text(_path(board, *place), out.getvalue())
    return _path(board, *place)


def catch_up(board: Path) -> list[Path]:
    """Add a line for all rows that the last line of their history does not describe; return the files that grew."""
    return [keep(board, path) for path in _results(board) if not _is_kept(board, path)]


def stale_histories(board: Path | None = None) -> list[str]:
    """List histories that are missing, or whose last line does not describe the present rows.

    Args:
        board: The board; the published one when None.
    """
    board = board or home("leaderboard")
    problems = []
    for path in _results(board):
        if not _is_kept(board, path):
            history = _path(board, *place_of(path))
            wrong = "its last line does not describe the present rows" if history.is_file() else "missing"
            problems.append(f"{history.relative_to(board)}: {wrong}; `bench submit` adds a line")
    return problems


def _is_kept(board: Path, path: Path) -> bool:
    known = history_of(board, *place_of(path))
    return bool(known) and _line(known[-1]) == _line(scoring_of(path))


def _results(board: Path) -> list[Path]:
    tasks = task_names()
    return sorted(path for path in board.glob("results/*/*/*.csv") if place_of(path)[0] in tasks)


def _column(name: str, columns: Mapping[str, Readings]) -> tuple[str, str, float, float, float]:
    if name not in columns:
        return name, "", nan, nan, nan
    row = columns[name].whole
    return name, row.identity, row.value, row.low, row.high


def _line(scoring: Scoring) -> list[str]:
    values = [getattr(scoring, name) for name in _COLUMNS]
    return ["" if value != value else repr(value) if isinstance(value, float) else str(value) for value in values]


def _scoring(values: Mapping[str, str]) -> Scoring:
    keys: dict[str, Any] = dict(values)
    keys |= {name: float(values[name] or "nan") for name in _COLUMNS if _KINDS[name] is float}
    return Scoring(**{**keys, "task_version": int(values["task_version"])})


def place_of(path: Path) -> tuple[str, str, str]:
    """Return the task, manifest and system that a results file's path names."""
    return path.parent.parent.name, path.parent.name, path.stem


def _path(board: Path, task: str, manifest: str, system: str) -> Path:
    return board / FOLDER / task / manifest / f"{system}.csv"
