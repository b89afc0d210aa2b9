"""Index: the page of tables and plots, and the page of the systems' cards."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from bench.board.page import HEADER, notes, title
from bench.site.board import Board, Sheet
from bench.site.markup import document
from bench.site.plots import strip, trade_off
from bench.site.tables import bare, bodies_of, head_of

Players = Mapping[tuple[str, str], Sequence[str]]
"""Ids of the examples that have a player, by task and manifest."""
KEYS = {
    "notes": "notes",
    "training_data": "trained on",
    "paper": "paper",
    "parameters": "parameters",
    "trainable_parameters": "trained for the task",
    "hardware": "hardware",
    "keeps_phase": "keeps phase",
    "contact": "contact",
    "identity": "made by",
}
"""Keys of a card that are shown, in order, and their labels."""
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


def index_page(board: Board, players: Players) -> str:
    """Return the page of all tables."""
    points = re.split(r"^- ", HEADER.partition("## How to read a table")[2], flags=re.MULTILINE)[1:]
    tasks: dict[str, list[dict[str, Any]]] = {}
    linked: set[tuple[str, str]] = set()
    for sheet in sorted(board.sheets, key=lambda sheet: sheet.table.task):
        examples = () if sheet.place in linked else players.get(sheet.place, ())
        linked.add(sheet.place)
        tasks.setdefault(sheet.table.task, []).append(_sheet(board, sheet, examples))
    return document(
        "index.html", scripts=["table.js"], board=board, points=points, tasks=tasks, has_players=bool(players)
    )


def systems_page(board: Board) -> str:
    """Return the page of cards."""
    cards = [
        {
            "name": name,
            "is_linked": bool(_PLAIN_NAME.fullmatch(name)),
            "lines": {
                label: _shown(keys[key]) for key, label in KEYS.items() if keys.get(key) or keys.get(key) is False
            },
            "histories": sorted(board.histories.get(name, {}).items()),
        }
        for name, keys in sorted(board.cards.items())
    ]
    return document("systems.html", cards=cards)


def listen_path(task: str, manifest: str, example: str) -> str:
    """Return the path of an example's page, relative to the site's folder."""
    return str(PurePosixPath("listen", task, manifest, f"{example}.html"))


def _sheet(board: Board, sheet: Sheet, examples: Sequence[str]) -> dict[str, Any]:
    """Return a table's content for the template; plots of the primary columns are open, those of others folded."""
    table = sheet.table

    def link(system: str) -> str:
        name = bare(system)
        return f"systems.html#system-{name}" if name in board.cards and _PLAIN_NAME.fullmatch(name) else ""

    bodies, foot = bodies_of(table, link)
    chief = [column for column in table.columns if column.name in sheet.primary.values()]
    plots = [strip(sheet, column) for column in chief] + [trade_off(sheet, column) for column in chief]
    others = [strip(sheet, column) for column in table.columns if column not in chief]
    return {
        "sheet": sheet,
        "players": {name: listen_path(*sheet.place, name) for name in examples},
        "caption": title(table),
        "head": head_of(table),
        "bodies": bodies,
        "foot": foot,
        "notes": [note for note in [*notes(table), sheet.made] if note],
        "files": {system: quote(path) for system, path in sorted(sheet.files.items())},
        "chief_plots": [plot for plot in plots if plot],
        "other_plots": [plot for plot in others if plot],
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
