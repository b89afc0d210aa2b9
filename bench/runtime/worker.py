"""Worker: a process that a plug keeps for code that must not share its own, such as patches of numpy.

Started with `subprocess` and not as a `multiprocessing.Process`, which would import the user's script a second time and
cannot be started by a daemonic process.
"""

import atexit
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, Any

from bench.errors import BenchError, MissingComponent
from bench.paths import PACKAGE

TIMEOUT_S = 300.0
_LAST_LINES = 8


def serve(answer: Callable[..., Any]) -> None:
    """Answer questions until the other side has closed: the worker's main loop.

    Whatever the code prints goes to standard error. An exception becomes an answer; the loop goes on.
    """
    pipe = Connection(int(sys.argv[1]))
    os.dup2(2, 1)
    with suppress(EOFError, ConnectionError):
        while True:
            arguments = pipe.recv()
            try:
                reply = answer(*arguments), ""
            except Exception as error:  # the caller gets it, whatever foreign code raised
                reply = None, f"{type(error).__name__}: {error}"
            pipe.send(reply)


class Worker:
    """A child process that runs one module; started at the first question, started again after it died."""

    def __init__(self, module: str, timeout_s: float = TIMEOUT_S) -> None:
        """Name the module that is run with `python -m`; it must call `serve`."""
        self.module = module
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._pipe: Connection
        self._errors: IO[bytes]

    @property
    def pid(self) -> int | None:
        """Number of the running process, None where none runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def ask(self, task: str, *values: Any) -> Any:
        """Send one question and wait for its answer.

        Raises:
            BenchError: the process died, took longer than `timeout_s` (it is then killed) or reports an error; with the
                end of what it wrote to standard error. The next question starts a new process.
        """
        with self._lock:
            # After a fork the pipe belongs to the parent: two processes must not speak through it.
            if self._process is None or self._owner != os.getpid() or self.pid is None:
                self._process = self._started()
            began_s = time.monotonic()
            watchdog = threading.Timer(self.timeout_s, self._process.kill)
            watchdog.start()
            try:
                self._pipe.send((task, *values))
                found, complaint = self._pipe.recv()
            except BaseException as error:
                # The process is ended even at Ctrl-C: its answer would pass for that of the next question.
                said = self._obituary(time.monotonic() - began_s >= self.timeout_s)
                if isinstance(error, OSError | EOFError):
                    raise BenchError(said) from error
                raise
            finally:
                watchdog.cancel()
        if complaint:
            raise BenchError(f"{self.module} failed on {task}: {complaint}")
        return found

    def close(self) -> None:
        """End the process if it runs; a later question starts a new one."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        self._pipe.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._errors.close()

    def _started(self) -> subprocess.Popen[bytes]:
        self.close()
        path = os.pathsep.join([str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._owner = os.getpid()
        self._pipe, theirs = Pipe()
        with theirs:
            return subprocess.Popen(
                [sys.executable, "-m", self.module, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": path},
            )

    def _obituary(self, timed_out: bool) -> str:
        """Reap the process and say how it ended."""
        process, errors = self._process, self._errors
        if process is None:
            return f"{self.module} is not running"
        process.kill()
        code = process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        how = f"gave no answer for {self.timeout_s:g} s and was ended" if timed_out else f"died (exit code {code})"
        lines = "".join(f"\n  {line}" for line in said)
        self.close()
        return f"the process {self.module} {how}; the next use starts it again. Its last words:{lines or ' none'}"


_shared: dict[str, Worker] = {}


def shared(module: str, package: str, missing: str) -> Worker:
    """Return this process's one worker for `module`; it is ended when this process ends.

    Args:
        module: What the worker runs.
        package: What it imports.
        missing: What to say where that is not installed.

    Raises:
        MissingComponent: `package` is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise MissingComponent(missing)
    if module not in _shared:
        _shared[module] = Worker(module)
        atexit.register(_shared[module].close)
    return _shared[module]
