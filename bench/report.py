"""Report: the tables of a run or of the published board, and whether the published page and its rows agree."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from bench import plugins
from bench.errors import BenchError
from bench.history import history_of
from bench.leaderboard import Table, tables
from bench.listening import axes
from bench.page import Origin, head, lines, markdown, notes, printable, title
from bench.paths import home, is_clone, write_text
from bench.protocols import Column
from bench.readings import leftovers, readings
from bench.scores import WHOLE_SET, Row, read_rows
from bench.submission import STITCHED
from bench.tally import ADHERENCE, columns_of
from bench.task import Task, load_task, task_names, with_metrics
from bench.today import outdated
from bench.yaml import read_yaml, value_of

PAGE, RUN_PAGE, RESULTS, LISTENING = "README.md", "report.md", "results", "listening"
SIZES = {"mini": "mini", "small": "full size", "medium": "full size", "large": "full size"}
"""Parts of our models' names that say how large their base is; other sizes are not ranked with them."""
_STYLES = {"best": "bold", "title": "italic", "bounds": "dim"}


def folder_of(run: Path | None, published: bool, out: Path) -> Path:
    """Return the folder whose results are meant: the run named, else the one under `out`, else the published board.

    Raises:
        BenchError: `run` holds no results, or is named beside the published board.
    """
    if run is not None and published:
        raise BenchError(f"{run} and --published are two boards; name one of them")
    if run is not None:
        if not _files(run):
            raise BenchError(f"{run}: holds no results; give the folder that a run was written to (--out)")
        return run
    return home("leaderboard") if published or not (out / RESULTS).is_dir() else out


def tables_of(folder: Path) -> list[Table]:
    """Build the tables of every row in a run's folder, in its results, or in the published board.

    Raises:
        BenchError: a file cannot be read, naming it and the line.
        UnknownName: rows of a task that is not in the suite.
    """
    by_task: dict[str, list[Row]] = {}
    for row in read_results(folder):
        by_task.setdefault(row.task, []).append(row)
    result: list[Table] = []
    for name in sorted(by_task):
        task = task_of(folder, name)
        sizes = {row.system: size for row in by_task[name] if (size := size_of(row.system))}
        made = tables(by_task[name], shown_columns(task), task.primary, sizes)
        result += [replace(t, outdated=outdated(task, t.task_version, t.manifest, t.manifest_sha)) for t in made]
    return result


def task_of(folder: Path, name: str) -> Task:
    """Return a task with the metrics that a run added to its own (`--metric`), as the runs' `.run.yaml` say.

    Raises:
        UnknownName: no task has this name.
    """
    task = load_task(name)
    beside = [p.with_suffix(".run.yaml") for p in _files(folder) if p.parent.parent.name == name]
    added = [spec for path in beside if path.is_file() for spec in _added_metrics(path)]
    return with_metrics(task, sorted({str(spec) for spec in added}))


def _added_metrics(path: Path) -> list[Any]:
    try:
        specs: list[Any] = value_of(list, {"added_metrics": []} | read_yaml(path), "added_metrics")
    except BenchError as error:
        raise BenchError(f"{path}: {error}; score the submission again") from error
    return specs


def shown_columns(task: Task) -> list[Column]:
    """Return what the rows of a task may hold, in order for reading: its metrics' columns, then those of listeners."""
    return [*in_order(task, columns_of(task)), *axes.COLUMNS]


def in_order(task: Task, columns: Iterable[Column]) -> list[Column]:
    """Sort columns for reading: what ranks, its quality, adherence, then the rest as the task names them."""
    first = [task.primary.get("control"), task.primary["quality"], ADHERENCE]
    return sorted(columns, key=lambda column: first.index(column.name) if column.name in first else len(first))


def size_of(system: str) -> str:
    """Return the size that the name of one of our models tells; empty where it tells none, and for all other systems.

    A stranger's name chooses no table: whatever it is called, it stands beside every size.
    """
    if system.removesuffix(STITCHED) not in plugins.names("models"):
        return ""
    return next((SIZES[part] for part in system.split("-") if part in SIZES), "")


def read_results(folder: Path) -> list[Row]:
    """Read every row under a folder, or under its `results/` and `listening/` where it has them, in order of path.

    Raises:
        BenchError: a file cannot be read, naming it and the line.
    """
    return [row for path in [*_files(folder), *_heard(folder)] for row in read_rows(path)]


def results_files(folder: Path) -> dict[tuple[str, str, str], Path]:
    """Return every CSV of scores, not of listeners, by the task, manifest and system that its path names."""
    return {_key(path): path for path in _files(folder)}


def render(folder: Path) -> str:
    """Return the page of a folder's rows; without any, a page that says so."""
    return markdown(tables_of(folder), _origins(folder))


def publish(folder: Path | None = None) -> Path:
    """Write the page beside its rows: `report.md` into a run's folder, or the published board's `README.md`.

    Raises:
        BenchError: the published page is meant and bench does not run from a clone.
    """
    if folder is None and not is_clone():
        raise BenchError("the published page is written in a clone of the repository only; name a run's folder instead")
    path = home("leaderboard") / PAGE if folder is None else folder / RUN_PAGE
    write_text(path, render(path.parent))
    return path


def check(folder: Path | None = None) -> list[str]:
    """List how the page and the rows of a board disagree, and how rows disagree with themselves.

    A set row must be the mean of its own example rows, a file must hold what its path says and no number twice, and all
    systems of a table must have answered the same excerpts: a row left out to look better shows here.

    Args:
        folder: The board; the published one when None.
    """
    folder = folder or home("leaderboard")
    rows = read_results(folder)
    problems = [p for path in [*_files(folder), *_heard(folder)] for p in _file_problems(folder, path)]
    problems += [f"{name}: no task is called so" for name in sorted({row.task for row in rows} - set(task_names()))]
    if problems:
        return problems
    problems = _missing_excerpts(row for path in _files(folder) for row in read_rows(path))
    path, fresh = folder / PAGE, render(folder)
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    if kept != fresh:
        problems.append(f"{path.name}:{first_difference(kept, fresh)}; `bench submit` writes it again")
    return problems


def first_difference(kept: str, fresh: str) -> str:
    """Return the number and both forms of the first line that differs."""
    for number, (old, new) in enumerate(zip_longest(kept.split("\n"), fresh.split("\n")), 1):
        if old != new:
            return f"{number}: the page says {old!r}, the rows say {new!r}"
    return "no difference"


def terminal(found: Sequence[Table]) -> Group:
    """Render tables for rich; nothing a submitter wrote is read as markup."""
    grids: list[Any] = []
    for table in found:
        said = printable("\n".join(notes(table)), keep="\n")
        grid = Grid(title=Text(printable(title(table))), caption=Text(said), caption_justify="left")
        for place, name in enumerate(head(table)):
            grid.add_column(Text(name), justify="left" if place < 2 else "right", overflow="fold")
        for kind, cells in lines(table):
            style = "dim" if table.outdated else _STYLES.get(kind, "")
            grid.add_row(*(Text(printable(cell), style=style) for cell in cells))
        grids.append(grid)
    return Group(*(grids or [Text("No rows yet.")]))


def payload(found: Sequence[Table]) -> dict[str, Any]:
    """Return the tables as plain values for JSON; NaN becomes None."""
    return {"tables": [_plain({**asdict(replace(t, columns=())), "columns": _columns(t)}) for t in found]}


def _columns(table: Table) -> list[dict[str, Any]]:
    names = ("name", "unit", "direction", "is_ranked", "is_shown")
    return [{name: getattr(column, name) for name in names} for column in table.columns]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value


def _files(folder: Path) -> list[Path]:
    inside = folder / RESULTS
    return sorted((inside if inside.is_dir() else folder).rglob("*.csv"))


def _heard(folder: Path) -> list[Path]:
    """Return the rows of listening tests: apart from the scores, so that scoring again does not lose them."""
    return sorted((folder / LISTENING).rglob("*.csv"))


def _origins(folder: Path) -> dict[tuple[str, str, str], Origin]:
    """Read which version of bench made the rows of each system, and whether their references are public."""
    found = {}
    for path in _files(folder):
        beside = path.with_suffix(".run.yaml")
        if beside.is_file():
            keys = read_yaml(beside)
            was = tuple(str(scoring) for scoring in history_of(folder, *_key(path))[:-1])
            found[_key(path)] = Origin(str(keys.get("bench", "")), str(keys.get("visibility", "")), was)
    return found


def _key(path: Path) -> tuple[str, str, str]:
    """Return the task, manifest and system that a results file's path names."""
    return path.parent.parent.name, path.parent.name, path.stem


def _file_problems(folder: Path, path: Path) -> list[str]:
    place = path.relative_to(folder).as_posix()
    rows = read_rows(path)
    problems = []
    if any((row.task, row.manifest, row.system) != _key(path) for row in rows):
        problems.append(f"{place}: holds rows of another task, manifest or system than its path says")
    names = [(row.metric, row.identity, row.example) for row in rows]
    if len(set(names)) < len(names):
        problems.append(f"{place}: holds a number twice")
    if not path.with_suffix(".run.yaml").is_file():
        problems.append(f"{place}: has no {path.stem}.run.yaml beside it")
    return problems + [f"{place}: {problem}" for problem in _wrong_means(rows)]


def _wrong_means(rows: Sequence[Row]) -> list[str]:
    """List set rows that are not the mean of their songs' means."""
    problems = []
    for scores in (readings(rows), *leftovers(rows).values()):
        for metric, reading in (pair for found in scores.values() for pair in found.items()):
            songs = list(reading.songs.values())
            mean = sum(songs) / len(songs) if songs else float("nan")
            if songs and not abs(mean - reading.whole.value) <= 1e-9 * max(1.0, abs(mean)):
                problems.append(f"{metric} of the set is {reading.whole.value}, its rows' mean is {mean}")
    return problems


def _missing_excerpts(rows: Iterable[Row]) -> list[str]:
    """List systems whose rows lack excerpts that another system of the same manifest has."""
    answered: dict[tuple[str, int, str, str], dict[str, set[str]]] = {}
    for row in rows:
        systems = answered.setdefault((row.task, row.task_version, row.manifest, row.manifest_sha), {})
        examples = systems.setdefault(row.system, set())
        if not row.example.startswith(WHOLE_SET):
            examples.add(row.example)
    problems = []
    for (task, _, manifest, _), systems in sorted(answered.items()):
        wanted = set().union(*systems.values())
        for system, examples in sorted(systems.items()):
            if missing := sorted(wanted - examples):
                problems.append(f"{task}, {manifest}, {system}: no rows of {len(missing)} excerpts, {missing[0]} first")
    return problems
