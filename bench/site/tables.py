"""Tables for HTML: the very cells of the Markdown page, with what a script needs to sort them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan

from bench.board.page import head, lines
from bench.board.tables import Entry, Table
from bench.submission import STITCHED

Link = Callable[[str], str]
"""From a system's name to where its card is shown; empty where there is none."""


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Attributes:
        kind: What `bench.board.page.lines` calls it.
        cells: Each cell and what it is sorted by; an empty key comes last.
        href: Where its system's card is; empty where there is none.
    """

    kind: str
    cells: list[tuple[str, str]]
    href: str = ""


@dataclass(frozen=True)
class Body:
    """A section of a table, in which lines stay when they are sorted."""

    title: str = ""
    lines: list[Line] = field(default_factory=list)


def bodies_of(table: Table, link: Link) -> tuple[list[Body], list[Line]]:
    """Return a table's sections, and its foot: chance and ceiling.

    Args:
        table: The table.
        link: Where systems' cards are.
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
    """Return the heads of a table's columns and which direction is better in each."""
    directions = ["lower", "text", *(column.direction for column in table.columns), "higher", "lower"]
    return list(zip(head(table), directions, strict=True))


def bare(system: str) -> str:
    """Return the system whose outputs a second reading reads."""
    return system.removesuffix(STITCHED)


def _keys(table: Table, entry: Entry) -> list[str]:
    """Return what each cell of a line is sorted by; empty where it comes last."""
    rank = str(entry.rank[0]) if entry.rank else ""
    values = [entry.cells[column.name].value for column in table.columns]
    numbers = ["" if isnan(value) else repr(float(value)) for value in values]
    return [rank, entry.system, *numbers, str(entry.n_songs), str(entry.n_failed)]
