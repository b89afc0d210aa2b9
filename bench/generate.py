"""Generate: a model over all requests of a task, batch by batch, into a submission folder."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio, read_audio, write_audio
from bench.build import ExampleSet
from bench.cache import Cache, key_of
from bench.errors import BenchError, MissingComponent
from bench.example import Request, other_songs
from bench.executor import progress
from bench.manifest import song_of
from bench.paths import write_text
from bench.submission import FAILED, SWAPPED, Card, Submission, write_card
from bench.yaml import dump_yaml


@dataclass(frozen=True)
class _Batch:
    """Requests that a model is given together; the partition depends on nothing but the list and the batch size."""

    ids: tuple[str, ...]
    key: str


def generate(examples: ExampleSet, system: str, folder: Path, cache: Cache, **options: Any) -> Submission:
    """Let the model called `system` answer every request, leaving finished batches alone.

    A request on which the model fails is noted in `failed.yaml` and tried again in the next run; the others go on. A
    model that follows controls also answers with another song's control, into `swapped/`, for `adherence`.

    Args:
        examples: The built task.
        system: The model plug's name, which becomes the submission's.
        folder: The submission's folder.
        cache: Remembers which batches are done.
        options: The model's options.

    Raises:
        UnknownName: no model has this name.
        MissingComponent: it needs a package or weights that are not here.
    """
    started = time.perf_counter()
    model = plugins.load("models", system, **options)
    make = _Maker(examples, system, model, folder, cache, options)
    failures = make.all(examples.ids, folder, lambda name: examples.request(name))
    is_probe = getattr(model, "is_probe", False)
    if examples.task.controls and not is_probe and len({song_of(name) for name in examples.ids}) > 1:
        partners = other_songs(examples.ids)
        make.all(examples.ids, folder / SWAPPED, lambda name: swapped(examples, name, partners[name]))
    if failures:
        write_text(folder / FAILED, dump_yaml(failures))
    else:
        (folder / FAILED).unlink(missing_ok=True)
    card = Card(
        system=system,
        task=examples.task.name,
        task_version=examples.task.version,
        manifest=examples.manifest.name,
        training_data="none",
        notes=plugins.about("models", system),
        hardware="cpu",
        generation_seconds=round(time.perf_counter() - started, 2),
    )
    if not (folder / "submission.yaml").exists() or make.made_anything:
        write_card(folder, card)
    return Submission(folder, card)


def swapped(examples: ExampleSet, name: str, partner: str) -> Request:
    """Return a request whose controls are another song's."""
    return replace(examples.request(name), controls=examples.request(partner).controls)


class _Maker:
    """One model's way through the batches."""

    def __init__(
        self, examples: ExampleSet, system: str, model: Any, folder: Path, cache: Cache, options: dict[str, Any]
    ) -> None:
        self.examples, self.system, self.model, self.cache, self.options = examples, system, model, cache, options
        self.is_probe = getattr(model, "is_probe", False)
        self.made_anything = False

    def all(self, ids: Sequence[str], folder: Path, request: Callable[[str], Request]) -> dict[str, str]:
        """Make every output below `folder`; return the requests that failed, with their reasons."""
        failures: dict[str, str] = {}
        label = f"generating {self.system}" + (" (swapped)" if folder.name == SWAPPED else "")
        batches = self._batches(ids, folder.name == SWAPPED)
        with progress(label, len(batches)) as step:
            for batch in batches:
                failures.update(self._batch(batch, folder, request))
                step()
        return failures

    def _batches(self, ids: Sequence[str], is_swapped: bool) -> list[_Batch]:
        size = len(ids) if self.is_probe else self.model.batch_size
        made_by = (self.examples.folder / "build.yaml").read_text(encoding="utf-8")
        version = getattr(self.model, "identity", self.system)
        return [
            _Batch(tuple(part), key_of("batch", made_by, self.system, version, self.options, is_swapped, part))
            for part in (list(ids[k : k + size]) for k in range(0, len(ids), size))
        ]

    def _batch(self, batch: _Batch, folder: Path, request: Callable[[str], Request]) -> dict[str, str]:
        done = self.cache.record(batch.key)
        if (
            done
            and not done["failures"]
            and all(_holds(folder / f"{name}.wav", sha) for name, sha in done["outputs"].items())
        ):
            return {}
        self.made_anything = True
        failures: dict[str, str] = {}
        outputs = self._outputs(batch.ids, request, failures)
        for name in batch.ids:
            if name in outputs:
                write_audio(folder / f"{name}.wav", outputs[name])
            else:
                (folder / f"{name}.wav").unlink(missing_ok=True)
        shas = {name: audio.sha256() for name, audio in outputs.items()}
        self.cache.keep(batch.key, {"outputs": shas, "failures": failures})
        return failures

    def _outputs(
        self, ids: tuple[str, ...], request: Callable[[str], Request], failures: dict[str, str]
    ) -> dict[str, Audio]:
        """Run the model on the batch; if that fails, on each request alone, so that one cannot spoil the others."""
        inputs = [self.examples.example(name) if self.is_probe else request(name) for name in ids]
        try:
            made = self.model.edit(inputs)
            return {name: self._checked(audio) for name, audio in zip(ids, made, strict=True)}
        except MissingComponent:
            raise
        except Exception as error:  # a model may fail in any way; the failure becomes a state, not a crash
            if len(ids) == 1 or self.is_probe:
                failures.update(dict.fromkeys(ids, " ".join(f"{type(error).__name__}: {error}".split())))
                return {}
        outputs: dict[str, Audio] = {}
        for name in ids:
            outputs.update(self._outputs((name,), request, failures))
        return outputs

    def _checked(self, audio: Audio) -> Audio:
        task = self.examples.task
        if (audio.samples.shape, audio.sample_rate) != ((1, task.n_samples), task.sample_rate):
            raise BenchError(
                f"{self.system} gave {audio.samples.shape} samples at {audio.sample_rate} Hz, "
                f"the task wants (1, {task.n_samples}) at {task.sample_rate} Hz"
            )
        if not np.isfinite(audio.samples).all():
            raise BenchError(f"{self.system} gave NaN or infinity")
        return audio


def _holds_all(folder: Path, shas: dict[str, str]) -> bool:
    return all(_holds(folder / f"{name}.wav", sha) for name, sha in shas.items())


def _holds(path: Path, sha: str) -> bool:
    try:
        return read_audio(path).sha256() == sha
    except BenchError:
        return False
