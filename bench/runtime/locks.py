"""File locks: a run's folder locked exclusively or shared, jobs claimed by key, one compiling process at a time.

The kernel releases every lock when its process ends, however it ends; no stale lock is left behind.
"""

import fcntl
import hashlib
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.paths import unwritable

FOLDER, CLAIMS = ".lock", ".claims"
PATIENCE_S = 2.0
"""How long `shared` waits: a process that holds the folder exclusively may only be cleaning up."""
_DIGITS = 15
_compiled: set[str] = set()


class Claimed(Exception):
    """Another process is working on this key; not an error, the key can be claimed later."""


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Lock the folder `out` exclusively while the block runs.

    Raises:
        BenchError: another process holds the lock, or the folder cannot be written.
    """
    with _held(out, fcntl.LOCK_EX, 0.0):
        yield


@contextmanager
def shared(out: Path) -> Iterator[None]:
    """Share the folder `out` with other processes that call `shared` while the block runs; `exclusive` is refused.

    Raises:
        BenchError: a process holds it exclusively, or the folder cannot be written.
    """
    with _held(out, fcntl.LOCK_SH, PATIENCE_S):
        yield


@contextmanager
def claimed(out: Path, key: str, waits: bool = False) -> Iterator[None]:
    """Claim one key under `out` while the block runs; a process may hold one claim at a time.

    A claim is a lock on one byte of `out`/.claims. It holds between machines if their shared file system forwards
    `fcntl` locks, as NFS does with its lock service. If not, work may be done twice, with the same result: every file
    is written completely or not at all.

    Args:
        out: The run's folder.
        key: Hex digits, as returned by `bench.runtime.cache.key_of`.
        waits: Whether to wait for another owner instead of raising `Claimed`.

    Raises:
        Claimed: another process holds it.
        BenchError: the folder cannot be written, or its file system refuses locks.
    """
    handle = _opened(out / CLAIMS)
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB), 1, int(key[:_DIGITS], 16))
        except (BlockingIOError, PermissionError) as error:
            raise Claimed(key) from error
        except OSError as error:
            raise unwritable(out / CLAIMS, error) from error
        yield
    finally:
        os.close(handle)


@contextmanager
def compiling(what: str) -> Iterator[None]:
    """Let only one process of this environment at a time run the block for the first time.

    Two processes that write numba's cache at once break it for every later process.

    Args:
        what: Name of the function that is compiled; later calls with this name in the same process take no lock.
    """
    if what in _compiled:
        yield
        return
    environment = hashlib.sha256(f"{sys.prefix} {os.getuid()}".encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"steerbench-compiling-{environment}").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    _compiled.add(what)


def import_librosa() -> None:
    """Import the parts of librosa that compile functions when they are imported, one process at a time.

    Whoever uses librosa without a `compiling` block of its own calls this first.
    """
    with compiling("librosa"):
        for name in ("util.utils", "core.audio", "core.pitch", "core.constantq", "beat", "feature"):
            importlib.import_module(f"librosa.{name}")


@contextmanager
def _held(out: Path, how: int, patience_s: float) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    handle = _opened(out / FOLDER)
    try:
        if not _locked(handle, how, patience_s):
            owner = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise BenchError(f"{out} is in use by another run (process {owner}); wait for it or choose another --out")
        try:
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        except OSError as error:
            raise unwritable(out, error) from error
        # Errors of the block are not converted: they may be about an unreadable input.
        yield
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(path.parent, error) from error


def _locked(handle: int, how: int, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
