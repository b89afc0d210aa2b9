"""What every test finds, whoever starts it wherever: one thread a library, one kind of terminal, compiled code of its own."""

import os

import pytest

from bench.runtime.executor import bound_threads

# What is printed depends on these; a test about one of them sets it.
_TERMINAL = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES")

bound_threads()
for name in _TERMINAL:
    os.environ.pop(name, None)
os.environ["TERM"] = "xterm-256color"


def pytest_configure(config: pytest.Config) -> None:
    """Give every worker of xdist a folder for what numba compiles: two processes that fill one at once leave it broken."""
    worker, cache = os.environ.get("PYTEST_XDIST_WORKER"), getattr(config, "cache", None)
    if worker and cache:
        os.environ["NUMBA_CACHE_DIR"] = str(cache.mkdir(f"numba-{worker}"))
