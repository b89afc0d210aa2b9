"""Worker processes: requests, errors, crashes, timeouts, and from which processes they can be started."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError, MissingComponent
from bench.runtime.executor import Processes
from bench.runtime.worker import Worker, shared

CODE = """
import os, sys, time
import numpy as np
from bench.runtime.worker import serve

def answer(task, values):
    print("this goes to standard error")
    if task == "double":
        return 2 * values, os.getpid()
    if task == "die":
        print("goodbye", file=sys.stderr, flush=True)
        os._exit(7)
    if task == "nap":
        time.sleep(1)
        return values, 0
    if task == "sleep":
        time.sleep(60)
    raise ValueError(f"cannot {task}")

if __name__ == "__main__":
    serve(answer)
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    (tmp_path / "echoing.py").write_text(CODE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    worker = Worker("echoing", timeout_s=20)
    yield worker
    worker.close()


def ask(worker: Worker, task: str, values: object = (1, 2)) -> tuple[np.ndarray, int]:
    return worker.ask(task, np.asarray(values))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_answers_every_request(worker: Worker) -> None:
    assert worker.pid is None
    (first, pid), (second, same) = ask(worker, "double"), ask(worker, "double", np.arange(300_000.0))
    np.testing.assert_array_equal(first, [2, 4])
    np.testing.assert_array_equal(second, 2 * np.arange(300_000.0))
    assert second.dtype == np.float64
    assert pid == same == worker.pid != os.getpid()


def test_an_exception_is_reported_and_the_process_keeps_running(worker: Worker) -> None:
    _, pid = ask(worker, "double")
    with pytest.raises(BenchError, match=r"^echoing failed on juggle: ValueError: cannot juggle$"):
        ask(worker, "juggle")
    assert ask(worker, "double")[1] == pid


def test_a_dead_process_is_reported_with_its_last_output_and_restarted(worker: Worker) -> None:
    _, pid = ask(worker, "double")
    with pytest.raises(BenchError, match=r"(?s)echoing died \(exit code 7\); the next use starts it again.*goodbye"):
        ask(worker, "die")
    assert worker.pid is None
    assert ask(worker, "double")[1] != pid


def test_a_process_that_does_not_reply_is_killed(worker: Worker) -> None:
    ask(worker, "double")
    worker.timeout_s = 0.5
    with pytest.raises(BenchError, match=r"did not reply within 0.5 s and was killed"):
        ask(worker, "sleep")
    assert worker.pid is None
    worker.timeout_s = 20
    np.testing.assert_array_equal(ask(worker, "double")[0], [2, 4])


def test_the_reply_to_an_interrupted_request_is_not_taken_for_the_next_one(worker: Worker) -> None:
    ask(worker, "double")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            ask(worker, "nap", [5.0])
    finally:
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(ask(worker, "double")[0], [2, 4])


def test_a_process_that_does_not_read_its_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deaf.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BenchError, match=r"deaf did not reply within 0.5 s and was killed"):
        ask(Worker("deaf", timeout_s=0.5), "double", np.zeros(10**7))


def test_a_module_that_does_not_start_is_reported() -> None:
    with pytest.raises(BenchError, match=r"(?s)no_such_module_at_all died .*No module named"):
        Worker("no_such_module_at_all", timeout_s=20).ask("double")


def test_closing_ends_the_process(worker: Worker) -> None:
    _, pid = ask(worker, "double")
    worker.close()
    assert not is_alive(pid)
    worker.close()


def _double(_: int) -> int:
    worker = Worker("echoing", timeout_s=20)
    _, pid = ask(worker, "double")
    worker.close()
    return pid


def test_workers_of_an_executor_have_workers_of_their_own(worker: Worker) -> None:
    pids = Processes(2).map(_double, [1, 2, 3], "doubling")
    assert len({os.getpid(), *pids}) == 4


def test_a_daemonic_process_can_start_a_worker(worker: Worker) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply_async(_double, [1]).get(timeout=60) != os.getpid()


def test_after_a_fork_parent_and_child_use_separate_processes(worker: Worker) -> None:
    _, ours = ask(worker, "double")
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writer, str(ask(worker, "double")[1]).encode())
            worker.close()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        theirs = told.read()
    assert os.waitpid(child, 0)[1] == 0
    assert int(theirs) != ours
    assert ask(worker, "double")[1] == ours


SCRIPT = """
import numpy as np
from bench.runtime.worker import shared

print("started")
worker = shared("echoing", "numpy", "")
print(worker.ask("double", np.arange(2.0))[1], flush=True)
"""


def test_a_script_without_a_main_guard_is_not_run_twice(worker: Worker, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    started, pid = done.stdout.split()
    assert (started, done.stderr, done.returncode) == ("started", "", 0)
    assert not is_alive(int(pid))


def test_a_worker_ends_when_its_parent_is_killed(worker: Worker) -> None:
    code = f"{SCRIPT}\nimport time; time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as said:
        assert said.readline() == "started\n"
        pid = int(said.readline())
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)


def test_shared_workers_need_their_package() -> None:
    with pytest.raises(MissingComponent, match="get it somewhere"):
        shared("echoing", "no_such_package_at_all", "get it somewhere")
    assert shared("echoing", "numpy", "") is shared("echoing", "numpy", "")
