"""Outdated: whether rows were scored with the present version of their task and of their manifest."""

from functools import cache
from pathlib import Path

from bench.errors import BenchError
from bench.manifest import limit_of, read_manifest
from bench.paths import home
from bench.task import Task


def outdated(task: Task, version: int, manifest: str, sha256: str) -> str:
    """Say why rows are not comparable with present ones; empty where they are, or where this is unknown.

    Args:
        task: The present task.
        version: The task's version in the rows.
        manifest: Name of their manifest.
        sha256: The manifest's sha256 in the rows.
    """
    reasons = []
    if version != task.version:
        reasons.append(f"version {version} of the task, today's is {task.version}")
    if sha256 != (present_sha := present_sha_of(manifest, task.duration_s) or sha256):
        reasons.append(f"a list of excerpts of sha256 {sha256[:8]}, today's is {present_sha[:8]}")
    return f"Out of date: these rows rest on {' and '.join(reasons)}. Compare them with no others." if reasons else ""


@cache
def present_sha_of(manifest: str, duration_s: float) -> str | None:
    """Return the present sha256 of a locked manifest; None for a manifest that the suite does not lock.

    It is read from `data_manifests/` alone, so that a name in a submitter's rows never makes a data set load.
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
