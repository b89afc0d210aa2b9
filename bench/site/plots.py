"""Plots as inline SVG: values of every song and system per column, and columns against generation speed."""

from math import isnan

from markupsafe import Markup

from bench.board.page import ARROWS
from bench.board.tables import Entry
from bench.protocols import Column
from bench.site.board import Sheet, Speed
from bench.site.markup import render, text
from bench.site.scales import LARGEST, Scale, ratios, short, spanning

WIDTH, LABELS, ROW, TOP, FOOT = 440, 160, 17, 6, 22
HEIGHT, LEFT = 280, 46
NAME = 25
"""Characters of a system's name that fit beside a plot."""
LETTER = 5.8
"""Approximate width of a character."""
_Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def strip(sheet: Sheet, column: Column) -> Markup:
    """Draw a column: a dot per song, the mean as a bar, its interval as a line; empty if it has no values.

    The axis spans the values of systems; floors and ceilings outside it are arrows at its ends.
    """
    shown = [entry for entry in sheet.table.entries if not isnan(entry.cells[column.name].value)]
    scale = spanning(_reach(sheet, column, shown), LABELS, WIDTH - 10)
    if scale is None:
        return Markup()
    bottom = TOP + ROW * len(shown)
    parts = [_axis(scale, bottom)]
    for spans, kind in ((sheet.table.chance, "chance"), (sheet.table.ceiling, "ceiling")):
        for value in sorted(set(spans.get(column.name, ()))):
            if scale.holds(value):
                parts.append(_upright(scale.at(value), TOP, bottom, kind))
    parts += [_row(sheet, column, entry, scale, TOP + ROW * (k + 0.5)) for k, entry in enumerate(shown)]
    title = f"{column.name} {f'({column.unit}) ' if column.unit else ''}{ARROWS[column.direction]}"
    return _figure(title, f"{title}: every song of every system", bottom + FOOT, parts)


def trade_off(sheet: Sheet, column: Column) -> Markup:
    """Draw a column against generation speed in seconds of sound per second; empty with fewer than two known speeds."""
    points = [
        (entry, sheet.speeds[entry.system].rate)
        for entry in sheet.table.entries
        if entry.section in ("ranked", "under")
        and not isnan(entry.cells[column.name].value)
        and entry.system in sheet.speeds
        and 1 / LARGEST < sheet.speeds[entry.system].rate < LARGEST
    ]
    across = ratios((rate for _, rate in points), LEFT, WIDTH - 12)
    ends = (TOP, HEIGHT - 40) if column.direction == "lower" else (HEIGHT - 40, TOP)
    up = spanning((entry.cells[column.name].value for entry, _ in points), *ends)
    if len(points) < 2 or across is None or up is None:
        return Markup()
    places = [(across.at(rate), up.at(entry.cells[column.name].value)) for entry, rate in points]
    parts = [_grid(across, up)]
    taken: list[_Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    for (entry, _), (x, y) in zip(points, places, strict=True):
        parts.append(_point(entry, sheet.speeds[entry.system], x, y, taken))
    middle = (LEFT + WIDTH - 12) / 2
    parts.append(_words(middle, HEIGHT - 6, "mid", "seconds of sound generated per second →"))
    better = "nearer to 0 is better" if column.direction == "zero" else "better is up"
    title = f"{column.name} against speed"
    return _figure(f"{title} ({better})", f"{title}, one point per system", HEIGHT, parts)


def _reach(sheet: Sheet, column: Column, shown: list[Entry]) -> list[float]:
    """Return the values that an axis must span: songs and intervals of systems, or of floors if there are no others."""
    chosen = [entry for entry in shown if entry.section != "bounds"] or shown
    values = [entry.cells[column.name] for entry in chosen]
    ends = [end for cell in values for end in (cell.value, cell.low, cell.high)]
    return ends + [value for entry in chosen for value in sheet.songs(column.name, entry.system)]


def _row(sheet: Sheet, column: Column, entry: Entry, scale: Scale, y: float) -> str:
    cell = entry.cells[column.name]
    kind = "faint" if entry.section in ("bounds", "stitched", "incomplete") else ""
    parts = [_words(LABELS - 8, y + 4, f"end {kind}", _label(entry.system))]
    songs = [value for value in sheet.songs(column.name, entry.system) if scale.holds(value)]
    if songs:
        dots = "".join(f"M{scale.at(value):.1f} {y:g}h0" for value in songs)
        parts.append(f'<path class="dots {kind}" d="{dots}"/>')
    if not scale.holds(cell.value):
        arrow, x = ("‹", LABELS + 5) if cell.value < scale.low else ("›", WIDTH - 13)
        parts.append(_words(x, y + 4, f"mid {kind}", arrow))
        return "".join(parts)
    if not isnan(cell.low):
        parts.append(f'<path class="span {kind}" d="M{scale.at(cell.low):.1f} {y:g}H{scale.at(cell.high):.1f}"/>')
    parts.append(f'<path class="mean {kind}" d="M{scale.at(cell.value):.1f} {y - 5:g}v10"/>')
    return "".join(parts)


def _point(entry: Entry, speed: Speed, x: float, y: float, taken: list[_Box]) -> str:
    """Draw a point with its name, placed to cover no point and no other name; add the name's box to `taken`."""
    side, at, box = _free(x, y, LETTER * min(len(entry.system), NAME), taken)
    taken.append(box)
    kind = "faint" if entry.section == "under" else ""
    about = text(f"{entry.system}: {short(speed.rate)} seconds per second on {speed.hardware or 'unknown hardware'}")
    return (
        f'<g class="{kind}"><title>{about}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f"{_words(box[2 if side else 0], at, side, _label(entry.system))}</g>"
    )


def _free(x: float, y: float, width: float, taken: list[_Box]) -> tuple[str, float, _Box]:
    """Return anchor, baseline and box of the first free place beside a point; of the first place if none is free."""
    places = []
    for step in (0, 12, -12, 24, -24, 36, -36):
        for side, left in (("", x + 8), ("end", x - 8 - width)):
            box = (left, y + step - 6, left + width, y + step + 6)
            is_inside = left >= LEFT and box[2] <= WIDTH and box[1] >= 0 and box[3] <= HEIGHT - 40
            if is_inside and not any(_overlap(box, other) for other in taken):
                return side, y + step + 4, box
            places.append((side, y + step + 4, box))
    return places[0]


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _grid(across: Scale, up: Scale) -> str:
    left, right = across.start, across.end
    top, bottom = sorted((up.start, up.end))
    parts = [_upright(across.at(tick), top, bottom, "grid") for tick in across.ticks]
    parts += [_words(across.at(tick), bottom + 15, "mid faint", short(tick)) for tick in across.ticks]
    for tick in up.ticks:
        y = up.at(tick)
        parts.append(f'<path class="grid" d="M{left:g} {y:.1f}H{right:g}"/>')
        parts.append(_words(left - 6, y + 4, "end faint", short(tick)))
    return "".join(parts)


def _axis(scale: Scale, bottom: float) -> str:
    lines = "".join(_upright(scale.at(tick), TOP, bottom, "grid") for tick in scale.ticks)
    return lines + "".join(_words(scale.at(tick), bottom + 15, "mid faint", short(tick)) for tick in scale.ticks)


def _upright(x: float, top: float, bottom: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{x:.1f} {top:g}V{bottom:g}"/>'


def _words(x: float, y: float, kind: str, foreign: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{text(foreign)}</text>'


def _label(system: str) -> str:
    return system if len(system) <= NAME else system[: NAME - 1] + "…"


def _figure(title: str, label: str, height: float, parts: list[str]) -> Markup:
    # Drawn by this module; all text in it has passed through `text`.
    drawn = Markup("".join(parts))  # noqa: S704
    return Markup(render("plot.html", title=title, label=label, width=WIDTH, height=height, drawn=drawn))  # noqa: S704
