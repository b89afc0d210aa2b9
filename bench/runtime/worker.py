"""Worker: a process that a plug keeps for code that must not share its own, spoken to through pipes.

A message is two lengths (32-bit big-endian), a JSON object and an npz archive of arrays; nothing is pickled.
"""

import atexit
import importlib.util
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError, MissingComponent
from bench.paths import PACKAGE

Arrays = dict[str, npt.NDArray[Any]]
Answer = Callable[[dict[str, Any], Arrays], Arrays]

TIMEOUT_S = 300.0
_HEADER = struct.Struct(">II")
_LAST_LINES = 8


def send(pipe: IO[bytes], words: dict[str, Any], arrays: Arrays) -> None:
    """Write one message."""
    text, archive = json.dumps(words).encode(), io.BytesIO()
    np.savez(archive, **arrays)  # type: ignore[arg-type]
    body = archive.getvalue()
    pipe.write(_HEADER.pack(len(text), len(body)) + text + body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], Arrays]:
    """Read one message.

    Raises:
        EOFError: the other side has closed, between or inside messages.
    """
    n_text, n_body = _HEADER.unpack(_read(pipe, _HEADER.size))
    words: dict[str, Any] = json.loads(_read(pipe, n_text))
    with np.load(io.BytesIO(_read(pipe, n_body)), allow_pickle=False) as archive:
        return words, {name: archive[name] for name in archive.files}


def serve(answer: Answer) -> None:
    """Answer messages from standard input on standard output until the input ends: the worker's main loop.

    Whatever the code prints goes to standard error. An exception becomes an answer; the loop goes on.
    """
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            words, arrays = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            found, complaint = answer(words, arrays), ""
        except Exception as error:  # the caller gets it, whatever foreign code raised
            found, complaint = {}, f"{type(error).__name__}: {error}"
        send(replies, {"error": complaint}, found)


class Worker:
    """A child process that runs one module; started at the first question, started again after it died."""

    def __init__(self, module: str, timeout_s: float = TIMEOUT_S) -> None:
        """Name the module that is run with `python -m`; it must call `serve`."""
        self.module = module
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._owner = 0

    @property
    def pid(self) -> int | None:
        """Number of the running process, None where none runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def ask(self, words: dict[str, Any], arrays: Arrays) -> Arrays:
        """Send one question and wait for its answer.

        Raises:
            BenchError: the process died, took longer than `timeout_s` (it is then killed) or reports an error; with the
                end of what it wrote to standard error. The next question starts a new process.
        """
        with self._lock:
            process = self._running()
            timed_out = threading.Event()

            def give_up() -> None:
                timed_out.set()
                process.kill()

            watchdog = threading.Timer(self.timeout_s, give_up)
            watchdog.start()
            try:
                send(process.stdin, words, arrays)  # type: ignore[arg-type]
                reply, found = receive(process.stdout)  # type: ignore[arg-type]
            except (OSError, EOFError, ValueError) as error:
                raise BenchError(self._obituary(timed_out.is_set())) from error
            finally:
                watchdog.cancel()
        if reply["error"]:
            raise BenchError(f"{self.module} failed on {words}: {reply['error']}")
        return found

    def close(self) -> None:
        """End the process if it runs; a later question starts a new one."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        for pipe in (process.stdin, process.stdout):
            try:
                pipe.close()  # type: ignore[union-attr]
            except OSError:
                continue
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._errors is not None:
            self._errors.close()

    def _running(self) -> subprocess.Popen[bytes]:
        # After a fork the pipes belong to the parent: two processes must not speak through them.
        if self._owner != os.getpid():
            self._process = None
        if self._process is None or self._process.poll() is not None:
            self._start()
        return self._process  # type: ignore[return-value]

    def _start(self) -> None:
        self.close()
        path = os.pathsep.join([str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": path},
        )

    def _obituary(self, timed_out: bool) -> str:
        """Reap the dead process and say how it ended."""
        process, errors = self._process, self._errors
        if process is None or errors is None:
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


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError(f"{len(data)} of {size} bytes")
    return data
