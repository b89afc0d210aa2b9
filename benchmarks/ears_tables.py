"""Markdown of the real-music tables: a row per extractor, a column per material and measure."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Protocol

TITLES = {
    "a": "recorded loops over recorded music",
    "b": "produced song",
    "c-mix": "POP909, mix",
    "c-piano": "POP909, piano",
    "d-mix": "suite, mix",
    "d-piano": "suite, piano",
}
MEASURES = {
    "drums": ("sdr", "onset F", "nothing found", "found without drums"),
    "notes": ("note F",),
    "chords": ("majmin", "root", "sevenths"),
}
UNITS = {"sdr": "SDR, dB"}


class Value(Protocol):
    """What a line of values.csv holds."""

    kind: str
    extractor: str
    condition: str
    item: str
    measure: str
    value: float


def tables(values: Iterable[Value]) -> str:
    """Return one table per kind: means over items, and the median of seconds per 15 s of sound."""
    every = list(values)
    blocks = [_table(kind, [one for one in every if one.kind == kind]) for kind in MEASURES]
    return "\n\n".join(block for block in blocks if block)


def _table(kind: str, values: Sequence[Value]) -> str:
    cells: dict[tuple[str, str, str], list[float]] = {}
    for one in values:
        cells.setdefault((one.extractor, one.condition, one.measure), []).append(one.value)
    columns = [(c, m) for c in TITLES for m in MEASURES[kind] if any((c, m) == key[1:] for key in cells)]
    if not columns:
        return ""
    n_items = {c: len({one.item for one in values if one.condition == c}) for c, _ in columns}
    titles = [f"{TITLES[c]} ({n_items[c]}): {UNITS.get(m, m)}" for c, m in columns]
    lines = ["| " + " | ".join([f"{kind} by", *titles, "s per 15 s"]) + " |", "|---|" + "---:|" * (len(columns) + 1)]
    for extractor in dict.fromkeys(one.extractor for one in values):
        row = [_mean(cells.get((extractor, c, m), []), 1 if m == "sdr" else 2) for c, m in columns]
        seconds = [one.value for one in values if one.extractor == extractor and one.measure == "seconds"]
        name = f"`{extractor}`" if " " not in extractor else extractor
        lines.append("| " + " | ".join([name, *row, f"{median(seconds):.2f}" if seconds else "–"]) + " |")
    return "\n".join(lines)


def _mean(values: Sequence[float], digits: int) -> str:
    finite = [value for value in values if math.isfinite(value)]
    return f"{fmean(finite):.{digits}f}" if finite else "–"
