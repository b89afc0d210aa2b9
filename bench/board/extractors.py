"""Extractors: what those behind a table's columns score on real music, for the notes under the table.

The means are in `leaderboard/extractors.csv`, which `benchmarks/ears.py --page` writes with the tables of
docs/extractors.md.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path

from bench.board.tables import Table
from bench.errors import BenchError
from bench.paths import home, write_text

FILE = "extractors.csv"


@dataclass(frozen=True)
class Mean:
    """A mean over items of real music.

    Attributes:
        identity: The extractor's identity; two that work together are joined by ` + `, as in the identity of a column.
        kind: What is found: `drums`, `onsets`, `notes` or `chords`.
        condition: Material of docs/extractors.md: its letter, and the part that is heard.
        measure: Name of the measure.
        mean: Its mean.
        n: Number of items for which it is defined.
    """

    identity: str
    kind: str
    condition: str
    measure: str
    mean: float
    n: int


@dataclass(frozen=True)
class _Figure:
    """The mean that stands for an extractor: its kind, condition and measure, and its words."""

    kind: str
    condition: str
    measure: str
    words: str


FIGURES: dict[tuple[str, ...], _Figure | None] = {
    ("onsets", "drums"): _Figure("onsets", "a", "onset F", "F {:.2f} for the onsets of drum loops in recorded music"),
    ("drums",): _Figure("drums", "a", "sdr", "SDR {:.1f} dB for drum loops in recorded music"),
    ("chords",): _Figure("chords", "c-mix", "majmin", "right (majmin) for {:.2f} of the time of sampled pop songs"),
    ("notes",): _Figure("notes", "c-mix", "note F", "F {:.2f} for the notes of sampled pop songs"),
    ("beats",): None,
}
"""What is printed, by what a column hears; None where no real music has a truth."""


def read_means(path: Path | None = None) -> list[Mean]:
    """Read the means; none if there is no file.

    Args:
        path: The file; that of the published board when None.

    Raises:
        BenchError: it has other columns, or a value is no number; the message names file and line.
    """
    path = path or home("leaderboard") / FILE
    if not path.is_file():
        return []
    means = []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        for row in reader:
            try:
                means.append(Mean(**{**row, "mean": float(row["mean"]), "n": int(row["n"])}))  # type: ignore[arg-type]
            except (KeyError, TypeError, ValueError) as error:
                wanted = ",".join(column.name for column in fields(Mean))
                where = f"{path}:{reader.line_num}"
                raise BenchError(f"{where}: want {wanted} ({error}); write it anew with benchmarks/ears.py") from error
    return means


def write_means(path: Path, means: Iterable[Mean]) -> None:
    """Write means in order, rounded to four decimals, so that equal ones give the same bytes."""
    ordered = sorted(means, key=lambda one: (one.kind, one.identity, one.condition, one.measure))
    quoted = ['"' + one.identity.replace('"', '""') + '"' for one in ordered]
    lines = [
        f"{name},{one.kind},{one.condition},{one.measure},{one.mean:.4f},{one.n}"
        for name, one in zip(quoted, ordered, strict=True)
        if isfinite(one.mean)
    ]
    write_text(path, "\n".join([",".join(column.name for column in fields(Mean)), *lines]) + "\n")


def sentences(table: Table, means: Sequence[Mean]) -> list[str]:
    """Return a sentence per extractor behind a table's columns, not escaped: what it scores on real music.

    Args:
        table: The table.
        means: The known means; nothing is said without any.
    """
    groups: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for column in table.columns:
        parts = table.identities.get(column.name, "").split(" | ")
        if means and column.hears in FIGURES and len(parts) > 2:  # METRIC | EXTRACTORS | against SOURCE
            groups.setdefault((column.hears, parts[-2]), []).append(column.name)
    return [_sentence(names, identity, FIGURES[hears], means) for (hears, identity), names in groups.items()]


def _sentence(columns: Sequence[str], identity: str, figure: _Figure | None, means: Sequence[Mean]) -> str:
    extractors = [one.split(" ")[0] for one in identity.split(" + ")]
    wanted = figure and (identity, figure.kind, figure.condition, figure.measure)
    found = next((one for one in means if (one.identity, one.kind, one.condition, one.measure) == wanted), None)
    known = "not measured on real music."
    if figure and found:
        known = f"{figure.words.format(found.mean)} (material {figure.condition[0]}, docs/extractors.md)."
    return f"{_listed(columns)} {'hear' if len(columns) > 1 else 'hears'} with {_listed(extractors)}: {known}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
