"""Compare: two systems in every column, on the songs that both have."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path
from typing import Any

from bench.board.boards import opened_board
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
"""Songs; a larger forecast is printed as "over 10000"."""


@dataclass(frozen=True)
class Comparison:
    """Two systems compared in one column.

    Attributes:
        task: Name of the task.
        manifest: Name of the manifest.
        metric: Name of the column.
        unit: Its unit.
        direction: `higher` or `lower` is better, or `zero`.
        first: The first system's value.
        second: The second's.
        better_by: How much better the first system is on the songs that both have: positive if it is better, in every
            column. Where nearer to 0 is better, the difference of the distances from 0.
        low: Lower end of its 95 % interval; NaN below 8 songs.
        high: Upper end.
        p: Two-sided p-value, Holm-corrected over the columns compared here; NaN below 8 songs.
        n_songs: Songs that both have.
        verdict: `first`, `second`, `not told apart`, `untested` (too few songs), `incomplete` (some outputs failed) or
            `incomparable` (different identities, or a waveform column of a system that keeps no phase).
        more_songs: Forecast of how many more songs a significant difference needs, corrected as p is: 0 if it is
            significant, else at least 1; infinite without any difference, NaN where unknown.
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
    """Compare two systems on every task and manifest that both answered, in every column that both have.

    Args:
        folder: A run's folder, a results folder, or the published board.
        first: Name of a system in that folder, or `RUN:SYSTEM` for a system of another run or board.
        second: Name of the other system, in either form.
        task: Only this task.

    Raises:
        UnknownName: a system has no rows.
        BenchError: there are no rows at all, both names are the same, or the systems have no task, version and manifest
            in common.
    """
    if first == second:
        raise BenchError(f"{first} against itself has no difference; name two systems")
    only = load_task(task).name if task else None
    groups: dict[tuple[str, int, str, str], list[Row]] = {}
    with ExitStack() as stack:
        folders = [_folder_of(name, folder, stack) for name in (first, second)]
        for name, where in zip((first, second), folders, strict=True):
            for row in _rows_of(name, where, only):
                groups.setdefault((row.task, row.task_version, row.manifest, row.manifest_sha), []).append(row)
        comparisons = [one for key in sorted(groups) for one in _of_group(folders, groups[key], first, second)]
    if not comparisons:
        places = " and ".join(dict.fromkeys(map(str, folders)))
        raise BenchError(f"{first} and {second} have no task, version and manifest in common in {places}")
    return comparisons


def _folder_of(name: str, folder: Path, stack: ExitStack) -> Path:
    """Return the folder of a system's rows: `RUN` of `RUN:SYSTEM`, else the common folder."""
    run = name.rpartition(":")[0]
    return stack.enter_context(opened_board(run)) if run else folder


def _rows_of(name: str, folder: Path, task: str | None) -> list[Row]:
    """Read a system's rows under its full name, so that the same system of two runs stays two systems."""
    system = name.rpartition(":")[2]
    rows = [row for row in read_results(folder) if task in (None, row.task)]
    if not rows:
        raise BenchError(f"{folder}: holds no rows{f' of {task}' if task else ''}; give the folder of another run")
    if system not in (systems := {row.system for row in rows}):
        raise UnknownName("system in these results", system, systems)
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
    values = Comparison(
        row.task, row.manifest, column.name, column.unit, column.direction, row.value, b.whole.value
    )  # fmt: skip
    is_incomparable = row.identity != b.whole.identity or NO_PHASE in (row.state, b.whole.state)
    if is_incomparable or a.is_incomplete or b.is_incomplete:
        verdict = "incomparable" if is_incomparable else "incomplete"
        return replace(values, verdict=verdict), Difference(nan, nan, nan, nan, 0)
    difference = advantage(a, b, column.direction)
    n_songs = difference.n if a.examples else min(a.n_songs, b.n_songs)
    comparison = replace(
        values, better_by=difference.mean, low=difference.low, high=difference.high, p=difference.p, n_songs=n_songs,
        verdict="untested" if n_songs < MIN_SONGS or isnan(difference.p) else "not told apart",
    )  # fmt: skip
    return comparison, difference


def _corrected(pairs: Sequence[tuple[Comparison, Difference]]) -> list[Comparison]:
    """Correct p-values and forecasts for the number of columns tested, and set the verdicts."""
    n_tested = sum(not isnan(one.p) for one, _ in pairs)
    result = []
    for (one, difference), p in zip(pairs, holm([one.p for one, _ in pairs]), strict=True):
        if p < ALPHA:
            one = replace(one, verdict="first" if one.better_by > 0 else "second", more_songs=0.0)
        elif not isnan(p):
            one = replace(one, more_songs=max(difference.songs_to_tell(one.n_songs, n_tested) - one.n_songs, 1.0))
        result.append(replace(one, p=float(p)))
    return result


def grids(comparisons: Iterable[Comparison], first: str, second: str) -> list[Any]:
    """Render comparisons for the terminal, one table per task and manifest."""
    from rich.table import Table
    from rich.text import Text

    grid_of: dict[tuple[str, str], Any] = {}
    for one in comparisons:
        if (key := (one.task, one.manifest)) not in grid_of:
            title = f"{one.task}, {one.manifest}: {printable(first)} against {printable(second)}"
            grid_of[key] = Table(title=Text(title))
            for name in ("column", printable(first), printable(second), "better by", "p", "songs", "", "more songs"):
                grid_of[key].add_column(Text(name), justify="left" if name in ("column", "") else "right")
        grid_of[key].add_row(*(Text(cell) for cell in _cells(one, first, second)))
    caption = (
        "better by: positive where the first is better, with its 95 % interval over common songs; p: Holm-corrected "
        "over the columns; more songs: how many more would tell the two apart in four of five tries, so corrected, if "
        "they differ as seen."
    )
    return [*grid_of.values(), Text(caption)]


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
