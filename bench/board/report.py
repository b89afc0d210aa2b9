"""Report: read the rows of a run or of the published board and turn them into tables, a page or JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from bench import plugins
from bench.board.extractors import read_means, sentences
from bench.board.history import history_of, place_of
from bench.board.outdated import outdated
from bench.board.page import Origin, head, lines, markdown, notes, title
from bench.board.tables import Table, tables
from bench.errors import BenchError
from bench.formats import read_yaml, value_of
from bench.paths import home, is_clone, write_text
from bench.protocols import Column
from bench.scores import Row, read_rows
from bench.scoring.columns import ADHERENCE, columns_of, listeners_columns
from bench.submission import STITCHED
from bench.task import Task, load_task, with_metrics
from bench.text import printable

PAGE, RUN_PAGE, RESULTS, LISTENING = "README.md", "report.md", "results", "listening"
SIZES = {"mini": "mini", "small": "full size", "medium": "full size", "large": "full size"}
"""Size of the base model by a part of our models' names; systems of different sizes are ranked separately."""
_STYLES = {"best": "bold", "title": "italic", "bounds": "dim"}


def folder_of(run: Path | None, published: bool, out: Path) -> Path:
    """Return the folder to report on: `run` if given, else `out` if it holds results, else the published board.

    Raises:
        BenchError: `run` holds no results, or both it and the published board are asked for.
    """
    if run is not None and published:
        raise BenchError(f"{run} and --published are two boards; name one of them")
    if run is not None:
        if not score_files(run):
            raise BenchError(f"{run}: holds no results; give the folder that a run was written to (--out)")
        return run
    return home("leaderboard") if published or not (out / RESULTS).is_dir() else out


def tables_of(folder: Path) -> list[Table]:
    """Build the tables of all rows under a run's folder, its results, or the published board.

    Raises:
        BenchError: a file cannot be read; the message names file and line.
        UnknownName: a row's task is not in the suite.
    """
    by_task: dict[str, list[Row]] = {}
    for row in read_results(folder):
        by_task.setdefault(row.task, []).append(row)
    result: list[Table] = []
    means = read_means()
    for name in sorted(by_task):
        task = task_of(folder, name)
        sizes = {row.system: size for row in by_task[name] if (size := size_of(row.system))}
        made = tables(by_task[name], shown_columns(task), task.primary, sizes)
        result += [replace(t, outdated=outdated(task, t.task_version, t.manifest, t.manifest_sha)) for t in made]
    return [replace(table, notes=(*table.notes, *sentences(table, means))) for table in result]


def task_of(folder: Path, name: str) -> Task:
    """Return a task with its own metrics and those added by `--metric`, which the `.run.yaml` files name.

    Raises:
        UnknownName: no task has this name.
    """
    task = load_task(name)
    beside = [p.with_suffix(".run.yaml") for p in score_files(folder) if p.parent.parent.name == name]
    added = [spec for path in beside if path.is_file() for spec in _added_metrics(path)]
    return with_metrics(task, sorted({str(spec) for spec in added}))


def _added_metrics(path: Path) -> list[Any]:
    try:
        specs: list[Any] = value_of(list, {"added_metrics": []} | read_yaml(path), "added_metrics")
    except BenchError as error:
        raise BenchError(f"{path}: {error}; score the submission again") from error
    return specs


def shown_columns(task: Task) -> list[Column]:
    """Return all columns of a task in reading order: those of its metrics, then those of listening tests."""
    return [*in_order(task, columns_of(task)), *listeners_columns()]


def in_order(task: Task, columns: Iterable[Column]) -> list[Column]:
    """Sort columns for reading: the ranking column, quality, adherence, then the rest in the task's order."""
    first = [task.primary.get("control"), task.primary["quality"], ADHERENCE]
    return sorted(columns, key=lambda column: first.index(column.name) if column.name in first else len(first))


def size_of(system: str) -> str:
    """Return the size that the name of one of our models contains; empty without one, and for all other systems.

    Other people's systems have no size, whatever their names: they are compared with every size.
    """
    if system.removesuffix(STITCHED) not in plugins.names("models"):
        return ""
    return next((SIZES[part] for part in system.split("-") if part in SIZES), "")


def read_results(folder: Path) -> list[Row]:
    """Read all rows under a folder, or under its `results/` and `listening/` where it has them, in order of path.

    Raises:
        BenchError: a file cannot be read; the message names file and line.
    """
    return [row for path in [*score_files(folder), *listening_files(folder)] for row in read_rows(path)]


def results_files(folder: Path) -> dict[tuple[str, str, str], Path]:
    """Return the CSVs of scores, without those of listening tests, by (task, manifest, system) of their paths."""
    return {place_of(path): path for path in score_files(folder)}


def render(folder: Path) -> str:
    """Return the Markdown page of a folder's rows; without rows, a page that says so."""
    return markdown(tables_of(folder), _origins(folder))


def publish(folder: Path | None = None) -> Path:
    """Write the page beside its rows: `report.md` into a run's folder, or the published board's `README.md`.

    Raises:
        BenchError: the published page is asked for and bench does not run from a clone.
    """
    if folder is None and not is_clone():
        raise BenchError("the published page is written in a clone of the repository only; name a run's folder instead")
    path = home("leaderboard") / PAGE if folder is None else folder / RUN_PAGE
    write_text(path, render(path.parent))
    return path


def terminal(board_tables: Sequence[Table]) -> Group:
    """Render tables for the terminal; text of submitters is never read as markup."""
    grids: list[Any] = []
    for table in board_tables:
        caption = printable("\n".join(notes(table)), keep="\n")
        grid = Grid(title=Text(printable(title(table))), caption=Text(caption), caption_justify="left")
        for place, name in enumerate(head(table)):
            least = 20 if place == 1 else None  # else many columns would break the names of systems
            grid.add_column(Text(name), justify="left" if place < 2 else "right", overflow="fold", min_width=least)
        for kind, cells in lines(table):
            style = "dim" if table.outdated else _STYLES.get(kind, "")
            grid.add_row(*(Text(printable(cell), style=style) for cell in cells))
        grids.append(grid)
    return Group(*(grids or [Text("No rows yet.")]))


def payload(board_tables: Sequence[Table]) -> dict[str, Any]:
    """Return the tables as plain values for JSON; NaN becomes None."""
    return {"tables": [_plain({**asdict(replace(t, columns=())), "columns": _columns(t)}) for t in board_tables]}


def _columns(table: Table) -> list[dict[str, Any]]:
    names = ("name", "unit", "direction", "is_ranked", "is_shown")
    return [{name: getattr(column, name) for name in names} for column in table.columns]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value


def score_files(folder: Path) -> list[Path]:
    """Return the CSVs of scores under a folder, or under its `results/` where it has one."""
    inside = folder / RESULTS
    return sorted((inside if inside.is_dir() else folder).rglob("*.csv"))


def listening_files(folder: Path) -> list[Path]:
    """Return the CSVs of listening tests, which lie apart so that scoring again does not delete them."""
    return sorted((folder / LISTENING).rglob("*.csv"))


def _origins(folder: Path) -> dict[tuple[str, str, str], Origin]:
    """Read how each system's rows were made, from their `.run.yaml` and history."""
    origins = {}
    for path in score_files(folder):
        beside = path.with_suffix(".run.yaml")
        if beside.is_file():
            keys = read_yaml(beside)
            earlier = tuple(str(scoring) for scoring in history_of(folder, *place_of(path))[:-1])
            origins[place_of(path)] = Origin(str(keys.get("bench", "")), str(keys.get("visibility", "")), earlier)
    return origins
