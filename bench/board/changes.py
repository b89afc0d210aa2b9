"""Boards: two boards, or two versions of one, row by row: what is new, gone or changed, and whether that is luck."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isclose, isnan, nan
from pathlib import Path
from typing import Any, Literal

from bench.board.page import ARROWS
from bench.board.ranking import ALPHA
from bench.board.readings import Readings, advantage, readings
from bench.board.report import in_order, read_results, results_files, task_of
from bench.errors import BenchError, CheckFailed
from bench.paths import home
from bench.protocols import Column
from bench.runtime.revision import board_at
from bench.scores import Row
from bench.scoring.columns import columns_of
from bench.statistics import MIN_SONGS, holm
from bench.task import load_task, task_names
from bench.text import printable

BOARD = "board"
"""What the published board is called; `board@REV` is that of a git revision."""
_NEAR = 1e-6
"""Values nearer than this, relative to their size, are one number: machines differ in the last digits."""


@dataclass(frozen=True)
class Move:
    """A column of a row on two boards.

    Attributes:
        metric: Name of the column.
        unit: Its unit.
        direction: `higher` or `lower` is better, or `zero`.
        before: Its value on the first board; NaN where there is none.
        after: On the second.
        gain: How much better the second is, over the songs that both have: positive is better in every column.
        low: Lower end of its 95 % interval; NaN below 8 songs.
        high: Upper end.
        p: Two-sided p-value, Holm-corrected over the columns that moved on this task and manifest; NaN below 8 songs.
        n_songs: Songs that both have.
        verdict: `same`, `better`, `worse`, `not told apart`, `untested` (too few songs), `new`, `gone`, or `not
            comparable: ` and why.
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
        moves: The primary columns, and whichever others moved; none where all is the same.
    """

    task: str
    manifest: str
    system: str
    state: Literal["new", "gone", "changed", "same"]
    moves: tuple[Move, ...] = ()


def are_boards(first: str, second: str) -> bool:
    """Whether two words of the command line name boards (or folders of runs) and not systems.

    A folder without results is taken for a board only beside one: systems and their submissions share names.

    Raises:
        BenchError: one does and the other does not.
    """
    kinds = {name: name.partition(":")[0] == name and _is_board(name) for name in (first, second)}
    if len(set(kinds.values())) > 1:
        board, system = sorted(kinds, key=lambda name: not kinds[name])
        if Path(system).is_dir():
            return True
        raise BenchError(
            f"{board} is a board and {system} is none; give two folders, or two systems (of other runs: RUN:SYSTEM)"
        )
    return kinds[first]


def between(first: str, second: str, task: str | None = None) -> list[Change]:
    """Compare the boards of two names (`opened_board`); see `changes`."""
    with opened_board(first) as old, opened_board(second) as new:
        return changes(old, new, task)


@contextmanager
def opened_board(name: str) -> Iterator[Path]:
    """Yield the folder of `board`, `board@REV`, a run, its results, a `leaderboard/` or a checkout that has one.

    Raises:
        BenchError: there are no results, no such revision, or no git to ask.
    """
    word, at, revision = name.partition("@")
    if word == BOARD and at:
        with board_at(revision) as folder:
            yield folder
        return
    path = home("leaderboard") if name == BOARD else _board_in(Path(name))
    if not path.is_dir() or not results_files(path):
        raise BenchError(f"{name}: holds no results; give a run's folder, a leaderboard/, board or board@REV")
    yield path


def changes(old: Path, new: Path, task: str | None = None) -> list[Change]:
    """Compare two boards row by row, in order of task, manifest and system.

    Args:
        old: The folder of the first board.
        new: Of the second.
        task: Only this task.

    Raises:
        UnknownName: no task is called so.
        BenchError: rows cannot be read.
    """
    wanted = load_task(task).name if task else None
    before, after = _by_row(old, wanted), _by_row(new, wanted)
    found: dict[tuple[str, str], list[Change]] = {}
    for key in sorted({*before, *after}):
        found.setdefault(key[:2], []).append(_change(key, before.get(key, []), after.get(key, []), (old, new)))
    return [change for group in found.values() for change in _corrected(group)]


def must_hold(found: Iterable[Change]) -> None:
    """Raise `CheckFailed` unless the second board has rows and the first has every one with the same numbers."""
    found = list(found)
    if all(change.state == "gone" for change in found):
        raise CheckFailed("the second has no rows to look for in the first; score into it first, or name another task")
    wrong = [
        f"{change.task}, {change.manifest}, {change.system}: {_said(change)}"
        for change in found
        if change.state in ("new", "changed")
    ]
    if wrong:
        raise CheckFailed("rows of the second are not those of the first:\n" + "\n".join(f"  {one}" for one in wrong))


def _is_board(name: str) -> bool:
    return name.partition("@")[0] == BOARD or (Path(name).is_dir() and bool(results_files(_board_in(Path(name)))))


def _board_in(folder: Path) -> Path:
    """Return the `leaderboard/` of a checkout, or else the folder itself."""
    inside = folder / "leaderboard"
    return inside if (inside / "results").is_dir() else folder


def _said(change: Change) -> str:
    moved = [
        f"{move.metric} {_number(move.before, 6)} → {_number(move.after, 6)}"
        for move in change.moves
        if move.verdict != "same"
    ]
    return f"{change.state} ({', '.join(moved)})"


def _number(value: float, digits: int = 3) -> str:
    return "—" if isnan(value) else f"{value:.{digits}g}"


def _by_row(folder: Path, task: str | None) -> dict[tuple[str, str, str], list[Row]]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in read_results(folder):
        if task in (None, row.task):
            found.setdefault((row.task, row.manifest, row.system), []).append(row)
    return found


def _columns(folders: Iterable[Path], name: str) -> tuple[list[Column], list[str]]:
    """Return what a task's pages show of either board, and its primary columns; none of a task that is no more."""
    if name not in task_names():
        return [], []
    found: dict[str, Column] = {}
    for folder in folders:
        task = task_of(folder, name)
        found |= {column.name: column for column in in_order(task, columns_of(task))}
    return [c for c in found.values() if c.is_shown or c.is_ranked], list(load_task(name).primary.values())


def _change(key: tuple[str, str, str], before: Sequence[Row], after: Sequence[Row], folders: Iterable[Path]) -> Change:
    columns, primary = _columns(folders, key[0])
    moves = _moves(before, after, columns)
    is_same = all(move.verdict == "same" for move in moves) if columns else repr(before) == repr(after)
    if before and after and is_same:
        return Change(*key, "same")
    state: Literal["new", "gone", "changed"] = "new" if not before else "gone" if not after else "changed"
    told = [m for m in moves if m.metric in primary or (state == "changed" and m.verdict != "same")]
    return Change(*key, state, tuple(told))


def _moves(before: Sequence[Row], after: Sequence[Row], columns: Iterable[Column]) -> list[Move]:
    sides = {"before": before, "after": after}
    scores = readings(replace(row, system=side) for side, rows in sides.items() for row in rows)
    old, new = scores.get("before", {}), scores.get("after", {})
    return [_move(c, old.get(c.name), new.get(c.name)) for c in columns if c.name in old or c.name in new]


def _move(column: Column, old: Readings | None, new: Readings | None) -> Move:
    before, after = (nan if one is None else one.whole.value for one in (old, new))
    bare = Move(column.name, column.unit, column.direction, before, after)
    if old is None or new is None:
        return replace(bare, verdict="new" if old is None else "gone")
    if why := _apart(old, new):
        return replace(bare, verdict=f"not comparable: {why}")
    if _are_near(old, new):
        return bare
    if old.is_incomplete or new.is_incomplete:
        return replace(bare, verdict="not comparable: outputs are missing")
    found = advantage(new, old, column.direction)
    n_songs = found.n if new.examples else min(old.n_songs, new.n_songs)
    verdict = "untested" if n_songs < MIN_SONGS or isnan(found.p) else "not told apart"
    return replace(
        bare, gain=found.mean, low=found.low, high=found.high, p=found.p, n_songs=n_songs, verdict=verdict
    )  # fmt: skip


def _apart(old: Readings, new: Readings) -> str:
    """Say why two readings of a column are not comparable; empty where they are."""
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
    """Correct the p-values of a task and manifest for their number and give the verdicts."""
    corrected = iter(holm([move.p for change in group for move in change.moves]))
    return [replace(c, moves=tuple(_judged(m, float(next(corrected))) for m in c.moves)) for c in group]


def _judged(move: Move, p: float) -> Move:
    if p < ALPHA:
        return replace(move, p=p, verdict="better" if move.gain > 0 else "worse")
    return replace(move, p=p)


def grids(found: Sequence[Change], first: str, second: str) -> list[Any]:
    """Render changes for the terminal, a table per task and manifest; what is not comparable is dimmed."""
    from rich.table import Table
    from rich.text import Text

    made: dict[tuple[str, str], Any] = {}
    for change in found:
        if change.state == "same":
            continue
        if (key := (change.task, change.manifest)) not in made:
            made[key] = Table(title=Text(printable(f"{change.task}, {change.manifest}: {first} → {second}")))
            for name in ("system", "row", "column", "before", "after", "gain", "p", "songs", ""):
                made[key].add_column(Text(name), justify="right" if name in _NUMBERS else "left")
        for place, move in enumerate(change.moves or (Move("", "", ""),)):
            names = (change.system, change.state) if place == 0 else ("", "")
            style = "dim" if move.verdict.startswith("not comparable") else ""
            made[key].add_row(*(Text(printable(cell), style=style) for cell in (*names, *_cells(move))))
    same = sum(change.state == "same" for change in found)
    return [*made.values(), Text(f"{same} of {len(found)} rows have the same numbers on both. {_CAPTION}")]


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
