"""Where a run keeps what it makes: examples, submissions, results and cache under one folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.paths import unwritable


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
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(out, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
