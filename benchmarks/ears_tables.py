"""Markdown of the real-music tables: a row per extractor, a column per material and measure."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Protocol

from bench.board.extractors import Mean
from bench.errors import BenchError

TITLES = {"a": "a", "b": "b", "c-mix": "c", "c-piano": "c, piano", "d-mix": "d", "d-piano": "d, piano"}
"""The materials as docs/extractors.md calls them."""
MEASURES = {
    "drums": ("sdr", "onset F", "nothing found", "found without drums"),
    "notes": ("note F",),
    "chords": ("majmin", "root", "sevenths"),
}
UNITS = {"sdr": "SDR, dB"}
MARKERS = ("<!-- benchmarks/ears.py -->", "<!-- end -->")


class Value(Protocol):
    """What a line of values.csv holds."""

    kind: str
    extractor: str
    identity: str
    condition: str
    item: str
    measure: str
    value: float
    onsets: str


def tables(values: Iterable[Value]) -> str:
    """Return one table per kind: means over items, and the median of seconds per 15 s of sound."""
    every = list(values)
    blocks = [_table(kind, [one for one in every if one.kind == kind]) for kind in MEASURES]
    return "\n\n".join(block for block in blocks if block)


def means(values: Iterable[Value]) -> list[Mean]:
    """Return the means over items; those of onsets have the identities of both extractors, as a board's columns do."""
    groups: dict[tuple[str, str, str, str], list[float]] = {}
    for one in values:
        if one.measure == "onset F":
            key = f"{one.onsets} + {one.identity}", "onsets", one.condition, one.measure
        else:
            key = one.identity, one.kind, one.condition, one.measure
        if one.measure != "seconds" and math.isfinite(one.value):
            groups.setdefault(key, []).append(one.value)
    return [Mean(*key, fmean(of_items), len(of_items)) for key, of_items in groups.items()]


def in_page(page: str, text: str) -> str:
    """Return a page with the text between its two markers replaced.

    Raises:
        BenchError: it lacks a marker.
    """
    head, first, rest = page.partition(MARKERS[0])
    _, last, tail = rest.partition(MARKERS[1])
    if not first or not last:
        raise BenchError(f"the page has no {' … '.join(MARKERS)}; put both where the tables belong")
    return f"{head}{first}\n\n{text}\n\n{last}{tail}"


def _table(kind: str, values: Sequence[Value]) -> str:
    cells: dict[tuple[str, str, str], list[float]] = {}
    for one in values:
        cells.setdefault((one.extractor, one.condition, one.measure), []).append(one.value)
    columns = [(c, m) for c in TITLES for m in MEASURES[kind] if any((c, m) == key[1:] for key in cells)]
    if not columns:
        return ""
    titles = [f"{TITLES[c]}: {UNITS.get(m, m)}" for c, m in columns]
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
