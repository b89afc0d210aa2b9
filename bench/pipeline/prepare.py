"""Prepare: run the extractors that builds of some tasks need, and keep their findings in the cache.

Examples are made as `bench build` makes them, but not written. Builds and scores with the same `--out` then read the
findings from its cache. Several processes may prepare one folder at the same time; they share the work.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from bench.audio import Audio
from bench.errors import BenchError, Unserved
from bench.music.extraction import Extractors, finding_key
from bench.pipeline.build import VERSION, Job, example_of, extractors_for, jobs_of
from bench.pipeline.source import Source, selected
from bench.protocols import Extractor
from bench.runtime.cache import Cache, key_of
from bench.runtime.executor import Executor
from bench.runtime.layout import Layout
from bench.runtime.locks import Claimed, claimed, exclusive, shared
from bench.scoring.columns import metrics_of, pair_metrics_of, set_metrics_of
from bench.scoring.hearing import Hearing
from bench.task import Task
from bench.text import printable


@dataclass(frozen=True)
class Prepared:
    """The result of preparing.

    Attributes:
        manifests: Names of the manifests.
        excerpts: Number of excerpts.
        extracted: Number of findings extracted now, by kind.
        there: Number of findings that were in the cache already, by kind.
        failed: Failures by excerpt: for each reason, the tasks that it concerns.
        left_out: Reasons why tasks were left out, by task.
        cache: Folder of the findings.
    """

    manifests: list[str]
    excerpts: int
    extracted: dict[str, int]
    there: dict[str, int]
    failed: dict[str, dict[str, list[str]]]
    left_out: dict[str, str]
    cache: Path


@dataclass(frozen=True)
class _Work:
    """The examples of one excerpt and how to prepare them.

    Attributes:
        jobs: One job per task.
        out: The run's folder, under which findings are claimed.
        with_references: Also extract what the metrics need from the reference.
        waits: Wait for findings that another process is extracting, instead of giving up the excerpt.
    """

    jobs: tuple[Job, ...]
    out: Path
    with_references: bool
    waits: bool = False


@dataclass
class _Outcome:
    """The result for one excerpt.

    Attributes:
        name: The excerpt.
        extracted: Findings extracted now, as (key, kind).
        there: Findings that were in the cache already, as (key, kind).
        failed: Tasks that failed, by reason.
        unserved: Reasons why the data set cannot serve a task, by task.
        is_claimed: Whether another process was extracting one of the findings, so that the excerpt is unfinished.
    """

    name: str
    extracted: set[tuple[str, str]] = field(default_factory=set)
    there: set[tuple[str, str]] = field(default_factory=set)
    failed: dict[str, list[str]] = field(default_factory=dict)
    unserved: dict[str, str] = field(default_factory=dict)
    is_claimed: bool = False


def prepare(
    tasks: Iterable[tuple[Task, Source]],
    layout: Layout,
    executor: Executor,
    asked: dict[str, str],
    limit: int | None = None,
    with_references: bool = False,
) -> Prepared:
    """Extract the findings that are not in the cache yet; an excerpt that fails does not stop the others.

    Args:
        tasks: Pairs of a task and the source of its music.
        layout: The run's folders.
        executor: Runs one excerpt per job.
        asked: Extractors by kind, instead of those that a build would take.
        limit: Take only the first so many excerpts.
        with_references: Also extract what the metrics need from the references.

    Raises:
        BenchError: no task can be prepared, or a run is using the folder.
    """
    left_out: dict[str, str] = {}
    with shared(layout.out):
        planned = _planned(tasks, layout, asked, limit, left_out)
        by_name: dict[tuple[str, tuple[tuple[str, str], ...]], list[Job]] = {}
        for job in itertools.chain(*planned.values()):
            by_name.setdefault((job.excerpt.id, job.extractors), []).append(job)
        excerpts = [_Work(tuple(jobs), layout.out, with_references) for jobs in by_name.values()]
        outcomes = _prepare_all(excerpts, executor)
    _tidy(layout)
    for outcome in outcomes:
        left_out |= outcome.unserved
    if all(job.task.name in left_out for work in excerpts for job in work.jobs):
        raise BenchError("\n".join(dict.fromkeys(left_out.values())))
    extracted = {finding for outcome in outcomes for finding in outcome.extracted}
    there = {finding for outcome in outcomes for finding in outcome.there} - extracted
    failed = {outcome.name: outcome.failed for outcome in outcomes if outcome.failed}
    return Prepared(list(planned), len(excerpts), _by_kind(extracted), _by_kind(there), failed, left_out, layout.cache)


def _planned(
    tasks: Iterable[tuple[Task, Source]],
    layout: Layout,
    asked: dict[str, str],
    limit: int | None,
    left_out: dict[str, str],
) -> dict[str, list[Job]]:
    """Return all jobs by manifest; for a task without excerpts, add the reason to `left_out`."""
    planned: dict[str, list[Job]] = {}
    once = cache(selected)  # some data sets read all of their files to select excerpts
    for task, source in tasks:
        try:
            manifest = once(source).lasting(task.duration_s).limited(limit)
        except BenchError as error:
            left_out[task.name] = str(error)
        else:
            extractors = extractors_for(task, source, manifest, layout.examples(task.name, manifest.name), asked)
            planned.setdefault(manifest.name, []).extend(jobs_of(task, source, manifest, layout, extractors))
    return planned


def bytes_of(tasks: Iterable[Task]) -> int:
    """Estimate how many bytes preparing one excerpt for these tasks writes if the data set has only mixes.

    Only separated drums count, at 4 bytes per sample; other findings take a few kB. Tasks with a drum control need the
    drums of the whole excerpt, once per length. Tasks with a rendered control need those of the visible part, to match
    levels, once per length and mask.
    """
    sounds = {}
    for task in tasks:
        kinds = {control.kind for control in task.controls}
        if "drums" in kinds:
            sounds[task.n_samples, ""] = 4 * task.n_samples
        if kinds - {"drums"}:
            sounds[task.n_samples, str(task.mask_of("an excerpt").holes)] = 4 * task.n_samples
    return sum(sounds.values())


def summary(prepared: Prepared) -> str:
    """Return the result as text, one line per fact."""
    kinds = sorted({*prepared.extracted, *prepared.there})
    lines = [f"{prepared.excerpts} excerpts of {', '.join(prepared.manifests)}; findings in {prepared.cache}"]
    lines += [
        f"  {k:7} {prepared.extracted.get(k, 0)} extracted, {prepared.there.get(k, 0)} already there" for k in kinds
    ]
    if not kinds and not prepared.failed:
        lines.append("  nothing to extract: the data set has everything that the controls of these tasks need")
    lines += [f"  left out {name}: {why}" for name, why in prepared.left_out.items()]
    for name, reasons in prepared.failed.items():
        lines += [f"  failed {name}: {why} ({', '.join(tasks)})" for why, tasks in reasons.items()]
    return printable("\n".join(lines), keep="\n")  # names of tracks are foreign text


def _prepare_all(excerpts: Sequence[_Work], executor: Executor) -> list[_Outcome]:
    """Prepare unclaimed excerpts first, then wait for the claimed ones and redo those that were not finished."""
    outcomes = executor.map(_prepare_one, excerpts, "preparing")
    claimed_ones = [replace(work, waits=True) for work, one in zip(excerpts, outcomes, strict=True) if one.is_claimed]
    return outcomes + executor.map(_prepare_one, claimed_ones, "preparing the rest")


class _ClaimingExtractors(Extractors):
    """Extractors that claim a finding before extracting it, and record the findings that an example uses.

    Attributes:
        used: Kind and identity of the findings of the present example, by key.
        outcome: The result for the excerpt.
    """

    def __init__(self, work: _Work) -> None:
        job = work.jobs[0]
        super().__init__(dict(job.extractors), Cache(job.cache))
        self.used: dict[str, tuple[str, str]] = {}
        self.outcome = _Outcome(job.excerpt.id)
        self._work = work
        self._failed: dict[str, Exception] = {}

    def heard(self, extractor: Extractor, audio: Audio) -> Any:
        """Return this extractor's finding, extracted by one process only; a failed one is not tried again.

        Raises:
            Claimed: another process is extracting it, and this excerpt does not wait.
        """
        key, kind = finding_key(extractor, audio), extractor.kind
        self.used[key] = (kind, extractor.identity)
        if key in self._failed:
            raise self._failed[key]
        if self.cache.has(key):
            return self._find(extractor, audio, self.outcome.there)
        with claimed(self._work.out, key, self._work.waits):
            is_there = self.cache.has(key)
            return self._find(extractor, audio, self.outcome.there if is_there else self.outcome.extracted)

    def _find(self, extractor: Extractor, audio: Audio, findings: set[tuple[str, str]]) -> Any:
        """Return a finding and add it to `findings`; remember a failure."""
        key = finding_key(extractor, audio)
        try:
            content = super().heard(extractor, audio)
        except Exception as error:
            self._failed[key] = error
            raise
        findings.add((key, extractor.kind))
        return content

    def has_all(self, record: Any) -> bool:
        """Whether all recorded findings of an example are in the cache, from extractors of the present identities."""
        if not isinstance(record, list):
            return False
        for kind, identity, key in record:
            if not self.cache.has(key) or (kind in self.names and self.of(kind).identity != identity):
                return False
        self.outcome.there |= {(key, kind) for kind, _, key in record}
        return True


def _prepare_one(work: _Work) -> _Outcome:
    """Prepare one excerpt's example for every task; stop if another process is extracting one of its findings."""
    extractors = _ClaimingExtractors(work)
    outcome = extractors.outcome
    for job in work.jobs:
        metrics = [metric.identity for metric in metrics_of(job.task)] if work.with_references else []
        key = key_of("prepare", VERSION, job.task, job.source, job.excerpt, job.other, *metrics)
        if extractors.has_all(extractors.cache.record(key)):
            continue
        extractors.used.clear()
        try:
            _prepare_example(job, extractors, work.with_references)
        except Claimed:
            outcome.is_claimed = True
            break
        except Unserved as error:
            outcome.unserved[job.task.name] = str(error)
            continue
        except Exception as error:  # an extractor may be third-party code; its failure must not stop the other excerpts
            reason = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
            outcome.failed.setdefault(reason, []).append(job.task.name)
            continue
        extractors.cache.keep(key, sorted((kind, identity, used) for used, (kind, identity) in extractors.used.items()))
    return outcome


def _prepare_example(job: Job, extractors: _ClaimingExtractors, with_references: bool) -> None:
    example = example_of(job, extractors)
    if not with_references:
        return
    hearing = Hearing(example, example.reference, extractors)
    for metric in pair_metrics_of(job.task):
        metric.measure(example, hearing)
    for metric_of_sets in set_metrics_of(job.task):
        hearing.embedded("reference", metric_of_sets.embedding)


def _tidy(layout: Layout) -> None:
    """Remove partly written files of killed processes, unless another process is using the folder."""
    with suppress(BenchError), exclusive(layout.out):
        Cache(layout.cache).sweep()


def _by_kind(findings: Iterable[tuple[str, str]]) -> dict[str, int]:
    return dict(sorted(Counter(kind for _, kind in findings).items()))
