"""Compiling: let one process at a time fill numba's cache, which two at once leave broken for everybody after them."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_done: set[str] = set()


@contextmanager
def compiling(what: str) -> Iterator[None]:
    """Hold every other process of this environment while the block runs for the first time in this one.

    Args:
        what: Whose first call this is; every later one passes at once.
    """
    if what in _done:
        yield
        return
    try:
        import fcntl
    except ImportError:
        # Only POSIX has it; elsewhere two commands that start at the same moment in a fresh environment may collide.
        yield
        return
    environment = hashlib.sha256(f"{sys.prefix} {os.getuid()}".encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"steerbench-compiling-{environment}").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    _done.add(what)
