"""Tally: turn measurements into rows: values per example, means over songs, distances over the set."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import Any

import numpy as np

from bench.example import ExampleSet
from bench.manifest import song_of
from bench.protocols import Column, SetMeasurement, Vectors
from bench.runtime.cache import Cache
from bench.scores import NO_PHASE, WHOLE_SET, Row
from bench.scoring.columns import columns_of, set_metrics_of
from bench.statistics import interval, song_means
from bench.submission import Submission
from bench.symbols import Frames


@dataclass(frozen=True)
class Value:
    """A `bench.protocols.Measurement` with the identity of its column."""

    value: float
    n: float
    state: str
    chance: float
    identity: str


Values = Mapping[str, Value]
"""Values by column."""
Keys = Mapping[str, str]
"""Cache keys of an embedding's vectors, by the embedding's identity."""


@dataclass(frozen=True)
class Scored:
    """Everything measured in one example.

    Attributes:
        name: The example.
        values: Measurements of the output.
        ceiling: Measurements of the reference in its place.
        chance: Measurements of another song in its place; empty without another song.
        vectors: Embeddings of the output's holes; empty if the system failed on it.
        reference_vectors: Embeddings of the reference's holes.
        other_vectors: Embeddings of the other song in the holes; empty without another song.
    """

    name: str
    values: Values
    ceiling: Values
    chance: Values
    vectors: Keys = field(default_factory=dict)
    reference_vectors: Keys = field(default_factory=dict)
    other_vectors: Keys = field(default_factory=dict)


def rows_of(submission: Submission, examples: ExampleSet, scored: Sequence[Scored], store: Cache) -> list[Row]:
    """Return per-example rows and set rows, column by column in the order of the task's metrics.

    Args:
        submission: The submission whose outputs were measured.
        examples: The examples that they answer.
        scored: The measurements, one entry per example.
        store: The cache that holds the vectors of the set metrics.
    """
    return _example_rows(submission, examples, scored) + _distance_rows(submission, examples, scored, store)


def _example_rows(submission: Submission, examples: ExampleSet, scored: Sequence[Scored]) -> list[Row]:
    rows = []
    n_songs = len({song_of(name) for name in examples.ids})
    for column in columns_of(examples.task):
        own = [_row(submission, examples, column, one) for one in scored if column.name in one.values]
        rows += own + set_rows(own, n_songs)
    return rows


def _row(submission: Submission, examples: ExampleSet, column: Column, one: Scored) -> Row:
    value, other_song, ceiling = one.values[column.name], one.chance.get(column.name), one.ceiling.get(column.name)
    chance = value.chance if not isnan(value.chance) else other_song.value if other_song else nan
    lacks_phase = column.needs_phase and not submission.card.keeps_phase and value.state == "ok"
    return Row(
        **_place(submission, examples), metric=column.name, identity=value.identity, region=column.region,
        example=one.name, value=float(value.value), low=nan, high=nan, n=float(value.n), n_requested=1,
        state=NO_PHASE if lacks_phase else value.state, chance=float(chance), ceiling=ceiling.value if ceiling else nan,
    )  # fmt: skip


def _place(submission: Submission, examples: ExampleSet) -> dict[str, Any]:
    return {
        "task": examples.task.name,
        "task_version": examples.task.version,
        "manifest": examples.manifest.name,
        "manifest_sha": examples.manifest.sha256,
        "system": submission.card.system,
    }


def set_rows(rows: list[Row], n_songs: int) -> list[Row]:
    """Return set rows: the mean over songs with its 95 % interval, one row per identity.

    A song's value is the mean over its excerpts; undefined (NaN) excerpts and songs are left out. A failed output makes
    the state `incomplete`.

    Args:
        rows: Example rows of one system and column.
        n_songs: Songs requested.
    """
    made = []
    for identity in dict.fromkeys(row.identity for row in rows):
        own = [row for row in rows if row.identity == identity]
        means = song_means({row.example: row.value for row in own})
        values = np.array([value for value in means.values() if value == value])
        low, high = interval(values) if len(values) else (nan, nan)
        states = Counter(row.state for row in own)
        defined = NO_PHASE if states[NO_PHASE] else "ok"
        state = "incomplete" if states["failed"] else defined if len(values) else states.most_common(1)[0][0]
        whole: dict[str, Any] = {
            "example": WHOLE_SET,
            "value": float(np.mean(values)) if len(values) else nan,
            "low": low,
            "high": high,
            "n": float(len(values)),
            "n_requested": n_songs,
            "state": state,
            "chance": _mean_over_songs(own, "chance"),
            "ceiling": _mean_over_songs(own, "ceiling"),
        }
        made.append(replace(own[0], **whole))
    return made


def _mean_over_songs(rows: list[Row], name: str) -> float:
    means = song_means({row.example: getattr(row, name) for row in rows})
    values = [value for value in means.values() if value == value]
    return float(np.mean(values)) if values else nan


def _distance_rows(submission: Submission, examples: ExampleSet, scored: Sequence[Scored], store: Cache) -> list[Row]:
    rows: list[Row] = []
    # By name, so that sums do not depend on the order of the manifest or of the files.
    scored = sorted(scored, key=lambda one: one.name)
    songs = sorted({song_of(one.name) for one in scored})
    for metric in set_metrics_of(examples.task):
        embedding = metric.embedding.identity
        references = _by_song({one.name: one.reference_vectors.get(embedding) for one in scored}, store)
        outputs = _by_song({one.name: one.vectors.get(embedding) for one in scored}, store)
        other_songs = _by_song({one.name: one.other_vectors.get(embedding) for one in scored}, store)
        own = metric.compare(references, outputs) if outputs else {}
        chance = metric.compare(references, other_songs) if other_songs else {}
        ceiling = {name: one.value for name, one in metric.compare(references, references).items()}
        ceiling |= metric.ceiling(references) if hasattr(metric, "ceiling") else {}
        for column in metric.columns:
            place = _place(submission, examples) | {
                "metric": column.name, "identity": metric.identity, "region": column.region, "n_requested": len(songs),
                "chance": chance[column.name].value if chance else nan, "ceiling": ceiling[column.name],
            }  # fmt: skip
            rows += _measured_rows(place, own.get(column.name))
    return rows


def _by_song(keys: Mapping[str, str | None], store: Cache) -> list[Vectors]:
    """Return one array (n_windows, d) per song, in order of name; empty if any example has no vectors."""
    vectors: dict[str, list[Vectors]] = {}
    for name, key in keys.items():
        if key is None:
            return []
        vectors.setdefault(song_of(name), []).append(store.content(key, _raise_lost).values)  # type: ignore[union-attr]
    return [np.concatenate(vectors[song]) for song in sorted(vectors)]


def _raise_lost() -> Frames:
    raise RuntimeError("vectors vanished from the cache while scoring")


def _measured_rows(place: dict[str, Any], measured: SetMeasurement | None) -> list[Row]:
    if measured is None:
        return [Row(**place, example=WHOLE_SET, value=nan, low=nan, high=nan, n=0.0, state="incomplete")]
    whole = Row(
        **place, example=WHOLE_SET, value=measured.value, low=measured.low, high=measured.high, n=float(measured.n),
        state=measured.state,
    )  # fmt: skip
    halves = [
        Row(**place, example=f"{WHOLE_SET}~{k:02d}", value=float(value), low=nan, high=nan, n=nan, state="half-set")
        for k, value in enumerate(measured.replicates, 1)
    ]
    return [whole, *halves]
