"""Tables as HTML: the very cells of the Markdown page, with what a script needs to sort them."""

from collections.abc import Callable
from math import isnan
from urllib.parse import quote

from bench.board.page import head, lines, notes
from bench.board.tables import Entry, Table
from bench.site.board import Sheet
from bench.site.markup import text
from bench.submission import STITCHED

Link = Callable[[str], str]
"""From a system's name to where its card is shown; empty where there is none."""


def table_html(sheet: Sheet, link: Link, caption: str) -> str:
    """Return a table whose columns sort, each section in a body of its own, chance and ceiling at its foot.

    Args:
        sheet: The table.
        link: Where systems' cards are.
        caption: Its caption, not escaped.
    """
    table = sheet.table
    bodies: list[list[str]] = [[]]
    foot: list[str] = []
    entries = iter(table.entries)
    for kind, cells in lines(table):
        entry = None if kind == "title" else next(entries, None)
        if kind == "title":
            bodies.append([_section(cells[1], len(cells))])
        elif entry is None:
            foot.append(_line("bounds", cells, [""] * len(cells), ""))
        else:
            bodies[-1].append(_line(kind, cells, _keys(table, entry), link(entry.system)))
    inside = "\n".join(f"<tbody>\n{chr(10).join(body)}\n</tbody>" for body in bodies if body)
    shade = "" if sheet.is_current else " old"
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{text(caption)}">\n<table class="board{shade}">\n'
        f'<caption class="unseen">{text(caption)}</caption>\n<thead>{_head(table)}</thead>\n{inside}\n'
        f"<tfoot>\n{chr(10).join(foot)}\n</tfoot>\n</table>\n</div>"
    )


def under_html(sheet: Sheet) -> str:
    """Return what stands under a table: notes, how each column was computed, and the rows' files."""
    table = sheet.table
    said = "".join(f"<li>{text(note, 2000)}</li>" for note in [*notes(table), sheet.made] if note)
    how = "".join(f"<dt>{text(n)}</dt><dd>{text(identity, 2000)}</dd>" for n, identity in table.identities.items())
    parts = [f'<ul class="notes">{said}</ul>', _details("How each column was computed", f"<dl>{how}</dl>")]
    if sheet.files:
        files = "".join(
            f'<li><a href="{text(quote(path), 2000)}">{text(system)}.csv</a></li>'
            for system, path in sorted(sheet.files.items())
        )
        parts.append(_details("Every row, as CSV", f'<ul class="files">{files}</ul>'))
    return "\n".join(parts)


def bare(system: str) -> str:
    """Return the system whose outputs a second reading reads."""
    return system.removesuffix(STITCHED)


def _details(summary: str, inside: str) -> str:
    return f"<details><summary>{summary}</summary>{inside}</details>"


def _head(table: Table) -> str:
    directions = ["lower", "text", *(column.direction for column in table.columns), "higher", "lower"]
    cells = [
        f'<th scope="col" aria-sort="none" data-direction="{direction}">'
        f'<button type="button">{text(name)}</button></th>'
        for name, direction in zip(head(table), directions, strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _section(title: str, width: int) -> str:
    # The title takes two cells, so that it stays in sight where a narrow table scrolls.
    return (
        f'<tr class="section"><th scope="rowgroup" colspan="2">{text(title)}</th><td colspan="{width - 2}"></td></tr>'
    )


def _keys(table: Table, entry: Entry) -> list[str]:
    """Return what each cell of a line is sorted by; empty where it comes last."""
    rank = str(entry.rank[0]) if entry.rank else ""
    values = [entry.cells[column.name].value for column in table.columns]
    numbers = ["" if isnan(value) else repr(float(value)) for value in values]
    return [rank, entry.system, *numbers, str(entry.n_songs), str(entry.n_failed)]


def _line(kind: str, cells: list[str], keys: list[str], href: str) -> str:
    shown = [_number(cell, key) for cell, key in zip(cells, keys, strict=True)]
    name = f'<a href="{text(href, 2000)}">{text(cells[1])}</a>' if href else text(cells[1])
    shown[1] = f'<th scope="row" data-key="{text(keys[1])}">{name}</th>'
    return f'<tr class="{kind}">{"".join(shown)}</tr>'


def _number(cell: str, key: str) -> str:
    value, bracket, rest = cell.partition(" [")
    interval = f' <span class="interval">[{text(rest)}</span>' if bracket else ""
    return f'<td data-key="{text(key)}">{text(value)}{interval}</td>'
