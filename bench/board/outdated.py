"""Today: whether rows rest on the task and the list of excerpts that the suite has now."""

from functools import cache
from pathlib import Path

from bench.errors import BenchError
from bench.manifest import limit_of, read_manifest
from bench.paths import home
from bench.task import Task


def outdated(task: Task, version: int, manifest: str, sha256: str) -> str:
    """Say why rows are not comparable with present ones; empty where they are, or where nobody can tell.

    Args:
        task: The task as it is now.
        version: The version that the rows rest on.
        manifest: The name of their manifest.
        sha256: Its hash in the rows.
    """
    found = []
    if version != task.version:
        found.append(f"version {version} of the task, today's is {task.version}")
    if sha256 != (today := sha_today(manifest, task.duration_s) or sha256):
        found.append(f"a list of excerpts of sha256 {sha256[:8]}, today's is {today[:8]}")
    return f"Out of date: these rows rest on {' and '.join(found)}. Compare them with no others." if found else ""


@cache
def sha_today(manifest: str, duration_s: float) -> str | None:
    """Return the sha256 that a locked manifest has now; None for one that the suite does not lock.

    Read from `data_manifests/` alone: a name in somebody's rows must cost nothing, whatever it asks for.
    """
    name, limit = limit_of(manifest)
    if name not in (locked := _locked()):
        return None
    try:
        return read_manifest(locked[name]).lasting(duration_s).limited(limit).sha256
    except BenchError:  # a limit of 0
        return None


@cache
def _locked() -> dict[str, Path]:
    paths = home("data_manifests").glob("*/*.csv")
    return {path.stem: path for path in paths if path.stem.startswith(f"{path.parent.name}-")}
