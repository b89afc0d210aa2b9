"""Tables for HTML: the cells of the Markdown page, with keys by which a script sorts them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan

from bench.board.page import head, lines
from bench.board.tables import Entry, Table
from bench.submission import STITCHED

Link = Callable[[str], str]
"""Maps a system's name to the address of its card; empty if it has none."""


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Attributes:
        kind: Its kind, as given by `bench.board.page.lines`.
        cells: Each cell's text and sort key; an empty key comes last.
        href: Address of the system's card; empty if it has none.
    """

    kind: str
    cells: list[tuple[str, str]]
    href: str = ""


@dataclass(frozen=True)
class Body:
    """A section of a table; sorting keeps lines within their section."""

    title: str = ""
    lines: list[Line] = field(default_factory=list)


def bodies_of(table: Table, link: Link) -> tuple[list[Body], list[Line]]:
    """Return a table's sections, and its foot: chance and ceiling.

    Args:
        table: The table.
        link: Maps systems to the addresses of their cards.
    """
    bodies, foot = [Body()], []
    entries = iter(table.entries)
    for kind, cells in lines(table):
        if kind == "title":
            bodies.append(Body(cells[1]))
        elif entry := next(entries, None):
            keyed = list(zip(cells, _keys(table, entry), strict=True))
            bodies[-1].lines.append(Line(kind, keyed, link(entry.system)))
        else:
            foot.append(Line(kind, [(cell, "") for cell in cells]))
    return [body for body in bodies if body.lines], foot


def head_of(table: Table) -> list[tuple[str, str]]:
    """Return the heads of a table's columns and the better direction of each."""
    directions = ["lower", "text", *(column.direction for column in table.columns), "higher", "lower"]
    return list(zip(head(table), directions, strict=True))


def bare(system: str) -> str:
    """Return a system's name without the suffix of a second set of rows."""
    return system.removesuffix(STITCHED)


def _keys(table: Table, entry: Entry) -> list[str]:
    """Return the sort keys of a line's cells; an empty key comes last."""
    rank = str(entry.rank[0]) if entry.rank else ""
    values = [entry.cells[column.name].value for column in table.columns]
    numbers = ["" if isnan(value) else repr(float(value)) for value in values]
    return [rank, entry.system, *numbers, str(entry.n_songs), str(entry.n_failed)]
