"""Where excerpts come from: a data set, its options and a manifest, or a folder of one's own recordings."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench import plugins
from bench.errors import BenchError, UnknownName, Unserved
from bench.manifest import Manifest
from bench.protocols import Dataset
from bench.task import Task, defaults


@dataclass(frozen=True)
class Source:
    """Where excerpts come from: a data set's name, its options, and the manifest wanted of it."""

    dataset: str
    options: tuple[tuple[str, Any], ...] = ()
    manifest: str | None = None


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
    return source_named(name, salt)


def source_named(name: str | None, salt: Path | None = None) -> Source:
    """Return what `--dataset` and `--salt` mean; raises as `source_of`."""
    name = name or defaults().manifest
    known = [plug for plug in plugins.names("datasets") if name == plug or name.startswith(plug + "-")]
    if not known:
        raise UnknownName("dataset", name, plugins.names("datasets"))
    dataset = max(known, key=len)
    return Source(dataset, (("salt", str(salt)),) if salt else (), name if name != dataset else None)


def check_served(task: Task, name: str, dataset: Dataset) -> None:
    """Raise `Unserved` where a task follows drums and the data set of this name has none."""
    if "drums" in getattr(dataset, "without", ()) and any(control.kind == "drums" for control in task.controls):
        raise Unserved(f"{task.name}: {name} has no drums to follow; take a task that follows chords or a piano")


def selected(source: Source) -> Manifest:
    """Return the excerpts of a source."""
    return _dataset(source).select(source.manifest)


@cache
def _dataset(source: Source) -> Dataset:
    dataset: Dataset = plugins.load("datasets", source.dataset, **dict(source.options))
    return dataset
