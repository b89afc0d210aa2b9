"""Doctor: report what is installed and what each task needs, with the commands to get it."""

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
from bench.music.choice import choices, first_installed, missing
from bench.pipeline.prepare import bytes_of
from bench.pipeline.source import Source, check_served, source_of
from bench.recordings import library
from bench.runtime.device import chosen
from bench.task import Choices, Spec, Task, defaults, load_task, task_names
from bench.upkeep import setup

REQUIRED = {
    name: name
    for name in (
        *("torch", "numpy", "scipy", "pandas", "soundfile", "soxr", "librosa", "numba", "mir_eval", "pretty_midi"),
        *("pyloudnorm", "transformers", "demucs", "safetensors", "jinja2", "typer", "rich"),
    )
} | {"yaml": "pyyaml"}
"""Packages of a plain installation: name of the import, and its name for pip."""
OPTIONAL = {
    "matplotlib": ("report", "bench look"),
    "peft": ("train", "`bench train` of a lora recipe"),
    "mirdata": ("datasets", "`bench data verify` by published md5"),
}
"""Packages of extras: name of the extra, and what needs the package."""
_MB, _GB = 1e6, 1e9
_N_EXCERPTS = 100
"""Number of excerpts for which the disk should have space."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table.

    Attributes:
        kind: `package`, `component`, `weights`, `extractor`, `data set`, `disk`, `memory` or `task`.
        subject: Its name.
        is_ready: Whether it can be used.
        detail: Version, or what is missing and the command to get it.
    """

    kind: str
    subject: str
    is_ready: bool
    detail: str


@dataclass(frozen=True)
class Asked:
    """Options of the run that is examined.

    Attributes:
        extractors: Extractors by kind, instead of those that would be taken.
        dataset: A data set or one of its manifests; the default one when None.
        models: Models; the default ones when empty.
        device: `auto`, `cpu` or `cuda`.
    """

    extractors: dict[str, str] = field(default_factory=dict)
    dataset: str | None = None
    models: tuple[str, ...] = ()
    device: str = "auto"


def examine(task: str | None = None, asked: Asked | None = None) -> list[Finding]:
    """Examine packages, components, weights, data sets, disk and memory, and whether tasks can be run.

    Args:
        task: Examine this task only; all tasks and components when None.
        asked: Options of the run.

    Raises:
        UnknownName: no task, data set, model or extractor has this name.
    """
    tasks = [load_task(name) for name in ([task] if task else task_names())]
    readiness = [_task(one, asked or Asked()) for one in tasks]
    everything = [] if task else [*_packages(), *_components(), *_weights(), *_extractors(), *_datasets()]
    return [*everything, _disk(tasks), *_memory(asked or Asked()), *readiness]


def tables(findings: list[Finding]) -> list[Any]:
    """Return a rich table for every kind of finding; columns fold to fit the terminal."""
    from rich.table import Table
    from rich.text import Text

    by_kind = {}
    for one in findings:
        if one.kind not in by_kind:
            table = Table(box=None, show_header=False, title=one.kind, title_justify="left", pad_edge=False)
            table.add_column(no_wrap=True)
            table.add_column(overflow="fold", max_width=24)
            table.add_column(overflow="fold")
            by_kind[one.kind] = table
        mark = Text("ok", "green") if one.is_ready else Text("--", "red")
        by_kind[one.kind].add_row(mark, Text(one.subject), Text(one.detail))
    return list(by_kind.values())


def _packages() -> list[Finding]:
    packages = [_package(name, f"pip install {project}") for name, project in REQUIRED.items()]
    extras = {name: f"{use}: pip install 'steerbench[{extra}]'" for name, (extra, use) in OPTIONAL.items()}
    return packages + [_package(name, remedy) for name, remedy in extras.items()]


def _package(name: str, remedy: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding("package", name, False, f"missing; {remedy}")
    try:
        return Finding("package", name, True, metadata.version(REQUIRED.get(name, name)))
    except metadata.PackageNotFoundError:
        return Finding("package", name, True, "installed")


def _components() -> list[Finding]:
    findings = []
    for name, component in setup.components().items():
        ready = setup.installed(name)
        detail = str(component) if ready else f"missing; bench setup {name} ({component})"
        findings.append(Finding("component", name, ready, detail))
    return findings


def _weights() -> list[Finding]:
    findings = []
    for weights in plugins.weights().values():
        ready = weights.is_here()
        findings.append(Finding("weights", weights.name, ready, str(weights) if ready else str(weights.missing())))
    return findings


def _extractors() -> list[Finding]:
    """Report for both kinds of music which extractor would be taken for every kind, and what better ones cost."""
    return [_extractor(music, kind, lists) for music in library.MUSIC for kind, lists in choices().items()]


def _extractor(music: str, kind: str, lists: Choices) -> Finding:
    names = lists.of(music)
    taken = first_installed(names)
    if taken is None:
        return Finding("extractor", f"{music}: {kind}", False, "; ".join(map(missing, names)))
    said = [taken, *(f"better: {name}, {_cost(name)}" for name in names[: names.index(taken)])]
    for name in lists.on_request if music != library.MUSIC[0] else ():
        said.append(f"better, if its licence suits you: {name}, {_cost(name)}, then --extractor {kind}={name}")
    return Finding("extractor", f"{music}: {kind}", True, "; ".join(said))


def _cost(name: str) -> str:
    """Return the command that installs an extractor, its size and its licence."""
    needed = [f"{what} ({size}; {licence})" for what, size, licence in _needs(name)]
    return f"{'' if missing(name) else 'installed: '}{' and '.join(needed) or missing(name)}"


def _needs(name: str) -> Iterator[tuple[str, str, str]]:
    """Return command, size and licence of everything that an extractor needs beyond a plain installation."""
    for weights in plugins.weights_of("extractors", name):
        yield f"bench setup {weights.name}", f"{weights.size_gb * _GB / _MB:.0f} MB", weights.licence
    for component, one in setup.components().items():
        if name.startswith(f"{component}-"):
            yield f"bench setup {component}", f"{one.size_mb} MB", one.licence


def _datasets() -> list[Finding]:
    """Report for every data set without required options whether it can be read."""
    data = os.environ.get(library.VARIABLE, "")
    detail = data or f"not set; export {library.VARIABLE}=FOLDER, the folder that holds those of the data sets"
    findings = [Finding("data set", f"${library.VARIABLE}", bool(data), detail)]
    for name in plugins.names("datasets"):
        options = inspect.signature(plugins.builder("datasets", name)).parameters.values()
        if any(option.default is option.empty for option in options):
            continue
        card = library.dataset_card(name)
        try:
            root = getattr(plugins.load("datasets", name), "root", None)
            where = f"in {root}" if root else "made when it is read"
            findings.append(Finding("data set", name, True, f"{where}; {card.get('licence', '')}"))
        except BenchError as error:
            findings.append(
                Finding("data set", name, False, f"{error} (licence: {card.get('licence', 'see its card')})")
            )
    return findings


def _disk(tasks: list[Task]) -> Finding:
    """Compare the free space of the disk with what `bench data prepare` needs."""
    free, each = shutil.disk_usage(Path.cwd()).free, bytes_of(tasks)
    space = f"{free / _GB:.1f} GB free here; `bench data prepare` writes up to {each / _MB:.0f} MB an excerpt"
    if free >= _N_EXCERPTS * each:
        return Finding("disk", "room", True, space)
    return Finding("disk", "room", False, f"{space}; free some, or choose another disk with --out")


def _memory(asked: Asked) -> list[Finding]:
    """Compare the device's free memory with what every chosen model needs, even if its weights are missing."""
    findings = []
    for model in asked.models:
        try:
            estimate = plugins.memory("models", model, chosen(asked.device))
        except BenchError:
            continue  # a missing device is reported by the task's own line
        if estimate is not None:
            remedy = "" if estimate.is_enough else "; choose a smaller size, or a --device with more memory"
            findings.append(Finding("memory", model, estimate.is_enough, f"{estimate}{remedy}"))
    return findings


def _task(task: Task, asked: Asked) -> Finding:
    """Build every extractor, metric, renderer, model and data set of a run of the task; report what is missing."""
    problems = list(dict.fromkeys(_problems(task, asked)))
    return Finding("task", task.name, not problems, "\n".join(problems) or "ready")


def _problems(task: Task, asked: Asked) -> Iterator[str]:
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
    """Return kind, name and loading function of everything that a run would load."""
    source = source_of(asked.dataset, None, None, task)
    music = library.music_of(source.dataset)
    lists = {kind: one.of(music) for kind, one in choices().items() if kind not in asked.extractors}
    taken = {kind: first_installed(names) or names[0] for kind, names in lists.items()} | asked.extractors
    plain = [("extractors", plug) for plug in taken.values()]
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
    if hasattr(dataset, "levels"):  # choosing its excerpts may take hours, so only a list that exists is read
        library.listed(dataset, source.manifest)
    else:
        dataset.select(source.manifest)


def _metric(spec: Spec) -> object:
    return plugins.load("metrics", spec.name, **spec.filled(plugins.builder("metrics", spec.name)))


def _model(name: str, device: str) -> object:
    takes_one = device != "auto" and "device" in plugins.options("models", name)
    return plugins.load("models", name, **({"device": device} if takes_one else {}))
