"""Score: measure the outputs of a submission. It reads a submission's folder and the examples, never a model."""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.audio import Audio, Samples, is_silent, read_audio
from bench.example import Example, ExampleSet, other_songs
from bench.manifest import song_of
from bench.music.extraction import Extractors
from bench.music.splice import stitched
from bench.protocols import Column, Extractor, Measurement, Metric, undefined
from bench.runtime.cache import Cache, key_of
from bench.runtime.executor import Executor
from bench.scores import Row
from bench.scoring.columns import ADHERENCE, must_be_scorable, pair_metrics_of, set_metrics_of
from bench.scoring.hearing import RULES, Hearing
from bench.scoring.tally import Scored, Value, rows_of
from bench.submission import STITCHED, SWAPPED, Submission
from bench.symbols import Frames
from bench.task import Task

VERSION = 2
"""Raised whenever a change here alters scores of the same sound."""
_STEP = 2.0**-15
"""One step of 16-bit sound."""


@dataclass(frozen=True)
class _Job:
    """All that a worker needs to score one output.

    Attributes:
        examples: The examples.
        name: The example to score.
        other: An example of another song, for the chance level; None if there is no other song.
        output: The output's file; None if the system failed on it.
        swapped: The output made with another song's control; None if there is none.
        is_stitched: Whether to put the given context back.
        extractors: Pairs of kind and extractor.
        cache: The cache's folder.
    """

    examples: ExampleSet
    name: str
    other: str | None
    output: Path | None
    swapped: Path | None
    is_stitched: bool
    extractors: tuple[tuple[str, str], ...]
    cache: Path


def score(
    submission: Submission,
    examples: ExampleSet,
    extractors: dict[str, str],
    folder: Path,
    executor: Executor,
    is_stitched: bool = False,
) -> list[Row]:
    """Score every output of a checked submission.

    Args:
        submission: The outputs.
        examples: The examples that they answer, with references.
        extractors: Extractor by kind; the rows contain their identities.
        folder: The cache's folder.
        executor: Runs one example per job.
        is_stitched: Score every output with the given context put back (`bench.music.splice.stitched`), as system
            `<name>-stitched`.

    Returns:
        Column by column in the order of the task's metrics: per-example rows, then set rows.

    Raises:
        BenchError: the task's metrics or primary columns are wrong (`must_be_scorable`).
    """
    must_be_scorable(examples.task)
    ids = examples.ids
    others = other_songs(ids) if len({song_of(name) for name in ids}) > 1 else {}
    failed = submission.failures
    jobs = [
        _Job(
            examples,
            name,
            others.get(name),
            None if name in failed else submission.output(name),
            _existing(submission.folder / SWAPPED / f"{name}.wav"),
            is_stitched,
            tuple(extractors.items()),
            folder,
        )
        for name in ids
    ]
    scored = executor.map(_score_one, jobs, f"scoring {submission.card.system}")
    rows = rows_of(submission, examples, scored, Cache(folder))
    return [replace(row, system=row.system + STITCHED) for row in rows] if is_stitched else rows


def alters_context(submission: Submission, examples: ExampleSet) -> bool:
    """Whether any output differs from the given context by more than one step of 16-bit sound."""
    for name in examples.ids:
        if name in submission.failures:
            continue
        request = examples.request(name)
        visible = ~request.mask.inside(request.masked.sample_rate)
        difference = read_audio(submission.output(name)).mono[visible] - request.masked.mono[visible]
        if np.abs(difference).max(initial=0.0) > _STEP:
            return True
    return False


def _read(path: Path, example: Example, is_stitched: bool) -> Audio:
    audio = read_audio(path)
    return stitched(example.request.masked, example.request.mask, audio) if is_stitched else audio


def _identity_of(metric: Metric, column: Column, extractors: Extractors, source: str) -> str:
    """Return the text that must be equal for two values to be comparable."""
    parts = [metric.identity]
    if column.hears:
        parts += [extractors.identity(column.hears), f"against {source}"]
    return " | ".join(parts)


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None


def _score_one(job: _Job) -> Scored:
    """Measure one output, and for its ceiling and chance the reference and another song in its place; cached."""
    example = job.examples.example(job.name)
    store = Cache(job.cache)
    extractors = Extractors(dict(job.extractors), store)
    built = (job.examples.folder / "build.yaml").read_text(encoding="utf-8")
    measurer = _Measurer(example, built, job.examples.task, extractors, store)
    output = _read(job.output, example, job.is_stitched) if job.output else None
    other_song = _spliced(job.examples, example, job.other) if job.other else None
    values = measurer.values(output)
    if job.swapped and output and (primary := job.examples.task.primary.get("control")):
        swapped = measurer.values(_read(job.swapped, example, job.is_stitched), only=primary)
        values[ADHERENCE] = _adherence(values[primary], swapped[primary])
    scored = Scored(
        name=job.name,
        values=values,
        ceiling=measurer.values(example.reference),
        chance=measurer.values(other_song) if other_song else {},
        vectors=measurer.vectors(output) if output else {},
        reference_vectors=measurer.vectors(example.reference),
        other_vectors=measurer.vectors(other_song) if other_song else {},
    )
    store.forget()
    return scored


def _spliced(examples: ExampleSet, example: Example, other: str) -> Audio:
    """Return the reference with the same seconds of another song in its holes."""
    other_song = read_audio(examples.folder / "references" / f"{other}.wav").mono
    inside = example.request.mask.inside(example.reference.sample_rate)
    return Audio(np.where(inside, other_song, example.reference.mono), example.reference.sample_rate)


def _adherence(right: Value, swapped: Value) -> Value:
    identity = f"right minus swapped: {right.identity}"
    return replace(right, value=right.value - swapped.value, chance=0.0, identity=identity)


class _Measurer:
    """Measures sounds with all metrics of a task on one example."""

    def __init__(self, example: Example, built: str, task: Task, extractors: Extractors, store: Cache) -> None:
        self.example, self.extractors, self.store = example, extractors, store
        self.built = built
        self.metrics, self.set_metrics = pair_metrics_of(task), set_metrics_of(task)

    def values(self, audio: Audio | None, only: str | None = None) -> dict[str, Value]:
        """Measure all columns, or those of the metric that gives column `only`; None is a failed output."""
        values: dict[str, Value] = {}
        hearing = Hearing(self.example, audio or self.example.reference, self.extractors)
        for metric in self.metrics:
            if only is not None and only not in [column.name for column in metric.columns]:
                continue
            identities = {c.name: self._identity(metric, c, hearing) for c in metric.columns}
            if audio is None:
                values |= {c.name: _failed(c, identities[c.name]) for c in metric.columns}
                continue
            place = (self.built, self.example.request.id, audio.sha256())
            key = key_of("measure", VERSION, RULES, *place, *identities.values())
            record = self.store.record(key)
            if record is None:
                measured = metric.measure(self.example, hearing) | self._undefined(metric, hearing)
                measured = self._with_worst(metric, measured, audio)
                record = {name: asdict(value) | {"identity": identities[name]} for name, value in measured.items()}
                self.store.keep(key, record)
            values |= {name: Value(**value) for name, value in record.items()}
        return values

    def vectors(self, audio: Audio) -> dict[str, str]:
        """Embed the holes with every embedding of the set metrics; return the cache keys of the vectors."""
        hearing, keys = Hearing(self.example, audio, self.extractors), {}
        for embedding in {metric.embedding.identity: metric.embedding for metric in self.set_metrics}.values():
            key = key_of("embed", VERSION, self.built, self.example.request.id, audio.sha256(), embedding.identity)
            self.store.content(key, partial(_joined, hearing, embedding))
            keys[embedding.identity] = key
        return keys

    def _undefined(self, metric: Metric, hearing: Hearing) -> dict[str, Measurement]:
        """Return undefined measurements of the hole's columns whose target an extractor finds in a silent reference.

        The extractor is given the context too, and what it continues into a silent hole is no valid target.
        """
        if not is_silent(self._hole(self.example.reference)):
            return {}
        columns = [c for c in metric.columns if c.region == "hole" and c.hears]
        return {c.name: undefined() for c in columns if hearing.source(c.hears[0]) == "extractor"}

    def _with_worst(self, metric: Metric, measured: dict[str, Measurement], audio: Audio) -> dict[str, Measurement]:
        """Set the worst value in every column of the hole if the output is silent or constant in its holes.

        An extractor is given the context too, and might continue its beats through silence.
        """
        hole = self._hole(audio)
        if not (is_silent(hole) or np.ptp(hole) == 0):
            return measured
        worst = {c.name: c.worst for c in metric.columns if c.region == "hole" and c.worst == c.worst}
        defined = {name for name, one in measured.items() if one.state in ("ok", "silent")}
        return {
            name: replace(one, value=worst[name], state="silent") if name in defined & set(worst) else one
            for name, one in measured.items()
        }

    def _hole(self, audio: Audio) -> Samples:
        return audio.mono[self.example.request.mask.inside(audio.sample_rate)]

    def _identity(self, metric: Metric, column: Column, hearing: Hearing) -> str:
        source = hearing.source(column.hears[0]) if column.hears else ""
        return _identity_of(metric, column, self.extractors, source)


def _joined(hearing: Hearing, embedding: Extractor) -> Frames:
    return Frames(np.concatenate(hearing.embedded("output", embedding)), 1.0)


def _failed(column: Column, identity: str) -> Value:
    return Value(**asdict(Measurement(column.worst, 0.0, "failed")), identity=identity)
