"""Present: write a board as a static site, with players if there are sounds."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.board.history import history_of
from bench.board.page import Origin, made
from bench.board.report import read_results, results_files, tables_of, task_of
from bench.board.tables import Table
from bench.errors import BenchError
from bench.formats import read_yaml
from bench.paths import home, is_clone
from bench.scores import WHOLE_SET, Row
from bench.site.board import Board, Sheet, Speed
from bench.site.folder import differences, write_players, write_tables
from bench.submission import CARD, Card

SITE, INDEX = "site", "index.html"
UNSHOWN = ("system", "task", "task_version", "manifest", "generation_seconds", "generation_rate", "peak_memory_mib")
"""Keys of a card that are not shown because they differ between tasks or runs."""
_Place = tuple[str, str, str]


@dataclass(frozen=True)
class Presented:
    """A site that was written.

    Attributes:
        index: The page to open.
        n_players: Number of examples with a player.
        n_bytes: Size of all pages.
        left_out: Examples left out because the site would be too large.
    """

    index: Path
    n_players: int
    n_bytes: int
    left_out: list[str]

    @property
    def lines(self) -> list[str]:
        """Lines for the terminal."""
        size = f"{self.n_players} examples to listen to, {self.n_bytes / 1e6:.1f} MB"
        n, first = len(self.left_out), next(iter(self.left_out), "")
        left_out = f"{n} more would make the site too large, the first is {first}; --all includes them"
        return [str(self.index), size, *([left_out] if self.left_out else [])]


def present(folder: Path, sounds: Path | None = None, is_whole: bool = False) -> Presented:
    """Write the site of a run, or of the published board, into the subfolder `site/`.

    Args:
        folder: A run's folder, its results, or the published board.
        sounds: The run whose sounds are played; `folder` when None.
        is_whole: Whether to write all examples and systems, of any size.

    Raises:
        BenchError: rows, cards or examples cannot be read, or `folder` is the published board outside a clone.
    """
    if folder == home("leaderboard") and not is_clone():
        raise BenchError("the published site is written in a clone of the repository only; name a run's folder instead")
    if sounds is not None and not (sounds / "examples").is_dir():
        raise BenchError(f"{sounds}: holds no examples to listen to; name the folder of a run")
    site, board = folder / SITE, board_of(folder)
    left_out = write_players(site, board, sounds or folder, is_whole)
    write_tables(site, board)
    pages = list(site.rglob("*.html"))
    n_players = sum(1 for page in pages if page.parent != site)
    return Presented(site / INDEX, n_players, sum(page.stat().st_size for page in pages), left_out)


def refresh(folder: Path | None = None) -> list[Path]:
    """Write the pages of tables and cards again if the board has a site; return their paths.

    Args:
        folder: The board; the published one when None.
    """
    folder = folder or home("leaderboard")
    return write_tables(folder / SITE, board_of(folder)) if (folder / SITE).is_dir() else []


def check(folder: Path | None = None) -> list[str]:
    """List the pages of a board's site that disagree with its rows; empty if it has no site.

    Args:
        folder: The board; the published one when None.
    """
    folder = folder or home("leaderboard")
    return differences(folder / SITE, board_of(folder)) if (folder / SITE).is_dir() else []


def board_of(folder: Path) -> Board:
    """Gather the content of a folder's site.

    Raises:
        BenchError: a file cannot be read; it names the file.
    """
    rows, files = read_results(folder), results_files(folder)
    beside = {place: path.with_suffix(".run.yaml") for place, path in files.items()}
    runs = {place: read_yaml(path) for place, path in beside.items() if path.is_file()}
    sheets = tuple(_sheet(folder, table, rows, files, runs) for table in tables_of(folder))
    return Board(sheets, _cards(folder), folder == home("leaderboard"), _histories(folder, files))


def _sheet(
    folder: Path, table: Table, rows: Iterable[Row], files: dict[_Place, Path], runs: dict[_Place, dict[str, Any]]
) -> Sheet:
    task = task_of(folder, table.task)
    places = {entry.system: (table.task, table.manifest, entry.system) for entry in table.entries}
    known = {system: runs[place] for system, place in places.items() if place in runs}
    origins = {
        places[s]: Origin(str(keys.get("bench", "")), str(keys.get("visibility", ""))) for s, keys in known.items()
    }
    return Sheet(
        table,
        is_current=not table.outdated,
        made=made(table, origins),
        primary=task.primary,
        values=_values(table, rows),
        speeds={system: _speed(keys) for system, keys in known.items()},
        files={s: os.path.relpath(files[place], folder / SITE) for s, place in places.items() if place in files},
    )


def _values(table: Table, rows: Iterable[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the values of a table's example rows, by column, system and excerpt."""
    systems = {entry.system for entry in table.entries}
    which = (table.task, table.task_version, table.manifest, table.manifest_sha)
    values: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        if (row.task, row.task_version, row.manifest, row.manifest_sha) != which or row.system not in systems:
            continue
        if not row.example.startswith(WHOLE_SET) and table.identities.get(row.metric) == row.identity:
            values.setdefault(row.metric, {}).setdefault(row.system, {})[row.example] = row.value
    return values


def _speed(keys: dict[str, Any]) -> Speed:
    rate = keys.get("generation_rate", 0.0)
    return Speed(float(rate) if isinstance(rate, int | float) else 0.0, str(keys.get("hardware", "")))


def _histories(folder: Path, files: Iterable[_Place]) -> dict[str, dict[str, list[str]]]:
    """Return every system's earlier scorings, the newest first; a run has none."""
    histories: dict[str, dict[str, list[str]]] = {}
    for task, manifest, system in sorted(files):
        if scorings := history_of(folder, task, manifest, system):
            histories.setdefault(system, {})[f"{task}, {manifest}"] = [str(scoring) for scoring in reversed(scorings)]
    return histories


def _cards(folder: Path) -> dict[str, dict[str, object]]:
    """Read the systems' cards: the published ones, or those of a run's submissions."""
    paths = [*sorted(folder.glob("systems/*.yaml")), *sorted(folder.glob(f"submissions/*/*/*/{CARD}"))]
    shown = [key for key in Card.__dataclass_fields__ if key not in UNSHOWN]
    cards: dict[str, dict[str, object]] = {}
    for path in paths:
        keys = read_yaml(path, allowed=list(Card.__dataclass_fields__))
        name = path.stem if path.parent.name == "systems" else path.parent.name
        cards.setdefault(name, {key: keys[key] for key in shown if key in keys})
    return cards
