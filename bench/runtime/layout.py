"""Where a run keeps what it makes: examples, submissions, results and cache under one folder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.paths import unwritable

_PATIENCE_S = 2.0
"""How long one that shares waits for another that is just tidying up."""


@dataclass(frozen=True)
class Layout:
    """The folders of a run.

    Attributes:
        out: The run's folder (`--out`).
    """

    out: Path

    @property
    def cache(self) -> Path:
        """Everything computed once, by content."""
        return self.out / "cache"

    def examples(self, task: str, manifest: str) -> Path:
        """Requests, references and index of a task on a manifest."""
        return self.out / "examples" / task / manifest

    def submission(self, task: str, manifest: str, system: str) -> Path:
        """The outputs of a system."""
        return self.out / "submissions" / task / manifest / system

    def results(self, task: str, manifest: str) -> Path:
        """The score CSVs of a task on a manifest."""
        return self.out / "results" / task / manifest


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Hold `out` for this process while the block runs; the lock goes with the process, however that ends.

    Raises:
        BenchError: another process holds it, or the folder cannot be written.
    """
    with _held(out, fcntl.LOCK_EX):
        yield


@contextmanager
def shared(out: Path) -> Iterator[None]:
    """Hold `out` together with others that share it, against those that want it for themselves.

    Raises:
        BenchError: a process holds it for itself, or the folder cannot be written.
    """
    with _held(out, fcntl.LOCK_SH, _PATIENCE_S):
        yield


@contextmanager
def _held(out: Path, how: int, patience_s: float = 0.0) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(out, error) from error
    try:
        _lock(handle, how, patience_s)
    except OSError as error:
        owner = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise BenchError(
            f"{out} is in use by another run (process {owner}); wait for it or choose another --out"
        ) from error
    try:
        try:
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        except OSError as error:
            raise unwritable(out, error) from error
        # What goes wrong in the block speaks for itself: it may be an input that cannot be read.
        yield
    finally:
        os.close(handle)


def _lock(handle: int, how: int, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            return fcntl.flock(handle, how | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.05)
