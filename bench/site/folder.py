"""Folder: the pages of a site written to disk within a size limit, and their differences from the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from bench.board.ranking import bound_of
from bench.errors import BenchError
from bench.example import read_example
from bench.manifest import read_manifest
from bench.paths import write_text
from bench.site.board import Board, Sheet
from bench.site.index import Players, index_page, listen_path, systems_page
from bench.site.player import Stage, player_page
from bench.submission import STITCHED

MOST_BYTES = 24_000_000
MOST_EXAMPLES, MOST_SYSTEMS, LEAST_SYSTEMS = 3, 6, 2
MOST_TRACKS = 150
"""Number of tracks of 15 s that fit within the size limit."""
N_GIVEN = 3
"""Tracks of an example that are not outputs: original, masked, control."""
SAME_AS_GIVEN = ("oracle", "silence")
"""Systems whose outputs equal other tracks: the original, and the masked sound."""


@dataclass(frozen=True)
class _Set:
    """Examples of one task on one manifest that get a player.

    Attributes:
        examples: The folder of requests and references.
        ids: Ids of the examples.
        systems: Systems to play and the folders of their outputs, in order.
        sheets: The tables of this task and manifest.
    """

    examples: Path
    ids: tuple[str, ...]
    systems: tuple[tuple[str, Path], ...]
    sheets: tuple[Sheet, ...]


def write_players(site: Path, board: Board, sounds: Path, is_whole: bool) -> list[str]:
    """Write the player pages of examples and remove outdated ones; return the examples that were left out.

    Every task gets its first example before any task gets a second. Without `is_whole` there are at most three examples
    per task, six systems per example (fewer if there are many tasks) and 24 MB in total, tables included.

    Args:
        site: The site's folder.
        board: Content of the site.
        sounds: The run whose examples and submissions are played.
        is_whole: Whether to write all examples and systems, of any size.

    Raises:
        BenchError: an example's files are missing or malformed; it names them.
    """
    sets = list(_sets(board, sounds, is_whole))
    kept, left_out = set(), []
    n_bytes = sum(len(page.encode()) for page in _pages(site, board).values())
    for turn in range(max((len(one.ids) for one in sets), default=0)):
        for one in sets:
            if turn >= len(one.ids):
                continue
            path = site / listen_path(*one.sheets[0].place, one.ids[turn])
            page = _page(one, one.ids[turn])
            n_page = len(page.encode())
            if n_bytes + n_page > MOST_BYTES and not is_whole:
                left_out.append(f"{one.sheets[0].table.task}: {one.ids[turn]}")
                continue
            write_text(path, page)
            kept.add(path)
            n_bytes += n_page
    for path in (site / "listen").glob("*/*/*.html"):
        if path not in kept:
            path.unlink()
    return left_out


def write_tables(site: Path, board: Board) -> list[Path]:
    """Write the pages of tables and of cards, with links to the existing player pages; return their paths."""
    pages = _pages(site, board)
    for name, page in pages.items():
        write_text(site / name, page)
    return [site / name for name in pages]


def differences(site: Path, board: Board) -> list[str]:
    """List the pages of tables and cards that disagree with a board's rows and cards."""
    outdated = []
    for name, fresh in _pages(site, board).items():
        kept = (site / name).read_text(encoding="utf-8") if (site / name).is_file() else ""
        pairs = zip_longest(kept.split("\n"), fresh.split("\n"))
        if line := next((number for number, (old, new) in enumerate(pairs, 1) if old != new), 0):
            outdated.append(
                f"{site.name}/{name}:{line}: disagrees with the rows; `bench report --published --html` writes it again"
            )
    return outdated


def _pages(site: Path, board: Board) -> dict[str, str]:
    return {"index.html": index_page(board, _players(site)), "systems.html": systems_page(board)}


def _players(site: Path) -> Players:
    players: dict[tuple[str, str], list[str]] = {}
    for path in sorted((site / "listen").glob("*/*/*.html")):
        players.setdefault((path.parent.parent.name, path.parent.name), []).append(path.stem)
    return players


def _sets(board: Board, sounds: Path, is_whole: bool) -> Iterator[_Set]:
    """Yield the sets whose manifest is that of the board's rows, so that rows and sounds are of the same excerpts."""
    # Names in rows come from strangers: only existing folders are opened, never a path made from a row.
    folders = sorted(sounds.glob("examples/*/*"))
    n_systems = min(MOST_SYSTEMS, max(LEAST_SYSTEMS, MOST_TRACKS // max(len(folders), 1) - N_GIVEN))
    for examples in folders:
        place = (examples.parent.name, examples.name)
        index = examples / "index.csv"
        manifest = read_manifest(index) if index.is_file() else None
        sha = manifest.sha256 if manifest else ""
        sheets = tuple(sheet for sheet in board.sheets if sheet.place == place and sheet.table.manifest_sha == sha)
        if manifest is None or not sheets:
            continue
        ids = tuple(excerpt.id for excerpt in manifest.excerpts)
        systems = tuple(_systems(sheets, sounds.joinpath("submissions", *place), None if is_whole else n_systems))
        yield _Set(examples, ids if is_whole else ids[:MOST_EXAMPLES], systems, sheets)


def _systems(sheets: Sequence[Sheet], submissions: Path, most: int | None) -> list[tuple[str, Path]]:
    """Return the systems to play, at most `most`, in the order of the tables, floors and ceilings last."""
    folders = {path.name: path for path in submissions.glob("*") if path.is_dir()}
    names = list(dict.fromkeys(entry.system for sheet in sheets for entry in sheet.table.entries))
    names = [name for name in names if name in folders and not name.endswith(STITCHED)]
    names.sort(key=lambda name: bool(bound_of(name)))
    chosen = names if most is None else [name for name in names if name not in SAME_AS_GIVEN][:most]
    return [(name, folders[name]) for name in chosen]


def _page(one: _Set, name: str) -> str:
    if not (one.examples / "requests" / name / "request.yaml").is_file():
        raise BenchError(f"{one.examples}: {name} is not built; run the same `bench build` again")
    example = read_example(one.examples / "requests", one.examples / "references", name)
    outputs = [(system, folder / f"{name}.wav") for system, folder in one.systems]
    outputs = [(system, path) for system, path in outputs if path.is_file()]
    scores = {system: _scores(one.sheets, system, name) for system, _ in outputs}
    return player_page(example, Stage(*one.sheets[0].place, outputs, scores))


def _scores(sheets: Sequence[Sheet], system: str, example: str) -> str:
    """Return a system's values of the primary columns for one example, as printed beside its name."""
    values = {
        column.name: value
        for sheet in sheets
        for column in sheet.table.columns
        if column.name in sheet.primary.values()
        and (value := sheet.values.get(column.name, {}).get(system, {}).get(example)) is not None
    }
    return ", ".join(f"{name} {value:.2f}" for name, value in values.items() if value == value)
