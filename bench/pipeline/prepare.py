"""Prepare: extract once, ahead of every run, what a data set does not know and its tasks' controls ask for.

Examples are made as `bench build` makes them and thrown away; what extractors found on the way stays in the cache that
builds and scores of the same `--out` read. Several processes may prepare one folder: they share the work.
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
from bench.pipeline.build import VERSION, Job, example_of, jobs_of
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
    """What was done.

    Attributes:
        manifests: Whose excerpts were looked at.
        excerpts: How many.
        extracted: How many findings were extracted now, by kind.
        there: How many were there already, by kind.
        failed: What went wrong, by excerpt: the tasks that it went wrong for, by reason.
        left_out: Why tasks were left out, by name.
        cache: Where the findings lie.
    """

    manifests: list[str]
    excerpts: int
    extracted: dict[str, int]
    there: dict[str, int]
    failed: dict[str, dict[str, list[str]]]
    left_out: dict[str, str]
    cache: Path


@dataclass(frozen=True)
class _Song:
    """The examples of one excerpt, one per task, and how to prepare them."""

    jobs: tuple[Job, ...]
    out: Path
    with_references: bool
    waits: bool = False


@dataclass
class _Done:
    """What became of a song: findings as (key, kind), what failed, and why tasks cannot be served."""

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
    extractors: dict[str, str],
    limit: int | None = None,
    with_references: bool = False,
) -> Prepared:
    """Extract what is not in the cache yet; a song that fails does not stop the others.

    Args:
        tasks: Every task with the source of its music.
        layout: The folders of the runs to come.
        executor: Runs one excerpt per job.
        extractors: Extractor by kind.
        limit: Take only the first so many excerpts.
        with_references: Extract, too, what the metrics will hear in the originals.

    Raises:
        BenchError: no task is left, or a run holds the folder.
    """
    left_out: dict[str, str] = {}
    with shared(layout.out):
        planned = _planned(tasks, layout, extractors, limit, left_out)
        by_name: dict[str, list[Job]] = {}
        for job in itertools.chain(*planned.values()):
            by_name.setdefault(job.excerpt.id, []).append(job)
        songs = [_Song(tuple(jobs), layout.out, with_references) for jobs in by_name.values()]
        done = _shared_out(songs, executor)
    _tidy(layout)
    for song in done:
        left_out |= song.unserved
    if all(job.task.name in left_out for song in songs for job in song.jobs):
        raise BenchError("\n".join(dict.fromkeys(left_out.values())))
    extracted = {one for song in done for one in song.extracted}
    there = {one for song in done for one in song.there} - extracted
    failed = {song.name: song.failed for song in done if song.failed}
    found = (_by_kind(extracted), _by_kind(there), failed)
    return Prepared(list(planned), len(songs), *found, left_out, layout.cache)


def _planned(
    tasks: Iterable[tuple[Task, Source]],
    layout: Layout,
    extractors: dict[str, str],
    limit: int | None,
    left_out: dict[str, str],
) -> dict[str, list[Job]]:
    """Return every task's examples by manifest; why a task has none goes into `left_out`."""
    planned: dict[str, list[Job]] = {}
    once = cache(selected)  # a library looks at every file of its own to choose
    for task, source in tasks:
        try:
            manifest = once(source).lasting(task.duration_s).limited(limit)
        except BenchError as error:
            left_out[task.name] = str(error)
        else:
            planned.setdefault(manifest.name, []).extend(jobs_of(task, source, manifest, layout, extractors))
    return planned


def bytes_of(tasks: Iterable[Task]) -> int:
    """Return about what preparing one excerpt for these tasks writes at most, where the data set knows nothing.

    Separated drums are all that counts, 4 bytes a sample: those of the whole excerpt once for a length, those of the
    visible part, which tell a rendered control's level, once for a mask; everything else takes a few kB.
    """
    sounds = {}
    for task in tasks:
        kinds = {control.kind for control in task.controls}
        if "drums" in kinds:
            sounds[task.n_samples, ""] = 4 * task.n_samples
        if kinds - {"drums"}:
            sounds[task.n_samples, str(task.mask_of("an excerpt").holes)] = 4 * task.n_samples
    return sum(sounds.values())


def summary(done: Prepared) -> str:
    """Return what was done in lines."""
    kinds = sorted({*done.extracted, *done.there})
    lines = [f"{done.excerpts} excerpts of {', '.join(done.manifests)}; findings in {done.cache}"]
    lines += [f"  {k:7} {done.extracted.get(k, 0)} extracted, {done.there.get(k, 0)} found there" for k in kinds]
    if not kinds and not done.failed:
        lines.append("  nothing to extract: the data set knows all that the controls of these tasks are made of")
    lines += [f"  left out {name}: {why}" for name, why in done.left_out.items()]
    for name, reasons in done.failed.items():
        lines += [f"  failed {name}: {why} ({', '.join(tasks)})" for why, tasks in reasons.items()]
    return printable("\n".join(lines), keep="\n")  # names of tracks are foreign text


def _shared_out(songs: Sequence[_Song], executor: Executor) -> list[_Done]:
    """Do what nobody else is at; then wait for what others were at, and do that where they did not."""
    done = executor.map(_prepare_one, songs, "preparing")
    again = [replace(song, waits=True) for song, one in zip(songs, done, strict=True) if one.is_claimed]
    return done + executor.map(_prepare_one, again, "sharing the rest")


class _Ears(Extractors):
    """Extractors that claim what they are about to extract, and remember what they were asked for.

    Attributes:
        used: Kind and identity of what the example in hand rests on, by key.
        done: What became of the song.
    """

    def __init__(self, song: _Song) -> None:
        job = song.jobs[0]
        super().__init__(dict(job.extractors), Cache(job.cache))
        self.used: dict[str, tuple[str, str]] = {}
        self.done = _Done(job.excerpt.id)
        self._song = song
        self._failed: dict[str, Exception] = {}

    def heard(self, extractor: Extractor, audio: Audio) -> Any:
        """Return what this extractor finds, extracted by one process alone; what failed once is not tried again.

        Raises:
            Claimed: another process is extracting it, and the song does not wait.
        """
        key, kind = finding_key(extractor, audio), extractor.kind
        self.used[key] = (kind, extractor.identity)
        if key in self._failed:
            raise self._failed[key]
        if self.cache.has(key):
            return self._found(extractor, audio, self.done.there)
        with claimed(self._song.out, key, self._song.waits):
            return self._found(extractor, audio, self.done.there if self.cache.has(key) else self.done.extracted)

    def _found(self, extractor: Extractor, audio: Audio, to: set[tuple[str, str]]) -> Any:
        key = finding_key(extractor, audio)
        try:
            content = super().heard(extractor, audio)
        except Exception as error:
            self._failed[key] = error
            raise
        to.add((key, extractor.kind))
        return content

    def has_all(self, record: Any) -> bool:
        """Whether all that an example rested on is still there, and would be heard by the same ears today."""
        if not isinstance(record, list):
            return False
        for kind, identity, key in record:
            if not self.cache.has(key) or (kind in self.names and self.of(kind).identity != identity):
                return False
        self.done.there |= {(key, kind) for kind, _, key in record}
        return True


def _prepare_one(song: _Song) -> _Done:
    """Prepare every task's example of one excerpt; leave the song where another process is at it."""
    ears = _Ears(song)
    for job in song.jobs:
        metrics = [metric.identity for metric in metrics_of(job.task)] if song.with_references else []
        key = key_of("prepare", VERSION, job.task, job.source, job.excerpt, job.other, *metrics)
        if ears.has_all(ears.cache.record(key)):
            continue
        ears.used.clear()
        try:
            _prepare_example(job, ears, song.with_references)
        except Claimed:
            ears.done.is_claimed = True
            break
        except Unserved as error:
            ears.done.unserved[job.task.name] = str(error)
            continue
        except Exception as error:  # An extractor may be anybody's code; the other songs are to go on.
            reason = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
            ears.done.failed.setdefault(reason, []).append(job.task.name)
            continue
        ears.cache.keep(key, sorted((kind, identity, used) for used, (kind, identity) in ears.used.items()))
    return ears.done


def _prepare_example(job: Job, ears: _Ears, with_references: bool) -> None:
    example = example_of(job, ears)
    if not with_references:
        return
    heard = Hearing(example, example.reference, ears)
    for metric in pair_metrics_of(job.task):
        metric.measure(example, heard)
    for distance in set_metrics_of(job.task):
        heard.embedded("reference", distance.embedding)


def _tidy(layout: Layout) -> None:
    """Remove what killed processes left half written, unless somebody else is at work: the last one tidies up."""
    with suppress(BenchError), exclusive(layout.out):
        Cache(layout.cache).sweep()


def _by_kind(findings: Iterable[tuple[str, str]]) -> dict[str, int]:
    return dict(sorted(Counter(kind for _, kind in findings).items()))
