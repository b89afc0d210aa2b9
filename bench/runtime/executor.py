"""Executors: map a function over a list of jobs, in this process or in several, with the same results in order."""

import multiprocessing
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from bench.errors import BenchError

Job = TypeVar("Job")
Result = TypeVar("Result")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Executor(Protocol):
    """Something that maps a function over jobs."""

    def map(self, function: Callable[[Job], Result], jobs: Sequence[Job], label: str) -> list[Result]:
        """Return the results in the order of the jobs; the first error is raised."""
        ...


class Serial:
    """Runs one job after the other in this process."""

    def map(self, function: Callable[[Job], Result], jobs: Sequence[Job], label: str) -> list[Result]:
        """Return the results in the order of the jobs."""
        with progress(label, len(jobs)) as step:
            return [_stepped(step, function(job)) for job in jobs]


class Processes:
    """Runs jobs in several processes of one thread each, so that results do not depend on their number."""

    def __init__(self, n: int) -> None:
        """Use `n` workers; they start at the first job and are kept, with their imports, as long as this object."""
        self.n = n
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Job], Result], jobs: Sequence[Job], label: str) -> list[Result]:
        """Return the results in the order of the jobs.

        Raises:
            BenchError: a worker died (killed, out of memory).
        """
        if not jobs:
            return []
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.n, context, initializer=_watch_parent)
            # Wait for the workers here: if they end while the interpreter shuts down, a traceback is printed.
            weakref.finalize(self, self._pool.shutdown)
        with progress(label, len(jobs)) as step:
            try:
                # The first job runs alone: two processes that compile the same numba function at once write a cache
                # that crashes every later process.
                first = _stepped(step, self._pool.submit(function, jobs[0]).result())
                return [first, *(_stepped(step, result) for result in self._pool.map(function, jobs[1:]))]
            except BaseException as error:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = None
                if isinstance(error, BrokenProcessPool):
                    raise BenchError(
                        f"a worker died while {label}; run again with fewer --workers to continue"
                    ) from error
                raise


def bound_threads() -> None:
    """Limit every numeric library to one thread that sleeps when idle; call before numpy is imported.

    Sums depend on how they are split over threads, and threads that spin slow a busy machine down several times.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, "1")


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal; yield a function that adds one."""
    if not sys.stderr.isatty() or not total:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


def _stepped(step: Callable[[], None], result: Any) -> Any:
    step()
    return result


def _watch_parent() -> None:
    """End this worker when its parent dies, even by SIGKILL, so that no orphan process keeps working."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
