"""Audit: check that a board's page agrees with its rows, and that the rows are consistent."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path

from bench.board.history import place_of
from bench.board.readings import leftovers, readings
from bench.board.report import PAGE, listening_files, read_results, render, score_files
from bench.paths import home
from bench.scores import WHOLE_SET, Row, read_rows
from bench.task import task_names


def audit(folder: Path | None = None) -> list[str]:
    """List where a board's page differs from its rows, and where its rows contradict each other; empty if nowhere.

    A set row must be the mean of its own example rows, a file must hold the rows that its path names and no number
    twice, and all systems of a table must have answered the same excerpts, so that no row can be left out unnoticed.

    Args:
        folder: The board; the published one when None.
    """
    folder = folder or home("leaderboard")
    rows = read_results(folder)
    problems = [p for path in [*score_files(folder), *listening_files(folder)] for p in _file_problems(folder, path)]
    problems += [f"{name}: no task has this name" for name in sorted({row.task for row in rows} - set(task_names()))]
    if problems:
        return problems
    problems = _missing_excerpts(row for path in score_files(folder) for row in read_rows(path))
    path, new = folder / PAGE, render(folder)
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    if old != new:
        problems.append(f"{path.name}:{first_difference(old, new)}; `bench submit` writes it again")
    return problems


def first_difference(old: str, new: str) -> str:
    """Return the number of the first line that differs between two pages, and both versions of it."""
    for number, (before, after) in enumerate(zip_longest(old.split("\n"), new.split("\n")), 1):
        if before != after:
            return f"{number}: the page says {before!r}, the rows say {after!r}"
    return "no difference"


def _file_problems(folder: Path, path: Path) -> list[str]:
    place = path.relative_to(folder).as_posix()
    rows = read_rows(path)
    problems = []
    if any((row.task, row.manifest, row.system) != place_of(path) for row in rows):
        problems.append(f"{place}: holds rows of another task, manifest or system than its path says")
    names = [(row.metric, row.identity, row.example) for row in rows]
    if len(set(names)) < len(names):
        problems.append(f"{place}: holds a number twice")
    if not path.with_suffix(".run.yaml").is_file():
        problems.append(f"{place}: has no {path.stem}.run.yaml beside it")
    return problems + [f"{place}: {problem}" for problem in _wrong_means(rows)]


def _wrong_means(rows: Sequence[Row]) -> list[str]:
    """List columns whose set row is not the mean over songs."""
    problems = []
    for scores in (readings(rows), *leftovers(rows).values()):
        for metric, reading in (pair for columns in scores.values() for pair in columns.items()):
            songs = list(reading.songs.values())
            mean = sum(songs) / len(songs) if songs else float("nan")
            if songs and not abs(mean - reading.whole.value) <= 1e-9 * max(1.0, abs(mean)):
                problems.append(f"{metric} of the set is {reading.whole.value}, its rows' mean is {mean}")
    return problems


def _missing_excerpts(rows: Iterable[Row]) -> list[str]:
    """List systems without rows for an excerpt that another system of the same table has."""
    answered: dict[tuple[str, int, str, str], dict[str, set[str]]] = {}
    for row in rows:
        systems = answered.setdefault((row.task, row.task_version, row.manifest, row.manifest_sha), {})
        examples = systems.setdefault(row.system, set())
        if not row.example.startswith(WHOLE_SET):
            examples.add(row.example)
    problems = []
    for (task, _, manifest, _), systems in sorted(answered.items()):
        expected = set().union(*systems.values())
        for system, examples in sorted(systems.items()):
            if missing := sorted(expected - examples):
                where = f"{task}, {manifest}, {system}"
                problems.append(f"{where}: no rows for {len(missing)} excerpts, {missing[0]} first")
    return problems
