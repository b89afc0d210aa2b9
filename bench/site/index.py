"""Index: the page of tables and plots, and the page of what every system says of itself."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from bench.board.page import HEADER, title
from bench.site.board import Board, Sheet
from bench.site.markup import document, prose, text
from bench.site.plots import strip, trade_off
from bench.site.tables import bare, table_html, under_html

Players = Mapping[tuple[str, str], Sequence[str]]
"""Ids of the examples that can be listened to, by task and manifest."""
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
"""What is shown of a card, in order, and how it is called."""
HOW_TO_LISTEN = ("bench run --task inpaint-drums", "bench report --html")
HOW_TO_HEAR_MORE = """At most three examples a task can be heard in a site, so that it stays small;
`bench report --html --all` writes them all."""
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


def index_page(board: Board, players: Players) -> str:
    """Return the page of all tables."""
    tasks = sorted({sheet.table.task for sheet in board.sheets})
    links = "".join(f'<li><a href="#{text(_anchor(task))}">{text(task)}</a></li>' for task in tasks)
    parts = [f"<h1>{'The published board' if board.is_published else 'Results of a run'}</h1>", _intro()]
    parts.append(f'<nav aria-label="Tasks"><ul class="tasks">{links}</ul></nav>' if tasks else "<p>No rows yet.</p>")
    parts.append(f"<p>{prose(HOW_TO_HEAR_MORE)}</p>" if players else _no_players())
    for task in tasks:
        sheets = [sheet for sheet in board.sheets if sheet.table.task == task]
        parts.append(f'<section id="{text(_anchor(task))}" class="task"><h2>{text(task)}</h2>')
        seen: set[tuple[str, str]] = set()
        for sheet in sheets:
            parts.append(_sheet(board, sheet, {} if sheet.place in seen else players))
            seen.add(sheet.place)
        parts.append("</section>")
    return document("SteerBench: tables", "\n".join(parts), scripts=["table.js"])


def systems_page(board: Board) -> str:
    """Return the page of cards."""
    parts = [
        "<h1>Systems</h1>",
        "<p>What every system's card says: its submitter's own words, shown as they are and checked by nobody.</p>",
    ]
    parts += [_card(name, board.cards[name], board.histories.get(name, {})) for name in sorted(board.cards)]
    if not board.cards:
        parts.append("<p>No cards yet.</p>")
    return document("SteerBench: systems", "\n".join(parts))


def listen_path(task: str, manifest: str, example: str) -> str:
    """Return where an example's page lies, from the site's folder."""
    return str(PurePosixPath("listen", task, manifest, f"{example}.html"))


def _intro() -> str:
    body = HEADER.partition("## How to read a table")[2]
    points = "".join(f"<li>{prose(point)}</li>" for point in re.split(r"^- ", body, flags=re.MULTILINE)[1:])
    return (
        "<p>Systems fill the holes of a song and follow its drums, chords or piano. Select a column's head to sort "
        "by it: best first, worst first, then as ranked.</p>\n"
        f"<details><summary>How to read a table</summary><ul>{points}</ul></details>"
    )


def _no_players() -> str:
    return (
        '<aside class="box"><p>No sounds lie beside these rows, so there is nothing to listen to here. To hear what '
        f"systems make, run a task and write its site:</p><pre><code>{text(HOW_TO_LISTEN[0])}\n"
        f"{text(HOW_TO_LISTEN[1])}</code></pre></aside>"
    )


def _sheet(board: Board, sheet: Sheet, players: Players) -> str:
    table = sheet.table

    def link(system: str) -> str:
        name = bare(system)
        return f"systems.html#system-{name}" if name in board.cards and _PLAIN_NAME.fullmatch(name) else ""

    about = f"version {table.task_version}, {table.manifest_sha[:8]}" + (f"; {table.part}" if table.part else "")
    parts = [f"<h3>on {text(table.manifest)} <small>{text(about)}</small></h3>"]
    if not sheet.is_current:
        parts.append(
            '<p class="box">Out of date: these rows rest on an older version of the task or on another list of '
            "excerpts. They are not comparable with present ones.</p>"
        )
    parts += [_listen(sheet, players), table_html(sheet, link, title(table)), under_html(sheet), _plots(sheet)]
    return f"<article>{chr(10).join(part for part in parts if part)}</article>"


def _listen(sheet: Sheet, players: Players) -> str:
    links = "".join(
        f'<li><a href="{text(listen_path(*sheet.place, name))}">{text(name)}</a></li>'
        for name in players.get(sheet.place, ())
    )
    return f'<div class="listen"><span>Listen</span><ul>{links}</ul></div>' if links else ""


def _plots(sheet: Sheet) -> str:
    """Draw the columns that rank and what they cost in the open, all others behind a summary."""
    chief = [column for column in sheet.table.columns if column.name in sheet.primary.values()]
    open_ones = [strip(sheet, column) for column in chief] + [trade_off(sheet, column) for column in chief]
    others = "".join(strip(sheet, column) for column in sheet.table.columns if column not in chief)
    shown = f'<div class="plots">{"".join(open_ones)}</div>' if any(open_ones) else ""
    if others:
        shown += (
            f'<details><summary>All other columns, song by song</summary><div class="plots">{others}</div></details>'
        )
    key = (
        "A dot is a song, the bar the mean, the line its 95 % interval. Dashed: chance; dotted: ceiling. "
        "Speeds are those of each system's own run, on its own hardware."
    )
    return f'{shown}<p class="key">{key}</p>' if shown else ""


def _card(name: str, keys: Mapping[str, object], histories: Mapping[str, Sequence[str]]) -> str:
    anchor = f' id="system-{name}"' if _PLAIN_NAME.fullmatch(name) else ""
    shown = {called: keys[key] for key, called in KEYS.items() if keys.get(key) or keys.get(key) is False}
    said = "".join(f"<dt>{called}</dt><dd>{_said(value)}</dd>" for called, value in shown.items())
    once = "".join(_history(of, scorings) for of, scorings in sorted(histories.items()))
    return f'<article class="card"{anchor}><h2>{text(name)}</h2><dl>{said}</dl>{once}</article>'


def _history(of: str, scorings: Sequence[str]) -> str:
    lines = "".join(f"<li>{text(scoring, 2000)}</li>" for scoring in scorings)
    return f"<details><summary>How it was scored on {text(of)}</summary><ol>{lines}</ol></details>"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else text(value, 2000)


def _anchor(task: str) -> str:
    return f"task-{task}"
