"""Changes: compare two boards, or two versions of one, row by row, and test what changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isclose, isnan, nan
from pathlib import Path
from typing import Any, Literal

from bench.board.boards import opened_board
from bench.board.page import ARROWS
from bench.board.ranking import ALPHA
from bench.board.readings import Readings, advantage, readings
from bench.board.report import in_order, read_results, task_of
from bench.errors import CheckFailed
from bench.protocols import Column
from bench.scores import Row
from bench.scoring.columns import columns_of
from bench.statistics import MIN_SONGS, holm
from bench.task import load_task, task_names
from bench.text import printable

_NEAR = 1e-6
"""Tolerance within which two values are equal, relative and absolute: machines differ in the last digits."""


@dataclass(frozen=True)
class Move:
    """One column of a system's row on two boards.

    Attributes:
        metric: Name of the column.
        unit: Its unit.
        direction: `higher` or `lower` is better, or `zero`.
        before: Its value on the first board; NaN if there is none.
        after: Its value on the second board; NaN if there is none.
        gain: How much better the second is on the songs that both have: positive is better, in every column.
        low: Lower end of its 95 % interval; NaN below 8 songs.
        high: Upper end.
        p: Two-sided p-value, Holm-corrected over the columns that changed on this task and manifest; NaN below 8 songs.
        n_songs: Songs that both have.
        verdict: `same`, `better`, `worse`, `not told apart`, `untested` (too few songs), `new`, `gone`, or `not
            comparable: ` and the reason.
    """

    metric: str
    unit: str
    direction: str
    before: float = nan
    after: float = nan
    gain: float = nan
    low: float = nan
    high: float = nan
    p: float = nan
    n_songs: int = 0
    verdict: str = "same"


@dataclass(frozen=True)
class Change:
    """A system's row on two boards.

    Attributes:
        task: Name of the task.
        manifest: Name of the manifest.
        system: Name of the system.
        state: `new`, `gone`, `changed` or `same`.
        moves: The primary columns and all others that changed; empty if nothing changed.
    """

    task: str
    manifest: str
    system: str
    state: Literal["new", "gone", "changed", "same"]
    moves: tuple[Move, ...] = ()


def between(first: str, second: str, task: str | None = None) -> list[Change]:
    """Compare two boards by their names (see `opened_board`); see `changes`."""
    with opened_board(first) as old, opened_board(second) as new:
        return changes(old, new, task)


def changes(old: Path, new: Path, task: str | None = None) -> list[Change]:
    """Compare two boards row by row, in order of task, manifest and system.

    Args:
        old: Folder of the first board.
        new: Folder of the second board.
        task: Only this task.

    Raises:
        UnknownName: no task has this name.
        BenchError: rows cannot be read.
    """
    only = load_task(task).name if task else None
    before, after = _by_row(old, only), _by_row(new, only)
    groups: dict[tuple[str, str], list[Change]] = {}
    for key in sorted({*before, *after}):
        groups.setdefault(key[:2], []).append(_change(key, before.get(key, []), after.get(key, []), (old, new)))
    return [change for group in groups.values() for change in _corrected(group)]


def must_hold(compared: Iterable[Change]) -> None:
    """Raise `CheckFailed` unless the second board has rows and all of them are on the first with the same numbers."""
    compared = list(compared)
    if all(change.state == "gone" for change in compared):
        raise CheckFailed("the second has no rows to look for in the first; score into it first, or name another task")
    differing = [
        f"{change.task}, {change.manifest}, {change.system}: {_described(change)}"
        for change in compared
        if change.state in ("new", "changed")
    ]
    if differing:
        raise CheckFailed(
            "rows of the second are not those of the first:\n" + "\n".join(f"  {one}" for one in differing)
        )


def _described(change: Change) -> str:
    changed = [
        f"{move.metric} {_number(move.before, 6)} → {_number(move.after, 6)}"
        for move in change.moves
        if move.verdict != "same"
    ]
    return f"{change.state} ({', '.join(changed)})"


def _number(value: float, digits: int = 3) -> str:
    return "—" if isnan(value) else f"{value:.{digits}g}"


def _by_row(folder: Path, task: str | None) -> dict[tuple[str, str, str], list[Row]]:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in read_results(folder):
        if task in (None, row.task):
            groups.setdefault((row.task, row.manifest, row.system), []).append(row)
    return groups


def _columns(folders: Iterable[Path], name: str) -> tuple[list[Column], list[str]]:
    """Return the columns that either board shows for a task, and the primary ones; empty for a removed task."""
    if name not in task_names():
        return [], []
    columns: dict[str, Column] = {}
    for folder in folders:
        task = task_of(folder, name)
        columns |= {column.name: column for column in in_order(task, columns_of(task))}
    return [c for c in columns.values() if c.is_shown or c.is_ranked], list(load_task(name).primary.values())


def _change(key: tuple[str, str, str], before: Sequence[Row], after: Sequence[Row], folders: Iterable[Path]) -> Change:
    columns, primary = _columns(folders, key[0])
    moves = _moves(before, after, columns)
    is_same = all(move.verdict == "same" for move in moves) if columns else repr(before) == repr(after)
    if before and after and is_same:
        return Change(*key, "same")
    state: Literal["new", "gone", "changed"] = "new" if not before else "gone" if not after else "changed"
    listed = [m for m in moves if m.metric in primary or (state == "changed" and m.verdict != "same")]
    return Change(*key, state, tuple(listed))


def _moves(before: Sequence[Row], after: Sequence[Row], columns: Iterable[Column]) -> list[Move]:
    sides = {"before": before, "after": after}
    scores = readings(replace(row, system=side) for side, rows in sides.items() for row in rows)
    old, new = scores.get("before", {}), scores.get("after", {})
    return [_move(c, old.get(c.name), new.get(c.name)) for c in columns if c.name in old or c.name in new]


def _move(column: Column, old: Readings | None, new: Readings | None) -> Move:
    before, after = (nan if one is None else one.whole.value for one in (old, new))
    values = Move(column.name, column.unit, column.direction, before, after)
    if old is None or new is None:
        return replace(values, verdict="new" if old is None else "gone")
    if why := _incomparable(old, new):
        return replace(values, verdict=f"not comparable: {why}")
    if _are_near(old, new):
        return values
    if old.is_incomplete or new.is_incomplete:
        return replace(values, verdict="not comparable: outputs are missing")
    difference = advantage(new, old, column.direction)
    n_songs = difference.n if new.examples else min(old.n_songs, new.n_songs)
    verdict = "untested" if n_songs < MIN_SONGS or isnan(difference.p) else "not told apart"
    return replace(
        values, gain=difference.mean, low=difference.low, high=difference.high, p=difference.p, n_songs=n_songs,
        verdict=verdict,
    )  # fmt: skip


def _incomparable(old: Readings, new: Readings) -> str:
    """Say why two readings of a column are not comparable; empty if they are."""
    a, b = old.whole, new.whole
    if a.task_version != b.task_version:
        return f"another version ({a.task_version}, then {b.task_version})"
    if a.manifest_sha != b.manifest_sha:
        return f"another manifest (sha256 {a.manifest_sha[:8]}, then {b.manifest_sha[:8]})"
    return "another identity" if a.identity != b.identity else ""


def _are_near(old: Readings, new: Readings) -> bool:
    a, b = ({"": one.whole.value, **one.examples} for one in (old, new))
    return a.keys() == b.keys() and all(_is_near(a[key], b[key]) for key in a)


def _is_near(a: float, b: float) -> bool:
    return (isnan(a) and isnan(b)) or isclose(a, b, rel_tol=_NEAR, abs_tol=_NEAR)


def _corrected(group: Sequence[Change]) -> list[Change]:
    """Correct the p-values of a task and manifest for the number of tests, and set the verdicts."""
    corrected = iter(holm([move.p for change in group for move in change.moves]))
    return [replace(c, moves=tuple(_judged(m, float(next(corrected))) for m in c.moves)) for c in group]


def _judged(move: Move, p: float) -> Move:
    if p < ALPHA:
        return replace(move, p=p, verdict="better" if move.gain > 0 else "worse")
    return replace(move, p=p)


def grids(compared: Sequence[Change], first: str, second: str) -> list[Any]:
    """Render changes for the terminal, one table per task and manifest; columns that cannot be compared are dimmed."""
    from rich.table import Table
    from rich.text import Text

    grid_of: dict[tuple[str, str], Any] = {}
    for change in compared:
        if change.state == "same":
            continue
        if (key := (change.task, change.manifest)) not in grid_of:
            grid_of[key] = Table(title=Text(printable(f"{change.task}, {change.manifest}: {first} → {second}")))
            for name in ("system", "row", "column", "before", "after", "gain", "p", "songs", ""):
                grid_of[key].add_column(Text(name), justify="right" if name in _NUMBERS else "left")
        for place, move in enumerate(change.moves or (Move("", "", ""),)):
            names = (change.system, change.state) if place == 0 else ("", "")
            style = "dim" if move.verdict.startswith("not comparable") else ""
            grid_of[key].add_row(*(Text(printable(cell), style=style) for cell in (*names, *_cells(move))))
    same = sum(change.state == "same" for change in compared)
    return [*grid_of.values(), Text(f"{same} of {len(compared)} rows have the same numbers on both. {_CAPTION}")]


_NUMBERS = ("before", "after", "gain", "p", "songs")
_CAPTION = (
    "gain: positive where the second is better, with its 95 % interval over common songs; p: Holm-corrected over the "
    "columns of the table that moved."
)


def _cells(move: Move) -> list[str]:
    span = "" if isnan(move.low) else f" [{move.low:.3g}, {move.high:.3g}]"
    numbers = [_number(value) for value in (move.before, move.after, move.gain)]
    return [
        f"{move.metric} {ARROWS.get(move.direction, '')}", *numbers[:2], numbers[2] + span,
        "—" if isnan(move.p) else f"{move.p:.2g}", str(move.n_songs or "—"), move.verdict,
    ]  # fmt: skip
