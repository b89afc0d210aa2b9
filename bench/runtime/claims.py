"""Claims: who is at which piece of work, so that processes share a list without doing anything twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.paths import unwritable

FILE = ".claims"
_DIGITS = 15


class Claimed(Exception):
    """Another process is at it: no error, it can be asked for again later."""


@contextmanager
def claimed(out: Path, key: str, waits: bool = False) -> Iterator[None]:
    """Hold one key under `out` while the block runs; a process holds one at a time.

    A claim is a lock of the kernel on one byte of `out`/.claims. It goes with its owner, however that ends, and the
    next one takes over; nothing is left to clear away. Between the machines of a shared file system it holds where that
    passes `fcntl` locks on, as NFS does with its lock service. Where it does not, work may be done twice, to the same
    end: what is found is written whole or not at all.

    Args:
        out: The folder that the work is for.
        key: Hex digits, as `bench.runtime.cache.key_of` gives them.
        waits: Wait for another owner to end, rather than leave it to that one.

    Raises:
        Claimed: another process holds it.
        BenchError: the folder cannot be written, or its file system refuses locks.
    """
    try:
        handle = os.open(out / FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(out, error) from error
    try:
        _lock(handle, key, waits, out)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, key: str, waits: bool, out: Path) -> None:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB), 1, int(key[:_DIGITS], 16))
    except (BlockingIOError, PermissionError) as error:
        raise Claimed(key) from error
    except OSError as error:
        raise unwritable(out / FILE, error) from error
