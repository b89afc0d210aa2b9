"""Readings: the rows of one task and manifest by system and column, and the difference between two systems."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import nan

from bench import statistics
from bench.scores import WHOLE_SET, Row
from bench.statistics import Difference

REPLICATE = f"{WHOLE_SET}~"
"""Prefix of the example name in a half-set's row."""


@dataclass(frozen=True)
class Readings:
    """One system's rows of one column, all with one identity.

    Attributes:
        whole: The set row.
        examples: Value per excerpt; empty for a distance.
        replicates: Value per half-set; empty unless the column is a distance.
        failed: Excerpts without an output.
    """

    whole: Row
    examples: dict[str, float] = field(default_factory=dict)
    replicates: dict[str, float] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()

    @property
    def songs(self) -> dict[str, float]:
        """Mean per song."""
        return statistics.song_means(self.examples)

    @property
    def n_songs(self) -> int:
        """Songs with a value; for a distance, songs requested."""
        return len(self.songs) if self.examples else self.whole.n_requested

    @property
    def is_incomplete(self) -> bool:
        """Whether some outputs failed, so that the set's value is not a result."""
        return bool(self.failed) or self.whole.state == "incomplete"


Scores = dict[str, dict[str, Readings]]
"""Readings by system, then by column."""


def readings(rows: Iterable[Row]) -> Scores:
    """Group rows of one task and manifest by system and column.

    A system may have a column with several identities (some references come from the truth, others from an
    extractor). Of these, the one with the most rows over all systems is taken; `leftovers` returns the others. Columns
    without a set row are left out.
    """
    return _sorted(rows)[0]


def leftovers(rows: Iterable[Row]) -> dict[str, Scores]:
    """Return the readings whose identity `readings` does not take, by identity."""
    return _sorted(rows)[1]


def advantage(a: Readings, b: Readings, direction: str) -> Difference:
    """Return how much better `a` is than `b`: positive means better, whatever the column's direction.

    Per-example columns are paired by song, distances by half-set. Where nearer to 0 is better, distances from 0 are
    compared. Below 8 songs the interval and p are NaN.
    """
    if a.examples or b.examples:
        mine, theirs = ({s: goodness(v, direction) for s, v in x.songs.items()} for x in (a, b))
        return statistics.difference(mine, theirs)
    names = sorted(set(a.replicates) & set(b.replicates))
    halves = [[goodness(x.replicates[name], direction) for name in names] for x in (a, b)]
    values = [goodness(x.whole.value, direction) for x in (a, b)]
    difference = statistics.replicate_difference(values[0], values[1], halves[0], halves[1])
    if min(a.n_songs, b.n_songs) < statistics.MIN_SONGS:
        return Difference(difference.mean, nan, nan, nan, difference.n)
    return difference


def goodness(value: float, direction: str) -> float:
    """Return the value with a sign such that more is better; for `zero`, minus its distance from 0."""
    return {"higher": value, "lower": -value, "zero": -abs(value)}[direction]


def _sorted(rows: Iterable[Row]) -> tuple[Scores, dict[str, Scores]]:
    whole: dict[tuple[str, str, str], Row] = {}
    parts: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        key = (row.system, row.metric, row.identity)
        if row.example == WHOLE_SET:
            whole[key] = row
        else:
            parts.setdefault(key, []).append(row)
    weight = Counter({key: 1 + len(parts.get(key, ())) for key in whole})
    common: Counter[tuple[str, str]] = Counter()
    for (_, metric, identity), count in weight.items():
        common[metric, identity] += count
    main: Scores = {}
    rest: dict[str, Scores] = {}
    for key in sorted(whole, key=lambda k: (k[0], k[1], -common[k[1], k[2]], k[2])):
        system, metric, identity = key
        target = main if metric not in main.get(system, {}) else rest.setdefault(identity, {})
        target.setdefault(system, {})[metric] = _reading(whole[key], parts.get(key, []))
    return main, rest


def _reading(whole: Row, parts: list[Row]) -> Readings:
    return Readings(
        whole,
        {row.example: row.value for row in parts if not row.example.startswith(REPLICATE)},
        {row.example: row.value for row in parts if row.example.startswith(REPLICATE)},
        frozenset(row.example for row in parts if row.state == "failed"),
    )
