"""Build: make the requests, which are handed out, and the references, which are kept, of a task."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError, Unserved
from bench.example import (
    Control,
    Example,
    ExampleSet,
    Request,
    Truth,
    extractors_in,
    masked,
    other_songs,
    write_reference,
    write_request,
)
from bench.formats import dump_yaml, read_yaml
from bench.manifest import Excerpt, Manifest
from bench.mask import Mask
from bench.music.choice import chosen_for, line, must_be_installed
from bench.music.controls import chords_control, drums_control, piano_control, piano_cover, visible_accompaniment
from bench.music.extraction import Extractors
from bench.paths import write_text
from bench.pipeline.handout import write_handout
from bench.pipeline.source import Source, check_served, dataset_of, selected
from bench.recordings.library import music_of
from bench.runtime.cache import Cache, key_of
from bench.runtime.executor import Executor
from bench.runtime.layout import Layout
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes
from bench.task import ControlSpec, Task, defaults

VERSION = 1
"""Raised whenever a change here alters the examples made from the same music."""
_SLACK_S = 0.01
"""Tolerated difference between the length of a sound and that of the excerpt."""
_SPLICE_S = 0.005


@dataclass(frozen=True)
class Job:
    """All that a worker needs to build one example.

    Attributes:
        task: The task.
        source: The source of the music.
        excerpt: The excerpt.
        other: An excerpt of another song whose drums may be borrowed; None where the task borrows none.
        folder: The folder of the examples.
        cache: The cache's folder.
        extractors: Pairs of kind and extractor.
        renderer: Name of the renderer of controls.
    """

    task: Task
    source: Source
    excerpt: Excerpt
    other: Excerpt | None
    folder: Path
    cache: Path
    extractors: tuple[tuple[str, str], ...]
    renderer: str


def build(
    task: Task,
    source: Source,
    layout: Layout,
    executor: Executor,
    asked: Mapping[str, str] | None = None,
    limit: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> ExampleSet:
    """Make the examples of a task that do not exist yet.

    Args:
        task: The task.
        source: The source of the music.
        layout: The run's folders.
        executor: Runs one excerpt per job.
        asked: Extractors by kind, instead of those that `extractors_for` takes.
        limit: Take only the first so many excerpts.
        say: Called with a line that names the extractors, if the examples are new.

    Returns:
        All examples of the task, in `layout`'s folder of examples.

    Raises:
        BenchError: a recording cannot be read or is too short; the message names it.
        MissingComponent: the extractors with which the folder was begun are not installed.
    """
    check_served(task, source.dataset, dataset_of(source))
    manifest = selected(source).lasting(task.duration_s).limited(limit)
    folder = layout.examples(task.name, manifest.name)
    extractors = extractors_for(task, source, manifest, folder, asked)
    made_by = _made_by(task, source, manifest, extractors)
    if {**_before(folder), "extractors": extractors} != made_by:  # an earlier version wrote the key, but no names
        shutil.rmtree(folder, ignore_errors=True)
        write_text(folder / "index.csv", manifest.text)
        write_text(folder / "build.yaml", dump_yaml(made_by))
        say(line(music_of(source.dataset), extractors))
    jobs = [
        job
        for job in jobs_of(task, source, manifest, layout, extractors)
        if not (folder / "requests" / job.excerpt.id / "request.yaml").exists()
    ]
    executor.map(_build_one, jobs, f"building {task.name}")
    write_handout(folder / "requests", task, manifest.name, len(manifest.excerpts))
    return ExampleSet(folder, task, manifest, extractors)


def extractors_for(
    task: Task, source: Source, manifest: Manifest, folder: Path, asked: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the extractors of a folder of examples: those asked for, those it was begun with, or the defaults.

    Raises:
        MissingComponent: an extractor that was asked for, or with which the folder was begun, is not installed.
    """
    must_be_installed(asked or {}, "--extractor")
    before = _before(folder)
    begun_with = extractors_in(folder) if before else {}
    if not begun_with or before != _made_by(task, source, manifest, begun_with):
        return chosen_for(music_of(source.dataset), asked)
    extractors = begun_with | dict(asked or {})
    must_be_installed(extractors, str(folder / "build.yaml"))
    return extractors


def _before(folder: Path) -> dict[str, Any]:
    return read_yaml(folder / "build.yaml") if (folder / "build.yaml").exists() else {}


def _made_by(task: Task, source: Source, manifest: Manifest, extractors: dict[str, str]) -> dict[str, Any]:
    return {
        "task": f"{task.name}@{task.version}",
        "manifest": manifest.name,
        "manifest_sha": manifest.sha256,
        "public": manifest.is_public,
        "extractors": extractors,
        "key": key_of(VERSION, task, manifest.sha256, source.dataset, sorted(extractors.items()), defaults().renderer),
    }


def jobs_of(task: Task, source: Source, manifest: Manifest, layout: Layout, extractors: dict[str, str]) -> list[Job]:
    """Return one job per excerpt of the manifest."""
    folder, chosen = layout.examples(task.name, manifest.name), tuple(extractors.items())
    by_id = {e.id: e for e in manifest.excerpts}
    partners = _partners(task, list(by_id))
    return [
        Job(task, source, e, by_id.get(partners.get(e.id, "")), folder, layout.cache, chosen, defaults().renderer)
        for e in manifest.excerpts
    ]


def example_of(job: Job, extractors: Extractors) -> Example:
    """Make one example; nothing is written except what the extractors cache."""
    return _Builder(job, extractors).example()


def _partners(task: Task, ids: list[str]) -> dict[str, str]:
    borrows = any(control.source == "other-pattern" for control in task.controls)
    return other_songs(ids) if borrows and len(ids) > 1 else {}


def _build_one(job: Job) -> None:
    """Make and write one example; request.yaml is written last and marks it complete."""
    example = example_of(job, Extractors(dict(job.extractors), Cache(job.cache)))
    write_reference(job.folder / "references", example)
    write_request(job.folder / "requests", example.request)


class _Builder:
    """Makes one example from the data set, and from findings of extractors where the data set has nothing."""

    def __init__(self, job: Job, extractors: Extractors) -> None:
        self.task, self.excerpt, self.job = job.task, job.excerpt, job
        self.dataset = dataset_of(job.source)
        self.extractors = extractors
        self.mask: Mask = job.task.mask_of(job.excerpt.id)
        self.mix = self._sound(job.excerpt, "mix")

    def example(self) -> Example:
        """Return the example: request, reference and truth."""
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
        """Read a sound as mono at the task's rate and exact length; None if the data set has none."""
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
        seconds, rate, around = self.task.duration_s, self.task.sample_rate, self._visible_accompaniment()
        if spec.kind == "chords":
            return chords_control(*self._chords(truth), renderer, seconds, rate, around)
        return piano_control(self._cover(truth), renderer, seconds, rate, around)

    def _drums(self, source: str) -> Audio:
        """Return the drums to follow: the stem, another pattern, or drums separated from the mix."""
        check_served(self.task, self.excerpt.dataset, self.dataset)
        drums = None if source == "separated" else self._sound(self.excerpt, _STEM_OF[source])
        if drums is not None:
            return drums  # type: ignore[no-any-return]
        if source != "other-pattern":
            return self._separated(self.mix)
        if self.job.other is None:
            raise Unserved(f"{self.task.name}: {self.excerpt.id} needs another song's drums; give at least two songs")
        borrowed = self._sound(self.job.other, "drums")
        return borrowed if borrowed is not None else self._separated(self._sound(self.job.other, "mix"))

    def _separated(self, mix: Audio) -> Audio:
        drums: Audio = self.extractors.find("drums", mix)
        return drums

    def _chords(self, truth: Truth) -> tuple[Chords, Beats]:
        chords = truth.chords if truth.chords is not None else self.extractors.find("chords", self.mix)
        return chords, truth.beats if truth.beats is not None else self.extractors.find("beats", self.mix)

    def _cover(self, truth: Truth) -> Notes:
        known = self.dataset.read(self.excerpt, "piano") or truth.notes
        return piano_cover(known if isinstance(known, Notes) else self.extractors.find("notes", self.mix))

    def _visible_accompaniment(self) -> Audio | None:
        """Return the visible context without drums; the level of a rendered control is matched to it alone."""
        seen = masked(self.mix, self.mask)
        stem = self._sound(self.excerpt, "drums")
        return visible_accompaniment(seen, stem if stem is not None else self._separated(seen), self.mask)

    def _edited(self, drums: Audio, truth: Truth) -> tuple[Audio, Truth]:
        """Return the song with the given drums in its holes, spliced over 5 ms, and the truth about it."""
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
    """Return a gain per sample: 0 outside the holes, 1 inside, with a linear ramp of `n` samples inside each edge."""
    ramp = np.convolve(inside.astype(np.float64), np.ones(2 * n + 1) / (2 * n + 1), mode="same")
    return np.where(inside, np.clip(2 * ramp - 1, 0, 1), 0.0).astype(np.float32)
