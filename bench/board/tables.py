"""Tables: who is better, by how much that could be luck, between which floor and ceiling (docs/design.md, section 11).

Decisions, all about one task, task version and manifest:

* The task's primary control column ranks, its quality column where there is no control. Ranks compare complete systems
  above the line, all pairs, Holm-corrected at 5 %.
* Under the line "follows, but makes no music" stand systems that `fill-gap` marks, and those not significantly better
  than `copy-control` on the quality column (Holm over these comparisons). They get no rank, and cost nobody else one.
* Below 8 songs nothing is tested: no ranks, nobody under the line for quality, order by value.
* Systems whose primary column has another identity stand in a table of their own; so do single columns whose identity
  is not the table's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Literal, TypeVar

import numpy as np

from bench import statistics
from bench.board.ranking import BOUNDS, bound_of, identity_of, is_incomplete, ranks_of, under_the_line
from bench.board.readings import Readings, Scores, goodness, leftovers, readings
from bench.manifest import song_of
from bench.protocols import Column
from bench.scores import Row
from bench.submission import STITCHED

Section = Literal["ranked", "under", "stitched", "incomplete", "bounds"]
SECTIONS: tuple[Section, ...] = ("ranked", "under", "stitched", "incomplete", "bounds")

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Cell:
    """A number of a table: value, ends of its interval (NaN: none), and why it is what it is."""

    value: float
    low: float = nan
    high: float = nan
    state: str = "ok"
    n_songs: int = 0
    n_requested: int = 0


@dataclass(frozen=True)
class Entry:
    """A system's line.

    Attributes:
        system: Its name, as the submitter wrote it.
        section: `ranked`, `under` the line, `stitched` (a second reading of a system, its context replaced by the given
            one), `incomplete`, or `bounds` (floors and ceilings).
        cells: By column.
        n_songs: Songs asked for.
        n_failed: Excerpts without an output.
        rank: Lowest and highest place it may hold, None where nothing ranks it.
        marks: What a reader must know, e.g. "copies its control".
    """

    system: str
    section: Section
    cells: dict[str, Cell]
    n_songs: int
    n_failed: int
    rank: tuple[int, int] | None = None
    marks: tuple[str, ...] = ()

    @property
    def is_tied(self) -> bool:
        """Whether it shares its places with another system."""
        return self.rank is not None and self.rank[0] < self.rank[1]


@dataclass(frozen=True)
class Table:
    """Systems that may be compared.

    Attributes:
        task: Name of the task.
        task_version: Its version.
        manifest: Name of the manifest.
        manifest_sha: Its sha256.
        columns: What is shown, in order.
        identities: Identity by column.
        ranked_by: The column that ranks; empty where nothing does.
        entries: Lines in order: ranked, under the line, incomplete, ceilings and floors.
        chance: Lowest and highest chance level of the lines, by column, where known.
        ceiling: The same of the reference's own score.
        notes: Sentences under the table.
        part: Which systems or columns it holds, where the task has several tables; else empty.
        outdated: Why its rows are not comparable with present ones; empty where they are.
    """

    task: str
    task_version: int
    manifest: str
    manifest_sha: str
    columns: tuple[Column, ...]
    identities: dict[str, str]
    ranked_by: str
    entries: tuple[Entry, ...]
    chance: dict[str, tuple[float, float]]
    ceiling: dict[str, tuple[float, float]]
    notes: tuple[str, ...] = ()
    part: str = ""
    outdated: str = ""


def tables(
    rows: Iterable[Row],
    columns: Sequence[Column],
    primary: Mapping[str, str],
    sections: Mapping[str, str] | None = None,
) -> list[Table]:
    """Build the tables of one task.

    Args:
        rows: Rows of one task; those of different version or manifest go into different tables, newest version first.
        columns: What may be shown, in order; rows of other metrics are left out.
        primary: The task's `control` (or none) and `quality` columns.
        sections: Systems that are only compared with those of the same section (sizes of model, say); a system not
            named here stands in every table.
    """
    groups = _grouped((row, (-row.task_version, row.manifest, row.manifest_sha)) for row in rows)
    return [table for _, group in sorted(groups.items()) for table in _one_manifest(group, columns, primary, sections)]


def _one_manifest(
    rows: list[Row], columns: Sequence[Column], primary: Mapping[str, str], sections: Mapping[str, str] | None
) -> list[Table]:
    scores = readings(rows)
    chief = primary.get("control") or primary.get("quality", "")
    sections = {system: part for system, part in (sections or {}).items() if system in scores}
    parts = sorted(set(sections.values()))
    result = []
    for part in parts if len(parts) > 1 else [""]:
        chosen = {s: r for s, r in scores.items() if not part or sections.get(s, part) == part}
        groups = _by_identity(chosen, chief)
        for identity, systems in groups:
            name = f"{chief} as {identity}" if len(groups) > 1 else ""
            name = "; ".join(filter(None, [part, name]))
            result += _with_sides({s: chosen[s] for s in systems}, columns, primary, name)
    shown = {column.name for column in columns}
    for identity, found in sorted(leftovers(rows).items()):
        if any(name in shown for columns_of_one in found.values() for name in columns_of_one):
            result.append(_table(found, columns, "", {}, [], f"columns as {identity}"))
    return result


def _by_identity(scores: Scores, metric: str) -> list[tuple[str, list[str]]]:
    """Group systems by a column's identity, the largest group first; those without the column go with it."""
    groups = _grouped((s, identity_of(scores[s], metric)) for s in scores if metric in scores[s])
    result = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])) or [("", [])]
    result[0][1].extend(system for system in scores if metric not in scores[system])
    return result


def _with_sides(scores: Scores, columns: Sequence[Column], primary: Mapping[str, str], part: str) -> list[Table]:
    """Build a table, and tables of their own for columns whose identity is not the one that most systems have."""
    main: Scores = {system: {} for system in scores}
    aside: dict[str, Scores] = {}
    for column in columns:
        measured = {system: found for system, found in scores.items() if column.name in found}
        for place, (identity, systems) in enumerate(_by_identity(measured, column.name)):
            for system in systems:
                target = main if place == 0 else aside.setdefault(identity, {})
                target.setdefault(system, {})[column.name] = scores[system][column.name]
    main = {system: found for system, found in main.items() if found}
    quality = next((column for column in columns if column.name == primary.get("quality")), None)
    marks, notes = under_the_line(scores, quality) if "control" in primary else ({}, [])
    chief = primary.get("control") or primary.get("quality", "")
    result = [_table(main, columns, chief, marks, notes, part)] if main else []
    for identity, found in sorted(aside.items()):
        name = "; ".join(filter(None, [part, f"columns as {identity}"]))
        result.append(_table(found, columns, "", {}, [], name))
    return result


def _table(
    scores: Scores,
    columns: Sequence[Column],
    ranked_by: str,
    marks: Mapping[str, tuple[str, ...]],
    notes: Sequence[str],
    part: str,
) -> Table:
    measured = {name for found in scores.values() for name in found}
    chief = next((column for column in columns if column.name == ranked_by and ranked_by in measured), None)
    place = {system: _section(system, found, marks) for system, found in scores.items()}
    ranks: dict[str, tuple[int, int]] = {}
    notes = list(notes)
    if chief is not None and not chief.is_ranked:
        notes.append(f"{chief.name} is not a column that ranks: no ranks here.")
    elif chief is not None:
        ranked = {s: scores[s][chief.name] for s in scores if place[s] == "ranked" and chief.name in scores[s]}
        ranks = ranks_of(ranked, chief.direction)
        if ranked and not ranks:
            notes.append(f"Too few songs (under {statistics.MIN_SONGS}) to rank; in order of {chief.name}.")
    shown = tuple(c for c in columns if c.name in measured and (c.is_shown or c is chief))
    entries = [_entry(s, scores[s], place[s], shown, ranks.get(s), marks.get(s, ())) for s in scores]
    row = next(iter(next(iter(scores.values())).values())).whole
    return Table(
        row.task,
        row.task_version,
        row.manifest,
        row.manifest_sha,
        shown,
        {c.name: _first_identity(scores, c.name) for c in shown},
        chief.name if chief is not None and ranks else "",
        tuple(sorted(entries, key=lambda entry: _order(entry, chief))),
        {c.name: found for c in shown if (found := _span(scores, c.name, "chance"))},
        {c.name: found for c in shown if (found := _span(scores, c.name, "ceiling"))},
        tuple(notes),
        part,
    )


def _section(system: str, found: Mapping[str, Readings], marks: Mapping[str, tuple[str, ...]]) -> Section:
    if bound_of(system):
        return "bounds"
    if is_incomplete(found):
        return "incomplete"
    if system.endswith(STITCHED):
        return "stitched"
    return "under" if system in marks else "ranked"


def _entry(
    system: str,
    found: Mapping[str, Readings],
    section: Section,
    shown: Sequence[Column],
    rank: tuple[int, int] | None,
    marks: tuple[str, ...],
) -> Entry:
    cells = {c.name: _cell(found[c.name]) if c.name in found else Cell(nan, state="not-measured") for c in shown}
    if is_incomplete(found):
        cells = {name: Cell(nan, state="incomplete") for name in cells}
    n_songs = max((len({song_of(e) for e in reading.examples}) for reading in found.values()), default=0)
    n_songs = n_songs or max(reading.whole.n_requested for reading in found.values())
    return Entry(system, section, cells, n_songs, len(_failed(found)), rank, marks)


def _cell(reading: Readings) -> Cell:
    row = reading.whole
    state = row.state
    if np.isnan(row.value) and state == "ok":
        state = "undefined-reference"
    return Cell(row.value, row.low, row.high, state, reading.n_songs, row.n_requested)


def _order(entry: Entry, chief: Column | None) -> tuple[float | str, ...]:
    """Sort by section; inside by rank, then value, then name; ceilings and floors in their own order."""
    if entry.section == "bounds":
        return (SECTIONS.index("bounds"), BOUNDS.index(bound_of(entry.system)), 0.0, entry.system)
    value = entry.cells[chief.name].value if chief is not None and chief.name in entry.cells else nan
    worth = -goodness(value, chief.direction) if chief is not None and not np.isnan(value) else np.inf
    return (SECTIONS.index(entry.section), entry.rank[0] if entry.rank else np.inf, worth, entry.system)


def _failed(found: Mapping[str, Readings]) -> frozenset[str]:
    return frozenset[str]().union(*(reading.failed for reading in found.values()))


def _first_identity(scores: Scores, metric: str) -> str:
    return next(found[metric].whole.identity for found in scores.values() if metric in found)


def _span(scores: Scores, metric: str, what: Literal["chance", "ceiling"]) -> tuple[float, float] | None:
    """Return the lowest and highest known chance or ceiling of a column; chance may depend on the output's density."""
    values = [float(getattr(found[metric].whole, what)) for found in scores.values() if metric in found]
    values = [value for value in values if not np.isnan(value)]
    return (min(values), max(values)) if values else None


def _grouped(pairs: Iterable[tuple[_Value, _Key]]) -> dict[_Key, list[_Value]]:
    groups: dict[_Key, list[_Value]] = {}
    for value, key in pairs:
        groups.setdefault(key, []).append(value)
    return groups
