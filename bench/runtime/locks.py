"""Locks of the kernel: a folder held alone or shared, a piece of work claimed by its key, a compiler held for a moment.

All of them go with the process that holds them, however it ends; nothing is left to clear away.
"""

import fcntl
import hashlib
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
"""How long a process that shares a folder waits for one that holds it alone and is only tidying up."""
_DIGITS = 15
_compiled: set[str] = set()


class Claimed(Exception):
    """Another process is working on this key: no error, it can be asked for again later."""


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Hold the folder `out` for this process alone while the block runs.

    Raises:
        BenchError: another process holds it, or the folder cannot be written.
    """
    with _held(out, fcntl.LOCK_EX, 0.0):
        yield


@contextmanager
def shared(out: Path) -> Iterator[None]:
    """Hold the folder `out` together with others that share it, and keep out those that want it alone.

    Raises:
        BenchError: a process holds it alone, or the folder cannot be written.
    """
    with _held(out, fcntl.LOCK_SH, PATIENCE_S):
        yield


@contextmanager
def claimed(out: Path, key: str, waits: bool = False) -> Iterator[None]:
    """Hold one key under `out` while the block runs; a process holds one at a time.

    A claim is a lock on one byte of `out`/.claims. Between the machines of a shared file system it holds where that
    passes `fcntl` locks on, as NFS does with its lock service. Where it does not, work may be done twice, with the same
    result: every file is written whole or not at all.

    Args:
        out: The folder that the work is for.
        key: Hex digits, as `bench.runtime.cache.key_of` gives them.
        waits: Wait until another owner has ended, instead of raising `Claimed`.

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
    """Keep every other process of this environment from compiling while the block runs for the first time in this one.

    Two processes that fill numba's cache at once leave it broken for all that come after.

    Args:
        what: Whose first call this is; every later one passes at once.
    """
    if what in _compiled:
        yield
        return
    environment = hashlib.sha256(f"{sys.prefix} {os.getuid()}".encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"steerbench-compiling-{environment}").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    _compiled.add(what)


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
        # What goes wrong in the block speaks for itself: it may be an input that cannot be read.
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
