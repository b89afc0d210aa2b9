"""Compare: two systems, column by column, over the songs that both have."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path
from typing import Any

from bench.board.changes import opened_board
from bench.board.page import ARROWS
from bench.board.ranking import ALPHA
from bench.board.readings import Readings, advantage, readings
from bench.board.report import read_results, shown_columns, task_of
from bench.errors import BenchError, UnknownName
from bench.protocols import Column
from bench.scores import NO_PHASE, Row
from bench.statistics import MIN_SONGS, Difference, holm
from bench.task import load_task
from bench.text import printable

MOST = 10_000
"""Songs beyond which a forecast says no more than that."""


@dataclass(frozen=True)
class Comparison:
    """One column of two systems.

    Attributes:
        task: Name of the task.
        manifest: Name of the manifest.
        metric: Name of the column.
        unit: Its unit.
        direction: `higher` or `lower` is better, or `zero`.
        first: The first system's value.
        second: The second's.
        better_by: How much better the first is, over the songs that both have: positive is better in every column.
            Where nearer to 0 is better, distances from 0 are subtracted.
        low: Lower end of its 95 % interval; NaN below 8 songs.
        high: Upper end.
        p: Two-sided p-value, Holm-corrected over the columns compared here; NaN below 8 songs.
        n_songs: Songs that both have.
        verdict: `first`, `second`, `not told apart`, `untested` (too few songs), `incomplete` (some outputs failed) or
            `incomparable` (other identities, or waveforms of a system that keeps no phase).
        more_songs: How many more songs would be needed to tell the two apart, corrected as p is; 0 where they are told
            apart, else 1 or more, NaN where unknown, infinite where they do not differ at all.
    """

    task: str
    manifest: str
    metric: str
    unit: str
    direction: str
    first: float
    second: float
    better_by: float = nan
    low: float = nan
    high: float = nan
    p: float = nan
    n_songs: int = 0
    verdict: str = "incomparable"
    more_songs: float = nan


def compare(folder: Path, first: str, second: str, task: str | None = None) -> list[Comparison]:
    """Compare two systems in every column of the table that both have, on every task and manifest that both answered.

    Args:
        folder: A run's folder, a results folder, or the published board.
        first: Name of a system in it, or `RUN:SYSTEM` for one of another run or board.
        second: Name of another, in either form.
        task: Only this task.

    Raises:
        UnknownName: there are no rows of a system.
        BenchError: there are no rows at all, or the two are one or never answered the same task, manifest and version.
    """
    if first == second:
        raise BenchError(f"{first} against itself has no difference; name two systems")
    wanted = load_task(task).name if task else None
    groups: dict[tuple[str, int, str, str], list[Row]] = {}
    with ExitStack() as stack:
        folders = [_folder_of(name, folder, stack) for name in (first, second)]
        for name, where in zip((first, second), folders, strict=True):
            for row in _rows_of(name, where, wanted):
                groups.setdefault((row.task, row.task_version, row.manifest, row.manifest_sha), []).append(row)
        found = [one for key in sorted(groups) for one in _of_group(folders, groups[key], first, second)]
    if not found:
        places = " and ".join(dict.fromkeys(map(str, folders)))
        raise BenchError(f"{first} and {second} have no task, version and manifest in common in {places}")
    return found


def _folder_of(name: str, folder: Path, stack: ExitStack) -> Path:
    """Return where a system's rows lie: `RUN` of `RUN:SYSTEM`, else the folder that is meant by all."""
    run = name.rpartition(":")[0]
    return stack.enter_context(opened_board(run)) if run else folder


def _rows_of(name: str, folder: Path, task: str | None) -> list[Row]:
    """Read a system's rows under the whole of its name, so that one system of two runs is told apart."""
    system = name.rpartition(":")[2]
    rows = [row for row in read_results(folder) if task in (None, row.task)]
    if not rows:
        raise BenchError(f"{folder}: holds no rows{f' of {task}' if task else ''}; give the folder of another run")
    if system not in (known := {row.system for row in rows}):
        raise UnknownName("system in these results", system, known)
    return [replace(row, system=name) for row in rows if row.system == system]


def _of_group(folders: Sequence[Path], rows: list[Row], first: str, second: str) -> list[Comparison]:
    scores = readings(rows)
    if set(scores) != {first, second}:
        return []
    shown: dict[str, Column] = {}
    for task in (task_of(folder, rows[0].task) for folder in folders):
        shown |= {c.name: c for c in shown_columns(task) if c.is_shown or c.is_ranked}
    columns = [c for c in shown.values() if c.name in scores[first] and c.name in scores[second]]
    return _corrected([_one(column, scores[first][column.name], scores[second][column.name]) for column in columns])


def _one(column: Column, a: Readings, b: Readings) -> tuple[Comparison, Difference]:
    row = a.whole
    bare = Comparison(
        row.task, row.manifest, column.name, column.unit, column.direction, row.value, b.whole.value
    )  # fmt: skip
    is_apart = row.identity != b.whole.identity or NO_PHASE in (row.state, b.whole.state)
    if is_apart or a.is_incomplete or b.is_incomplete:
        verdict = "incomparable" if is_apart else "incomplete"
        return replace(bare, verdict=verdict), Difference(nan, nan, nan, nan, 0)
    found = advantage(a, b, column.direction)
    n_songs = found.n if a.examples else min(a.n_songs, b.n_songs)
    one = replace(
        bare, better_by=found.mean, low=found.low, high=found.high, p=found.p, n_songs=n_songs,
        verdict="untested" if n_songs < MIN_SONGS or isnan(found.p) else "not told apart",
    )  # fmt: skip
    return one, found


def _corrected(found: Sequence[tuple[Comparison, Difference]]) -> list[Comparison]:
    """Correct p-values and forecasts for their number and give the verdicts."""
    n_tested = sum(not isnan(one.p) for one, _ in found)
    result = []
    for (one, difference), p in zip(found, holm([one.p for one, _ in found]), strict=True):
        if p < ALPHA:
            one = replace(one, verdict="first" if one.better_by > 0 else "second", more_songs=0.0)
        elif not isnan(p):
            one = replace(one, more_songs=max(difference.songs_to_tell(one.n_songs, n_tested) - one.n_songs, 1.0))
        result.append(replace(one, p=float(p)))
    return result


def grids(found: Iterable[Comparison], first: str, second: str) -> list[Any]:
    """Render comparisons for the terminal, a table per task and manifest."""
    from rich.table import Table
    from rich.text import Text

    made: dict[tuple[str, str], Any] = {}
    for one in found:
        if (key := (one.task, one.manifest)) not in made:
            made[key] = Table(title=Text(f"{one.task}, {one.manifest}: {printable(first)} against {printable(second)}"))
            for name in ("column", printable(first), printable(second), "better by", "p", "songs", "", "more songs"):
                made[key].add_column(Text(name), justify="left" if name in ("column", "") else "right")
        made[key].add_row(*(Text(cell) for cell in _cells(one, first, second)))
    caption = (
        "better by: positive where the first is better, with its 95 % interval over common songs; p: Holm-corrected "
        "over the columns; more songs: how many more would tell the two apart in four of five tries, so corrected, if "
        "they differ as seen."
    )
    return [*made.values(), Text(caption)]


def _cells(one: Comparison, first: str, second: str) -> list[str]:
    names = {"first": f"{printable(first)} is better", "second": f"{printable(second)} is better"}
    span = "" if isnan(one.low) else f" [{one.low:.3g}, {one.high:.3g}]"
    more = "—" if isnan(one.more_songs) else f"over {MOST}" if one.more_songs > MOST else f"{one.more_songs:.0f}"
    return [
        f"{one.metric} {ARROWS[one.direction]}", *(_number(value) for value in (one.first, one.second)),
        f"{_number(one.better_by)}{span}", "—" if isnan(one.p) else f"{one.p:.2g}", str(one.n_songs),
        names.get(one.verdict, one.verdict), more,
    ]  # fmt: skip


def _number(value: float) -> str:
    return "—" if isnan(value) else f"{value:.3g}"
