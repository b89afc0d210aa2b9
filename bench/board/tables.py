"""Tables: sort rows into comparable tables with ranks, chance and ceilings (docs/design.md, section 11).

Rules, each within one task, task version and manifest:

* The task's primary control column ranks, or its quality column where there is no control. Ranks compare complete
  systems above the line, all pairs, Holm-corrected at 5 %.
* Under the line "follows, but makes no music" stand systems that `fill-gap` marks, and those not significantly better
  than `copy-control` in the quality column (Holm over these comparisons). They get no rank and do not affect the ranks
  of others.
* Below 8 songs nothing is tested: there are no ranks, the order is by value, and quality puts nobody under the line.
* Systems whose primary column has another identity get a table of their own; so do single columns whose identity
  differs from that of most systems.
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
    """One value of a table: the value, the ends of its 95 % interval (NaN: none), its state and its counts of songs."""

    value: float
    low: float = nan
    high: float = nan
    state: str = "ok"
    n_songs: int = 0
    n_requested: int = 0


@dataclass(frozen=True)
class Entry:
    """The line of one system.

    Attributes:
        system: Its name, as the submitter wrote it.
        section: `ranked`, `under` the line, `stitched` (scored again with the given context put back), `incomplete`, or
            `bounds` (floors and ceilings).
        cells: Cells by column.
        n_songs: Songs requested.
        n_failed: Excerpts without an output.
        rank: Best and worst possible rank; None for a system without a rank.
        marks: Warnings printed behind the name, e.g. "copies its control".
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
        """Whether the system shares its ranks with another."""
        return self.rank is not None and self.rank[0] < self.rank[1]


@dataclass(frozen=True)
class Table:
    """A table of systems that may be compared.

    Attributes:
        task: Name of the task.
        task_version: Its version.
        manifest: Name of the manifest.
        manifest_sha: Its sha256.
        columns: The columns shown, in order.
        identities: Identity by column.
        ranked_by: The ranking column; empty without ranks.
        entries: Lines in order of section, as in `SECTIONS`.
        chance: Lowest and highest chance level over the lines, by column, where known.
        ceiling: Lowest and highest score of the reference itself, likewise.
        notes: Sentences under the table.
        part: Which systems or columns the table holds, if the task has several tables; else empty.
        outdated: Why its rows are not comparable with present ones; empty if they are.
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
    sizes: Mapping[str, str] | None = None,
) -> list[Table]:
    """Build the tables of one task.

    Args:
        rows: Rows of one task; each version and manifest gets tables of its own, newest version first.
        columns: The columns that may be shown, in order; rows of other columns are left out.
        primary: The names of the task's `quality` column and, if it has a control, of its `control` column.
        sizes: Size by system: systems of different sizes stand in different tables; a system without a size stands in
            every table.
    """
    groups = _grouped((row, (-row.task_version, row.manifest, row.manifest_sha)) for row in rows)
    return [table for _, group in sorted(groups.items()) for table in _one_manifest(group, columns, primary, sizes)]


def _one_manifest(
    rows: list[Row], columns: Sequence[Column], primary: Mapping[str, str], sizes: Mapping[str, str] | None
) -> list[Table]:
    scores = readings(rows)
    chief = primary.get("control") or primary.get("quality", "")
    sizes = {system: size for system, size in (sizes or {}).items() if system in scores}
    different = sorted(set(sizes.values()))
    result = []
    for size in different if len(different) > 1 else [""]:
        chosen = {s: r for s, r in scores.items() if not size or sizes.get(s, size) == size}
        groups = _by_identity(chosen, chief)
        for identity, systems in groups:
            name = f"{chief} as {identity}" if len(groups) > 1 else ""
            name = "; ".join(filter(None, [size, name]))
            result += _with_sides({s: chosen[s] for s in systems}, columns, primary, name)
    shown = {column.name for column in columns}
    for identity, rest in sorted(leftovers(rows).items()):
        if any(name in shown for measured in rest.values() for name in measured):
            result.append(_table(rest, columns, "", {}, [], f"columns as {identity}"))
    return result


def _by_identity(scores: Scores, metric: str) -> list[tuple[str, list[str]]]:
    """Group systems by a column's identity, the largest group first; systems without the column join that one."""
    groups = _grouped((s, identity_of(scores[s], metric)) for s in scores if metric in scores[s])
    result = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])) or [("", [])]
    result[0][1].extend(system for system in scores if metric not in scores[system])
    return result


def _with_sides(scores: Scores, columns: Sequence[Column], primary: Mapping[str, str], part: str) -> list[Table]:
    """Build a table, and further ones for columns whose identity differs from that of most systems."""
    main: Scores = {system: {} for system in scores}
    aside: dict[str, Scores] = {}
    for column in columns:
        measured = {system: own for system, own in scores.items() if column.name in own}
        for place, (identity, systems) in enumerate(_by_identity(measured, column.name)):
            for system in systems:
                target = main if place == 0 else aside.setdefault(identity, {})
                target.setdefault(system, {})[column.name] = scores[system][column.name]
    main = {system: own for system, own in main.items() if own}
    quality = next((column for column in columns if column.name == primary.get("quality")), None)
    marks, notes = under_the_line(scores, quality) if "control" in primary else ({}, [])
    chief = primary.get("control") or primary.get("quality", "")
    result = [_table(main, columns, chief, marks, notes, part)] if main else []
    for identity, rest in sorted(aside.items()):
        name = "; ".join(filter(None, [part, f"columns as {identity}"]))
        result.append(_table(rest, columns, "", {}, [], name))
    return result


def _table(
    scores: Scores,
    columns: Sequence[Column],
    ranked_by: str,
    marks: Mapping[str, tuple[str, ...]],
    notes: Sequence[str],
    part: str,
) -> Table:
    measured = {name for own in scores.values() for name in own}
    chief = next((column for column in columns if column.name == ranked_by and ranked_by in measured), None)
    sections = {system: _section(system, own, marks) for system, own in scores.items()}
    ranks: dict[str, tuple[int, int]] = {}
    notes = list(notes)
    if chief is not None and not chief.is_ranked:
        notes.append(f"{chief.name} is not a column that ranks: no ranks here.")
    elif chief is not None:
        ranked = {s: scores[s][chief.name] for s in scores if sections[s] == "ranked" and chief.name in scores[s]}
        ranks = ranks_of(ranked, chief.direction)
        if ranked and not ranks:
            notes.append(f"Too few songs (under {statistics.MIN_SONGS}) to rank; in order of {chief.name}.")
    shown = tuple(c for c in columns if c.name in measured and (c.is_shown or c is chief))
    entries = [_entry(s, scores[s], sections[s], shown, ranks.get(s), marks.get(s, ())) for s in scores]
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
        {c.name: span for c in shown if (span := _span(scores, c.name, "chance"))},
        {c.name: span for c in shown if (span := _span(scores, c.name, "ceiling"))},
        tuple(notes),
        part,
    )


def _section(system: str, own: Mapping[str, Readings], marks: Mapping[str, tuple[str, ...]]) -> Section:
    if bound_of(system):
        return "bounds"
    if is_incomplete(own):
        return "incomplete"
    if system.endswith(STITCHED):
        return "stitched"
    return "under" if system in marks else "ranked"


def _entry(
    system: str,
    own: Mapping[str, Readings],
    section: Section,
    shown: Sequence[Column],
    rank: tuple[int, int] | None,
    marks: tuple[str, ...],
) -> Entry:
    cells = {c.name: _cell(own[c.name]) if c.name in own else Cell(nan, state="not-measured") for c in shown}
    if is_incomplete(own):
        cells = {name: Cell(nan, state="incomplete") for name in cells}
    n_songs = max((len({song_of(e) for e in reading.examples}) for reading in own.values()), default=0)
    n_songs = n_songs or max(reading.whole.n_requested for reading in own.values())
    return Entry(system, section, cells, n_songs, len(_failed(own)), rank, marks)


def _cell(reading: Readings) -> Cell:
    row = reading.whole
    state = row.state
    if np.isnan(row.value) and state == "ok":
        state = "undefined-reference"
    return Cell(row.value, row.low, row.high, state, reading.n_songs, row.n_requested)


def _order(entry: Entry, chief: Column | None) -> tuple[float | str, ...]:
    """Return the sort key of a line: section, rank, value, name; ceilings and floors in the order of `BOUNDS`."""
    if entry.section == "bounds":
        return (SECTIONS.index("bounds"), BOUNDS.index(bound_of(entry.system)), 0.0, entry.system)
    value = entry.cells[chief.name].value if chief is not None and chief.name in entry.cells else nan
    worth = -goodness(value, chief.direction) if chief is not None and not np.isnan(value) else np.inf
    return (SECTIONS.index(entry.section), entry.rank[0] if entry.rank else np.inf, worth, entry.system)


def _failed(own: Mapping[str, Readings]) -> frozenset[str]:
    return frozenset[str]().union(*(reading.failed for reading in own.values()))


def _first_identity(scores: Scores, metric: str) -> str:
    return next(own[metric].whole.identity for own in scores.values() if metric in own)


def _span(scores: Scores, metric: str, what: Literal["chance", "ceiling"]) -> tuple[float, float] | None:
    """Return the lowest and highest known chance or ceiling of a column; chance may differ between outputs."""
    values = [float(getattr(own[metric].whole, what)) for own in scores.values() if metric in own]
    values = [value for value in values if not np.isnan(value)]
    return (min(values), max(values)) if values else None


def _grouped(pairs: Iterable[tuple[_Value, _Key]]) -> dict[_Key, list[_Value]]:
    groups: dict[_Key, list[_Value]] = {}
    for value, key in pairs:
        groups.setdefault(key, []).append(value)
    return groups
