"""Tally: from what was measured in every example to score rows: per example, over songs, and over the whole set."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np

from bench import plugins
from bench.build import ExampleSet
from bench.cache import Cache
from bench.errors import BenchError, UnknownName
from bench.manifest import song_of
from bench.protocols import Column, SetMeasurement
from bench.scores import NO_PHASE, WHOLE_SET, Row
from bench.statistics import interval, song_means
from bench.submission import Submission
from bench.symbols import Frames
from bench.task import Spec, Task

ADHERENCE = "adherence"


def rows_of(submission: Submission, examples: ExampleSet, found: Sequence[dict[str, Any]], store: Cache) -> list[Row]:
    """Return per-example rows and set rows, column by column in the order of the task's metrics.

    Args:
        submission: Whose outputs were measured.
        examples: What they answer.
        found: What `bench.score` measured, one entry per example.
        store: Holds the vectors of the set metrics under the keys that `found` names.
    """
    return _example_rows(submission, examples, found) + _distance_rows(submission, examples, found, store)


def metrics_of(task: Task) -> list[Any]:
    """Build the task's metrics, each once for the life of the process."""
    return [_metric(spec) for spec in task.metrics]


def columns_of(task: Task) -> list[Column]:
    """Return all columns of the task in order, `adherence` behind the primary control column."""
    columns: list[Column] = []
    for metric in metrics_of(task):
        for column in metric.columns:
            columns.append(column)
            if column.name == task.primary.get("control"):
                columns.append(Column(ADHERENCE, "", "higher", "hole", nan, column.hears))
    return columns


def must_be_scorable(task: Task) -> None:
    """Build a task's metrics, and see that its primary columns are among theirs.

    Raises:
        BenchError: no metric has this name, it takes no such option, or a column is none of the task's or stands twice.
        MissingComponent: a metric needs what is not here.
    """
    place = f"tasks/{task.name}.yaml"
    try:
        names = [column.name for metric in metrics_of(task) for column in metric.columns]
    except UnknownName as error:
        raise BenchError(f"{place}: metrics: {error}") from error
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BenchError(f"{place}: metrics: {twice} stands twice; name it once")
    for key, name in task.primary.items():
        if name not in names:
            raise BenchError(f"{place}: primary: {key}: {UnknownName('column of its metrics', name, names)}")


_built: dict[str, Any] = {}


def _metric(spec: Spec) -> Any:
    key = str(spec)
    if key not in _built:
        build = plugins.builder("metrics", spec.name)
        _built[key] = build(**spec.filled(build))
    return _built[key]


def _example_rows(submission: Submission, examples: ExampleSet, found: Sequence[dict[str, Any]]) -> list[Row]:
    rows = []
    for column in columns_of(examples.task):
        if any(column.name in one["values"] for one in found):
            own = [_row(submission, examples, column, one) for one in found if column.name in one["values"]]
            rows += own + set_rows(own, len({song_of(name) for name in examples.ids}))
    return rows


def _row(submission: Submission, examples: ExampleSet, column: Column, one: dict[str, Any]) -> Row:
    value = one["values"][column.name]
    ceiling = one["ceiling"].get(column.name, {}).get("value", nan)
    chance = (
        value["chance"] if value["chance"] == value["chance"] else one["chance"].get(column.name, {}).get("value", nan)
    )
    is_apart = column.needs_phase and not submission.card.keeps_phase and value["state"] == "ok"
    return Row(
        **_place(submission, examples), metric=column.name, identity=value["identity"], region=column.region,
        example=one["name"], value=float(value["value"]), low=nan, high=nan, n=float(value["n"]), n_requested=1,
        state=NO_PHASE if is_apart else value["state"], chance=float(chance), ceiling=float(ceiling),
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
    """Return the mean over songs with its interval, one row per identity.

    Args:
        rows: The examples' rows of one system and column.
        n_songs: Songs that were asked for.
    """
    made = []
    for identity in dict.fromkeys(row.identity for row in rows):
        own = [row for row in rows if row.identity == identity]
        means = song_means({row.example: row.value for row in own})
        values = np.array([value for value in means.values() if value == value])
        low, high = interval(values) if len(values) else (nan, nan)
        states = Counter(row.state for row in own)
        known = NO_PHASE if states[NO_PHASE] else "ok"
        state = "incomplete" if states["failed"] else known if len(values) else states.most_common(1)[0][0]
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


def _distance_rows(
    submission: Submission, examples: ExampleSet, found: Sequence[dict[str, Any]], store: Cache
) -> list[Row]:
    rows: list[Row] = []
    # By name, so that sums do not depend on the order of the manifest or of the files.
    found = sorted(found, key=lambda one: str(one["name"]))
    songs = sorted({song_of(one["name"]) for one in found})
    for metric in metrics_of(examples.task):
        if not hasattr(metric, "compare"):
            continue
        sets = {
            kind: [_joined(found, song, kind, metric.embedding.identity, store) for song in songs]
            for kind in ("reference_vectors", "vectors", "stranger_vectors")
        }
        references = sets["reference_vectors"]
        failed = any(vectors is None for vectors in sets["vectors"])
        own = {} if failed else metric.compare(references, sets["vectors"])
        has_stranger = all(vectors is not None for vectors in sets["stranger_vectors"])
        chance = metric.compare(references, sets["stranger_vectors"]) if has_stranger else {}
        ceiling = {name: one.value for name, one in metric.compare(references, references).items()}
        ceiling |= metric.ceiling(references) if hasattr(metric, "ceiling") else {}
        for column in metric.columns:
            place = _place(submission, examples) | {
                "metric": column.name, "identity": metric.identity, "region": column.region, "n_requested": len(songs),
                "chance": chance[column.name].value if chance else nan, "ceiling": ceiling[column.name],
            }  # fmt: skip
            rows += _measured_rows(place, own.get(column.name))
    return rows


def _joined(found: Sequence[dict[str, Any]], song: str, kind: str, identity: str, store: Cache) -> Any:
    keys = [one[kind].get(identity) for one in found if song_of(one["name"]) == song]
    if any(key is None for key in keys):
        return None
    return np.concatenate([store.content(key, _lost).values for key in keys])  # type: ignore[union-attr]


def _lost() -> Frames:
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
