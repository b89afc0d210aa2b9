"""Build: from a data set and a task to requests (hand these out) and references (keep these)."""

import shutil
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.cache import Cache, key_of
from bench.controls import chords_control, drums_control, piano_control, piano_cover, visible_accompaniment
from bench.defaults import defaults
from bench.errors import BenchError, UnknownName, Unserved
from bench.example import (
    Control,
    Example,
    Request,
    Truth,
    masked,
    other_songs,
    read_example,
    read_request,
    write_reference,
    write_request,
)
from bench.executor import Executor
from bench.hearing import Extractors
from bench.invitation import invite
from bench.layout import Layout
from bench.manifest import Excerpt, Manifest, read_manifest
from bench.mask import Mask
from bench.paths import write_text
from bench.protocols import Dataset
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes
from bench.task import ControlSpec, Task
from bench.yaml import dump_yaml, read_yaml

VERSION = 1
"""Raised whenever a change here alters what is built from the same music."""
_SLACK_S = 0.01
_SPLICE_S = 0.005


@dataclass(frozen=True)
class Source:
    """Where excerpts come from: a data set's name, its options, and the manifest wanted of it."""

    dataset: str
    options: tuple[tuple[str, Any], ...] = ()
    manifest: str | None = None


@dataclass(frozen=True)
class ExampleSet:
    """A built task: `requests/`, `references/` and `index.csv` in one folder.

    Attributes:
        folder: The folder.
        task: The task.
        manifest: What was built; its sha256 stands in every row.
    """

    folder: Path
    task: Task
    manifest: Manifest

    @property
    def ids(self) -> list[str]:
        """The excerpts' ids in order."""
        return [excerpt.id for excerpt in self.manifest.excerpts]

    def request(self, name: str) -> Request:
        """Read one request."""
        return read_request(self.folder / "requests" / name)

    def example(self, name: str) -> Example:
        """Read one request with its reference."""
        return read_example(self.folder / "requests", self.folder / "references", name)


@dataclass(frozen=True)
class Job:
    """All that a worker needs to build one excerpt."""

    task: Task
    source: Source
    excerpt: Excerpt
    other: Excerpt | None
    folder: Path
    cache: Path
    extractors: tuple[tuple[str, str], ...]
    renderer: str


def source_of(name: str | None, audio: Path | None, salt: Path | None, task: Task) -> Source:
    """Return what `--dataset`, `--audio` and `--salt` mean; a dataset's name or a manifest's, whose dataset begins it.

    Raises:
        UnknownName: neither a dataset nor a manifest of one.
        BenchError: both are given, or a salt without a data set that takes one.
    """
    if audio is not None:
        if name or salt:
            raise BenchError("--audio stands alone: it is a data set of its own, without --dataset and --salt")
        return Source("folder", (("path", str(audio)), ("duration_s", task.duration_s)))
    name = name or defaults().manifest
    known = [plug for plug in plugins.names("datasets") if name == plug or name.startswith(plug + "-")]
    if not known:
        raise UnknownName("dataset", name, plugins.names("datasets"))
    dataset = max(known, key=len)
    return Source(dataset, (("salt", str(salt)),) if salt else (), name if name != dataset else None)


def build(
    task: Task, source: Source, layout: Layout, executor: Executor, extractors: dict[str, str], limit: int | None = None
) -> ExampleSet:
    """Make every example of the task, leaving those alone that are there already.

    Args:
        task: What to hide and what to give.
        source: Where the music comes from.
        layout: The run's folders.
        executor: Runs one excerpt per job.
        extractors: Extractor by kind, for controls that the data set does not have.
        limit: Take only the first so many excerpts.

    Raises:
        BenchError: music that cannot be read or is too short, naming it.
    """
    check_served(task, source.dataset, _dataset(source))
    manifest = selected(source).lasting(task.duration_s).limited(limit)
    folder = layout.examples(task.name, manifest.name)
    made_by = {
        "task": f"{task.name}@{task.version}",
        "manifest": manifest.name,
        "manifest_sha": manifest.sha256,
        "public": manifest.is_public,
        "key": key_of(VERSION, task, manifest.sha256, source.dataset, sorted(extractors.items()), defaults().renderer),
    }
    if not (folder / "build.yaml").exists() or read_yaml(folder / "build.yaml") != made_by:
        shutil.rmtree(folder, ignore_errors=True)
        write_text(folder / "index.csv", manifest.text)
        write_text(folder / "build.yaml", dump_yaml(made_by))
    jobs = [
        job
        for job in jobs_of(task, source, manifest, layout, extractors)
        if not (folder / "requests" / job.excerpt.id / "request.yaml").exists()
    ]
    executor.map(_build_one, jobs, f"building {task.name}")
    invite(folder / "requests", task, manifest.name, len(manifest.excerpts))
    return ExampleSet(folder, task, manifest)


def check_served(task: Task, name: str, dataset: Dataset) -> None:
    """Raise `Unserved` where a task follows drums and the data set of this name has none."""
    if "drums" in getattr(dataset, "without", ()) and any(control.kind == "drums" for control in task.controls):
        raise Unserved(f"{task.name}: {name} has no drums to follow; take a task that follows chords or a piano")


def selected(source: Source) -> Manifest:
    """Return the excerpts of a source."""
    return _dataset(source).select(source.manifest)


def jobs_of(task: Task, source: Source, manifest: Manifest, layout: Layout, extractors: dict[str, str]) -> list[Job]:
    """Return what is to be done for every excerpt of the manifest."""
    folder, ears = layout.examples(task.name, manifest.name), tuple(extractors.items())
    others = {e.id: e for e in manifest.excerpts}
    pairs = _pairs(task, list(others))
    return [
        Job(task, source, e, others.get(pairs.get(e.id, "")), folder, layout.cache, ears, defaults().renderer)
        for e in manifest.excerpts
    ]


def example_of(job: Job, extractors: Extractors) -> Example:
    """Make one example with these extractors; nothing is written but what they cache."""
    return _Builder(job, extractors).example()


def open_examples(folder: Path, task: Task) -> ExampleSet:
    """Open what `build` made.

    Raises:
        BenchError: the folder is none of that, is not of this task, or is not finished.
    """
    if not (folder / "build.yaml").exists():
        raise BenchError(f"{folder}: holds no examples; make them with `bench build --task {task.name}`")
    made_by = read_yaml(
        folder / "build.yaml", needed=("task", "manifest", "public"), remedy="remove the folder and build it again"
    )
    if made_by["task"] != f"{task.name}@{task.version}":
        raise BenchError(f"{folder}: holds examples of {made_by['task']}, not of {task.name}@{task.version}")
    manifest = replace(read_manifest(folder / "index.csv"), name=made_by["manifest"], is_public=made_by["public"])
    unfinished = [e.id for e in manifest.excerpts if not (folder / "requests" / e.id / "request.yaml").exists()]
    if unfinished:
        raise BenchError(f"{folder}: {len(unfinished)} examples are not built yet; run the same `bench build` again")
    return ExampleSet(folder, task, manifest)


def _pairs(task: Task, ids: list[str]) -> dict[str, str]:
    borrows = any(control.source == "other-pattern" for control in task.controls)
    return other_songs(ids) if borrows and len(ids) > 1 else {}


@cache
def _dataset(source: Source) -> Dataset:
    dataset: Dataset = plugins.load("datasets", source.dataset, **dict(source.options))
    return dataset


def _build_one(job: Job) -> None:
    """Make one example; request.yaml is written last and marks it complete."""
    example = example_of(job, Extractors(dict(job.extractors), Cache(job.cache)))
    write_reference(job.folder / "references", example)
    write_request(job.folder / "requests", example.request)


class _Builder:
    """The making of one example: what the data set knows, and what extractors must find for want of it."""

    def __init__(self, job: Job, extractors: Extractors) -> None:
        self.task, self.excerpt, self.job = job.task, job.excerpt, job
        self.dataset = _dataset(job.source)
        self.extractors = extractors
        self.mask: Mask = job.task.mask_of(job.excerpt.id)
        self.mix = self._sound(job.excerpt, "mix")

    def example(self) -> Example:
        """Put request, reference and truth together."""
        reference, truth = self.mix, self._truth()
        controls = {}
        for spec in self.task.controls:
            controls[spec.kind] = self._control(spec, truth)
            if spec.source == "other-pattern":
                reference, truth = self._edited(controls[spec.kind].audio, truth)
        task, name = self.task, self.excerpt.id
        request = Request(
            id=name,
            task=task.name,
            version=task.version,
            masked=masked(reference, self.mask),
            mask=self.mask,
            controls=controls,
            prompt=self.excerpt.prompt,
            seed=task.seed_of(name),
        )
        return Example(request, reference, truth)

    def _sound(self, excerpt: Excerpt, what: str) -> Any:
        """Read sound as mono at the task's rate and exact length; None where the data set has none."""
        audio = self.dataset.read(excerpt, what)
        if audio is None:
            return None
        mono = Audio(audio.mono, audio.sample_rate).resampled(self.task.sample_rate)  # type: ignore[union-attr]
        missing = self.task.n_samples - mono.n_samples
        if abs(missing) > _SLACK_S * self.task.sample_rate:
            raise BenchError(
                f"{excerpt.dataset} {excerpt.track}: {mono.duration_s:.2f} s from {excerpt.start_s} s on, "
                f"{self.task.name} needs {self.task.duration_s} s"
            )
        return Audio(np.pad(mono.mono, (0, max(missing, 0)))[: self.task.n_samples], self.task.sample_rate)

    def _truth(self) -> Truth:
        return Truth(*(self.dataset.read(self.excerpt, what) for what in ("chords", "beats", "notes")))  # type: ignore[arg-type]

    def _control(self, spec: ControlSpec, truth: Truth) -> Control:
        if spec.kind == "drums":
            return drums_control(self._drums(spec.source), self.task.duration_s, self.task.sample_rate)
        renderer = plugins.load("renderers", self.job.renderer)
        seconds, rate, around = self.task.duration_s, self.task.sample_rate, self._around()
        if spec.kind == "chords":
            return chords_control(*self._chords(truth), renderer, seconds, rate, around)
        return piano_control(self._cover(truth), renderer, seconds, rate, around)

    def _drums(self, source: str) -> Audio:
        """Return the drums to follow: the stem, another pattern, or what the separator finds."""
        check_served(self.task, self.excerpt.dataset, self.dataset)
        found = None if source == "separated" else self._sound(self.excerpt, _STEM_OF[source])
        if found is not None:
            return found  # type: ignore[no-any-return]
        if source != "other-pattern":
            return self._separated(self.mix)
        if self.job.other is None:
            raise Unserved(f"{self.task.name}: {self.excerpt.id} needs another song's drums; give at least two songs")
        borrowed = self._sound(self.job.other, "drums")
        return borrowed if borrowed is not None else self._separated(self._sound(self.job.other, "mix"))

    def _separated(self, mix: Audio) -> Audio:
        found: Audio = self.extractors.find("drums", mix)
        return found

    def _chords(self, truth: Truth) -> tuple[Chords, Beats]:
        chords = truth.chords if truth.chords is not None else self.extractors.find("chords", self.mix)
        return chords, truth.beats if truth.beats is not None else self.extractors.find("beats", self.mix)

    def _cover(self, truth: Truth) -> Notes:
        known = self.dataset.read(self.excerpt, "piano") or truth.notes
        return piano_cover(known if isinstance(known, Notes) else self.extractors.find("notes", self.mix))

    def _around(self) -> Audio | None:
        """Return the non-drum part of the visible context: all that a control's level may be matched to."""
        seen = masked(self.mix, self.mask)
        stem = self._sound(self.excerpt, "drums")
        return visible_accompaniment(seen, stem if stem is not None else self._separated(seen), self.mask)

    def _edited(self, drums: Audio, truth: Truth) -> tuple[Audio, Truth]:
        """Return the song with other drums in its holes, spliced over 5 ms, and the truth that goes with it."""
        stem = self._sound(self.excerpt, "drums")
        own = stem if stem is not None else self._separated(self.mix)
        share = _faded(self.mask.inside(self.task.sample_rate), round(_SPLICE_S * self.task.sample_rate))
        reference = Audio(self.mix.mono + share * (drums.mono - own.mono), self.task.sample_rate)
        hits = self.dataset.read(self.excerpt, "other-drum-notes")
        if truth.notes is None or not isinstance(hits, Notes):
            return reference, replace(truth, notes=None)
        onsets, is_drum = truth.notes.intervals_s[:, 0], truth.notes.programs == DRUM_PROGRAM
        kept = truth.notes.where(~(is_drum & _within(onsets, self.mask)))
        added = hits.where(_within(hits.intervals_s[:, 0], self.mask))
        return reference, replace(truth, notes=Notes.joined([kept, added]))


_STEM_OF = {"stem": "drums", "other-pattern": "other-drums"}


def _within(times_s: Any, mask: Mask) -> Any:
    inside = np.zeros(len(times_s), dtype=bool)
    for start, end in mask.holes_s:
        inside |= (times_s >= start) & (times_s < end)
    return inside


def _faded(inside: Any, n: int) -> Any:
    """Turn flags into a 0..1 ramp that reaches 1 `n` samples inside every edge and is 0 outside."""
    ramp = np.convolve(inside.astype(np.float64), np.ones(2 * n + 1) / (2 * n + 1), mode="same")
    return np.where(inside, np.clip(2 * ramp - 1, 0, 1), 0.0).astype(np.float32)
