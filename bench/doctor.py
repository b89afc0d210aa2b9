"""Doctor: what is installed, what each task still lacks, and the command that gets it."""

import importlib.util
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from bench import plugins, setup
from bench.defaults import defaults
from bench.errors import BenchError
from bench.task import load_task, task_names

REQUIRED = (
    "numpy",
    "scipy",
    "pandas",
    "soundfile",
    "soxr",
    "librosa",
    "mir_eval",
    "pretty_midi",
    "pyloudnorm",
    "torch",
)
OPTIONAL = {"matplotlib": "bench look: pip install 'steerbench[report]'"}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table.

    Attributes:
        subject: Package, component or task.
        is_ready: Whether it can be used as it is.
        detail: Version, or what is lacking and the command that gets it.
    """

    subject: str
    is_ready: bool
    detail: str


def examine(task: str | None = None, extractors: dict[str, str] | None = None) -> list[Finding]:
    """Look at packages, optional components and the readiness of one or all tasks.

    Args:
        task: Only this task (raises `UnknownName` if there is none).
        extractors: Extractor by kind; the defaults when None.
    """
    chosen = {**defaults().extractors, **(extractors or {})}
    tasks = [load_task(task).name] if task else task_names()
    readiness = [_task(name, chosen) for name in tasks]
    if task:
        return readiness
    return [*_packages(), *_components(), *readiness]


def _packages() -> list[Finding]:
    found = [_package(name, f"pip install {name}") for name in REQUIRED]
    return found + [_package(name, remedy) for name, remedy in OPTIONAL.items()]


def _package(name: str, remedy: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding(name, False, f"missing; {remedy}")
    try:
        return Finding(name, True, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, True, "installed")


def _components() -> list[Finding]:
    found = []
    for name, component in setup.components().items():
        ready = setup.installed(name)
        found.append(Finding(name, ready, str(component) if ready else f"missing; bench setup {name} ({component})"))
    for weights in plugins.weights().values():
        ready = weights.is_here()
        remedy = f"bench setup {weights.name}" if weights.files[0].url else f"put it into {weights.folder}"
        found.append(Finding(weights.name, ready, str(weights) if ready else f"missing; {remedy} ({weights})"))
    return found


def _task(name: str, extractors: dict[str, str]) -> Finding:
    """Build every extractor, metric, renderer and default system that a run of the task would."""
    lacks = []
    task = load_task(name)
    wanted: list[tuple[str, str, dict[str, Any]]] = [("extractors", plug, {}) for plug in extractors.values()]
    wanted += [("metrics", spec.name, spec.filled(plugins.builder("metrics", spec.name))) for spec in task.metrics]
    wanted += [("models", system, {}) for system in defaults().systems]
    if any(control.kind != "drums" for control in task.controls):
        wanted.append(("renderers", defaults().renderer, {}))
    for kind, plug, options in wanted:
        try:
            plugins.load(kind, plug, **options)
        except BenchError as error:
            lacks.append(str(error))
    return Finding(name, not lacks, "; ".join(dict.fromkeys(lacks)) or "ready")
