"""Doctor: what is installed, what each task still lacks, and the command that gets it."""

import importlib.util
import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import plugins
from bench.errors import BenchError
from bench.pipeline.prepare import bytes_of
from bench.pipeline.source import Source, check_served, source_of
from bench.recordings import library
from bench.runtime.device import chosen
from bench.task import Spec, Task, defaults, load_task, task_names
from bench.upkeep import setup

REQUIRED = {
    name: name
    for name in (
        *("torch", "numpy", "scipy", "pandas", "soundfile", "soxr", "librosa", "numba", "mir_eval", "pretty_midi"),
        *("pyloudnorm", "transformers", "demucs", "safetensors", "jinja2", "typer", "rich"),
    )
} | {"yaml": "pyyaml"}
"""Packages that a plain installation brings: what is imported, and what pip calls it."""
OPTIONAL = {
    "matplotlib": ("report", "bench look"),
    "peft": ("train", "`bench train` of a lora recipe"),
    "mirdata": ("datasets", "`bench data verify` by published md5"),
}
"""Packages of an extra: the extra, and what needs it."""
_MB, _GB = 1e6, 1e9
_ROOM = 100
"""Excerpts that there should be room for."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table.

    Attributes:
        kind: `package`, `component`, `weights`, `data set`, `disk`, `memory` or `task`.
        subject: Its name.
        is_ready: Whether it can be used as it is.
        detail: Version, or what is lacking and the command that gets it.
    """

    kind: str
    subject: str
    is_ready: bool
    detail: str


@dataclass(frozen=True)
class Asked:
    """How a task is to be run.

    Attributes:
        extractors: Extractor by kind, where it is not the default one.
        dataset: A data set or one of its manifests; the default one when None.
        models: Models; the default ones when empty.
        device: `auto`, `cpu` or `cuda`.
    """

    extractors: dict[str, str] = field(default_factory=dict)
    dataset: str | None = None
    models: tuple[str, ...] = ()
    device: str = "auto"


def examine(task: str | None = None, asked: Asked | None = None) -> list[Finding]:
    """Look at packages, components, weights, data sets, room on the disk, and the readiness of one or all tasks.

    Args:
        task: Only whether this task can be run as asked.
        asked: How the tasks are to be run.

    Raises:
        UnknownName: no task, data set, model or extractor has this name.
    """
    tasks = [load_task(name) for name in ([task] if task else task_names())]
    readiness = [_task(one, asked or Asked()) for one in tasks]
    everything = [] if task else [*_packages(), *_components(), *_weights(), *_datasets()]
    return [*everything, _disk(tasks), *_memory(asked or Asked()), *readiness]


def tables(found: list[Finding]) -> list[Any]:
    """Return a table for every kind of finding, for rich to fit into whatever width there is."""
    from rich.table import Table
    from rich.text import Text

    made = {}
    for one in found:
        if one.kind not in made:
            made[one.kind] = Table(box=None, show_header=False, title=one.kind, title_justify="left", pad_edge=False)
            made[one.kind].add_column(no_wrap=True)
            made[one.kind].add_column(overflow="fold", max_width=24)
            made[one.kind].add_column(overflow="fold")
        mark = Text("ok", "green") if one.is_ready else Text("--", "red")
        made[one.kind].add_row(mark, Text(one.subject), Text(one.detail))
    return list(made.values())


def _packages() -> list[Finding]:
    found = [_package(name, f"pip install {project}") for name, project in REQUIRED.items()]
    extras = {name: f"{use}: pip install 'steerbench[{extra}]'" for name, (extra, use) in OPTIONAL.items()}
    return found + [_package(name, remedy) for name, remedy in extras.items()]


def _package(name: str, remedy: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding("package", name, False, f"missing; {remedy}")
    try:
        return Finding("package", name, True, metadata.version(REQUIRED.get(name, name)))
    except metadata.PackageNotFoundError:
        return Finding("package", name, True, "installed")


def _components() -> list[Finding]:
    found = []
    for name, component in setup.components().items():
        ready = setup.installed(name)
        detail = str(component) if ready else f"missing; bench setup {name} ({component})"
        found.append(Finding("component", name, ready, detail))
    return found


def _weights() -> list[Finding]:
    found = []
    for weights in plugins.weights().values():
        ready = weights.is_here()
        found.append(Finding("weights", weights.name, ready, str(weights) if ready else str(weights.missing())))
    return found


def _datasets() -> list[Finding]:
    """Ask every data set that needs no option whether it is here."""
    data = os.environ.get(library.VARIABLE, "")
    said = data or f"not set; export {library.VARIABLE}=FOLDER, the one that the folders of data sets lie in"
    found = [Finding("data set", f"${library.VARIABLE}", bool(data), said)]
    for name in plugins.names("datasets"):
        options = inspect.signature(plugins.builder("datasets", name)).parameters.values()
        if any(option.default is option.empty for option in options):
            continue
        card = library.dataset_card(name)
        try:
            root = getattr(plugins.load("datasets", name), "root", None)
            where = f"in {root}" if root else "made when it is read"
            found.append(Finding("data set", name, True, f"{where}; {card.get('licence', '')}"))
        except BenchError as error:
            found.append(Finding("data set", name, False, f"{error} (licence: {card.get('licence', 'see its card')})"))
    return found


def _disk(tasks: list[Task]) -> Finding:
    """Compare what is free with what preparing takes."""
    free, each = shutil.disk_usage(Path.cwd()).free, bytes_of(tasks)
    said = f"{free / _GB:.1f} GB free here; `bench data prepare` writes up to {each / _MB:.0f} MB an excerpt"
    if free >= _ROOM * each:
        return Finding("disk", "room", True, said)
    return Finding("disk", "room", False, f"{said}; make room, or give an --out where there is more")


def _memory(asked: Asked) -> list[Finding]:
    """Compare what is free on the device with what every model that is asked for needs, its files being here or not."""
    found = []
    for model in asked.models:
        try:
            room = plugins.memory("models", model, chosen(asked.device))
        except BenchError:
            continue  # no such device, which the task's own line says
        if room is not None:
            remedy = "" if room.is_enough else "; take a smaller size, or a --device with more"
            found.append(Finding("memory", model, room.is_enough, f"{room}{remedy}"))
    return found


def _task(task: Task, asked: Asked) -> Finding:
    """Build every extractor, metric, renderer, model and data set that a run of the task would."""
    lacks = list(dict.fromkeys(_lacks(task, asked)))
    return Finding("task", task.name, not lacks, "\n".join(lacks) or "ready")


def _lacks(task: Task, asked: Asked) -> Iterator[str]:
    for kind, plug, load in _wanted(task, asked):
        try:
            load()
        except BenchError as error:
            yield str(error)
            for weights in plugins.weights_of(kind, plug):
                if not weights.is_here() and weights.name not in str(error):
                    yield str(weights.missing())
        except ImportError as error:
            yield f"{plug} needs {error.name}; pip install {REQUIRED.get(str(error.name), error.name)}"
    try:
        chosen(asked.device)
    except BenchError as error:
        yield str(error)


def _wanted(task: Task, asked: Asked) -> list[tuple[str, str, Callable[[], object]]]:
    """Return kind and name of everything that a run would load, and how it loads it."""
    source = source_of(asked.dataset, None, None, task)
    plain = [("extractors", plug) for plug in {**defaults().extractors, **asked.extractors}.values()]
    if any(control.kind != "drums" for control in task.controls):
        plain.append(("renderers", defaults().renderer))
    models = asked.models or defaults().systems
    return [
        ("datasets", source.dataset, partial(_dataset, task, source)),
        *((kind, plug, partial(plugins.load, kind, plug)) for kind, plug in plain),
        *(("metrics", spec.name, partial(_metric, spec)) for spec in task.metrics),
        *(("models", model, partial(_model, model, asked.device)) for model in models),
    ]


def _dataset(task: Task, source: Source) -> None:
    dataset = plugins.load("datasets", source.dataset)
    check_served(task, source.dataset, dataset)
    if hasattr(dataset, "levels"):  # Choosing its excerpts may take hours.
        library.listed(dataset, source.manifest)
    else:
        dataset.select(source.manifest)


def _metric(spec: Spec) -> object:
    return plugins.load("metrics", spec.name, **spec.filled(plugins.builder("metrics", spec.name)))


def _model(name: str, device: str) -> object:
    takes_one = device != "auto" and "device" in plugins.options("models", name)
    return plugins.load("models", name, **({"device": device} if takes_one else {}))
