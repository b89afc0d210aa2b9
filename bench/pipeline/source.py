"""Source: where excerpts come from: a data set with options and a manifest, or the user's own recordings."""

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
    """A data set's name, its options, and the name of one of its manifests (None: the default one)."""

    dataset: str
    options: tuple[tuple[str, Any], ...] = ()
    manifest: str | None = None


def source_of(name: str | None, audio: Path | None, salt: Path | None, task: Task) -> Source:
    """Return the source that `--dataset`, `--audio` and `--salt` name.

    Args:
        name: A data set, or a manifest, whose name begins with that of its data set; the default manifest when None.
        audio: A folder of the user's own recordings.
        salt: A file with a secret for data sets that generate private songs.
        task: The task; it sets the length of excerpts of own recordings.

    Raises:
        UnknownName: the name is that of no data set and of no data set's manifest.
        BenchError: `audio` is given together with a name or a salt.
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
    """Return the manifest that a source names."""
    return dataset_of(source).select(source.manifest)


@cache
def dataset_of(source: Source) -> Dataset:
    """Return a source's data set, loaded once per process."""
    dataset: Dataset = plugins.load("datasets", source.dataset, **dict(source.options))
    return dataset
