"""Generate: let a model answer all requests of a task, batch by batch, into a submission folder."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio, read_audio, write_audio
from bench.errors import BenchError, MissingComponent
from bench.example import ExampleSet, Request, other_songs
from bench.formats import dump_yaml
from bench.manifest import song_of
from bench.paths import write_text
from bench.protocols import Traits, traits_of
from bench.runtime.cache import Cache, key_of
from bench.runtime.device import chosen, forget_peak, hardware, peak_mib
from bench.runtime.executor import Executor, Serial
from bench.submission import CARD, FAILED, SPEED, SWAPPED, Card, Submission, read_submission, write_card


@dataclass(frozen=True)
class _Batch:
    """Requests that a model is given together; they depend only on the list of requests and the batch size.

    Attributes:
        ids: The requests.
        partners: The excerpts of other songs whose controls replace their own; empty to keep their own.
        key: Key of the cache's record of a finished batch.
    """

    ids: tuple[str, ...]
    partners: tuple[str, ...]
    key: str


def generate(
    examples: ExampleSet,
    system: str,
    folder: Path,
    cache: Cache,
    executor: Executor | None = None,
    device: str = "cpu",
    **options: Any,
) -> Submission:
    """Let a model answer every request whose batch is not finished yet, and write its card.

    A request on which the model fails is listed in `failed.yaml` and tried again in the next run; the others go on. For
    tasks with controls, a model (but not a probe) also answers every request with another song's control, into
    `swapped/`, for `adherence`.

    Args:
        examples: The examples.
        system: Name of the model, which becomes the name of the system.
        folder: The submission's folder.
        cache: Records which batches are finished.
        executor: Runs the batches of models with `runs_in_workers`; other models run in this process.
        device: `auto`, `cpu` or `cuda`; models without the option `device` run on the CPU.
        options: The model's options.

    Returns:
        The submission.

    Raises:
        UnknownName: no model, or no device, has this name.
        MissingComponent: the model needs a package or weights that are not installed.
    """
    started = time.perf_counter()
    _loaded.clear()
    device = chosen(device) if "device" in plugins.options("models", system) else "cpu"
    if device != "cpu":
        options["device"] = device
    traits, generator = traits_of(_model(system, options)), _Generator(examples, system, options, folder, cache.folder)
    batches = generator.batches(traits, {})
    if examples.task.controls and not traits.is_probe and len({song_of(name) for name in examples.ids}) > 1:
        batches += generator.batches(traits, other_songs(examples.ids))
    runner = executor if executor is not None and traits.runs_in_workers else Serial()
    results = runner.map(generator, batches, f"generating {system}")
    own = [one for one, batch in zip(results, batches, strict=True) if not batch.partners]
    failures = {name: why for one in own for name, why in one.failures.items()}
    if failures:
        write_text(folder / FAILED, dump_yaml(failures))
    else:
        (folder / FAILED).unlink(missing_ok=True)
    card = _card(examples, system, traits, device, results, time.perf_counter() - started)
    if (folder / CARD).exists() and not any(one.n_made for one in results):
        # Nothing was generated now: keep the times of the run that generated the outputs.
        earlier = read_submission(folder).card
        card = replace(card, **{key: getattr(earlier, key) for key in SPEED})
    write_card(folder, card)
    _loaded.clear()
    return Submission(folder, card)


def _card(
    examples: ExampleSet, system: str, traits: Traits, device: str, results: "list[_Result]", seconds: float
) -> Card:
    made_s = sum(one.n_made for one in results) * examples.task.duration_s
    return Card(
        system=system,
        task=examples.task.name,
        task_version=examples.task.version,
        manifest=examples.manifest.name,
        training_data=traits.training_data,
        parameters=traits.parameters,
        trainable_parameters=traits.trainable_parameters,
        notes=plugins.about("models", system),
        hardware=hardware(device),
        generation_seconds=round(seconds, 2),
        generation_rate=round(made_s / seconds, 2),
        batch_size=traits.batch_size or len(examples.ids),
        peak_memory_mib=round(max((one.peak_mib for one in results), default=0.0)),
        keeps_phase=traits.keeps_phase,
        identity=traits.identity,
    )


def swapped(examples: ExampleSet, name: str, partner: str) -> Request:
    """Return a request with the controls of another excerpt, `partner`."""
    return replace(examples.request(name), controls=examples.request(partner).controls)


@dataclass(frozen=True)
class _Result:
    """The result of a batch.

    Attributes:
        failures: Reasons by failed request.
        n_made: Number of requests answered now; 0 if the batch was finished already.
        peak_mib: Peak memory while answering, in MiB.
    """

    failures: dict[str, str]
    n_made: int = 0
    peak_mib: float = 0.0


_loaded: dict[str, Any] = {}
"""The one model that this process has loaded, by its key."""


def _model(system: str, options: dict[str, Any]) -> Any:
    key = key_of(system, sorted(options.items()))
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = plugins.load("models", system, **options)
    return _loaded[key]


@dataclass(frozen=True)
class _Generator:
    """Runs one model on batches, in this process or in a worker."""

    examples: ExampleSet
    system: str
    options: dict[str, Any]
    folder: Path
    cache: Path

    def batches(self, traits: Traits, partners: dict[str, str]) -> list[_Batch]:
        """Divide the requests into batches, with the controls of their partners if given."""
        ids = list(self.examples.ids)
        size = len(ids) if traits.is_probe else traits.batch_size or len(ids)
        made_by = (self.examples.folder / "build.yaml").read_text(encoding="utf-8")
        version = traits.identity or self.system
        return [
            _Batch(
                tuple(part),
                tuple(partners[name] for name in part) if partners else (),
                key_of("batch", made_by, self.system, version, self.options, bool(partners), part),
            )
            for part in (ids[k : k + size] for k in range(0, len(ids), size))
        ]

    def __call__(self, batch: _Batch) -> _Result:
        """Answer a batch and write its outputs, unless the cache records them and the files are unchanged."""
        cache, folder = Cache(self.cache), self.folder / SWAPPED if batch.partners else self.folder
        record = cache.record(batch.key)
        if (
            record
            and not record["failures"]
            and all(_holds(folder / f"{name}.wav", sha) for name, sha in record["outputs"].items())
        ):
            return _Result({})
        failures: dict[str, str] = {}
        device = self.options.get("device", "cpu")
        forget_peak(device)
        outputs = self._outputs(_model(self.system, self.options), batch, batch.ids, failures)
        for name in batch.ids:
            if name in outputs:
                write_audio(folder / f"{name}.wav", outputs[name])
            else:
                (folder / f"{name}.wav").unlink(missing_ok=True)
        cache.keep(batch.key, {"outputs": {n: audio.sha256() for n, audio in outputs.items()}, "failures": failures})
        return _Result(failures, len(batch.ids), peak_mib(device))

    def _outputs(self, model: Any, batch: _Batch, ids: tuple[str, ...], failures: dict[str, str]) -> dict[str, Audio]:
        """Run the model on the batch; if that fails, on each request alone, so that one failure stays one."""
        is_probe = traits_of(model).is_probe
        inputs = [self.examples.example(name) if is_probe else self._request(batch, name) for name in ids]
        try:
            answers = model.edit(inputs)
            return {name: self._checked(audio) for name, audio in zip(ids, answers, strict=True)}
        except MissingComponent:
            raise
        except Exception as error:  # a model may fail in any way; a failure becomes a state, not a crash
            if len(ids) == 1 or is_probe:
                failures.update(dict.fromkeys(ids, " ".join(f"{type(error).__name__}: {error}".split())))
                return {}
        outputs: dict[str, Audio] = {}
        for name in ids:
            outputs.update(self._outputs(model, batch, (name,), failures))
        return outputs

    def _request(self, batch: _Batch, name: str) -> Request:
        if not batch.partners:
            return self.examples.request(name)
        return swapped(self.examples, name, batch.partners[batch.ids.index(name)])

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


def _holds(path: Path, sha: str) -> bool:
    try:
        return read_audio(path).sha256() == sha
    except BenchError:
        return False
