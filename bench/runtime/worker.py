"""Worker: a child process for code that must not run in the plug's own process, such as patches of numpy.

It is started with `subprocess`: a `multiprocessing.Process` would import the user's script a second time, and daemonic
processes cannot start one.
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
    """Run the worker's main loop: answer requests until the parent closes the pipe.

    What the code prints goes to standard error. An exception is sent back as the reply, and the loop continues.
    """
    pipe = Connection(int(sys.argv[1]))
    os.dup2(2, 1)
    with suppress(EOFError, ConnectionError):
        while True:
            arguments = pipe.recv()
            try:
                reply = answer(*arguments), ""
            except Exception as error:  # foreign code may raise anything; the caller reports it
                reply = None, f"{type(error).__name__}: {error}"
            pipe.send(reply)


class Worker:
    """A child process that runs one module; it is started at the first request, and again after it has died."""

    def __init__(self, module: str, timeout_s: float = TIMEOUT_S) -> None:
        """Take the module to run with `python -m`; it must call `serve`."""
        self.module = module
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._pipe: Connection
        self._errors: IO[bytes]

    @property
    def pid(self) -> int | None:
        """Id of the running process; None if none runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def ask(self, task: str, *values: Any) -> Any:
        """Send one request and return its reply.

        Raises:
            BenchError: the process died, took longer than `timeout_s` (and was killed) or reports an error; with the
                last lines that it wrote to standard error. The next request starts a new process.
        """
        with self._lock:
            # After a fork the pipe belongs to the parent: two processes must not use it.
            if self._process is None or self._owner != os.getpid() or self.pid is None:
                self._process = self._started()
            began_s = time.monotonic()
            watchdog = threading.Timer(self.timeout_s, self._process.kill)
            watchdog.start()
            try:
                self._pipe.send((task, *values))
                reply, complaint = self._pipe.recv()
            except BaseException as error:
                # End the process even at Ctrl-C: its reply would be taken for that of the next request.
                report = self._ended(time.monotonic() - began_s >= self.timeout_s)
                if isinstance(error, OSError | EOFError):
                    raise BenchError(report) from error
                raise
            finally:
                watchdog.cancel()
        if complaint:
            raise BenchError(f"{self.module} failed on {task}: {complaint}")
        return reply

    def close(self) -> None:
        """End the process if it runs; a later request starts a new one."""
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

    def _ended(self, timed_out: bool) -> str:
        """End and reap the process; return a message about how it ended."""
        process, errors = self._process, self._errors
        if process is None:
            return f"{self.module} is not running"
        process.kill()
        code = process.wait()
        errors.seek(0)
        last_lines = errors.read().decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        how = f"did not reply within {self.timeout_s:g} s and was killed" if timed_out else f"died (exit code {code})"
        output = "".join(f"\n  {line}" for line in last_lines)
        self.close()
        return f"the process {self.module} {how}; the next use starts it again. Its last output:{output or ' none'}"


_shared: dict[str, Worker] = {}


def shared(module: str, package: str, missing: str) -> Worker:
    """Return the worker of this process that runs `module`; it ends with this process.

    Args:
        module: Module that the worker runs.
        package: Package that the module needs.
        missing: Error message if the package is not installed.

    Raises:
        MissingComponent: `package` is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise MissingComponent(missing)
    if module not in _shared:
        _shared[module] = Worker(module)
        atexit.register(_shared[module].close)
    return _shared[module]
