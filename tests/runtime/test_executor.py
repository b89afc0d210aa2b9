"""Executors: the same results in order with any number of workers, and no orphan processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError, UnknownName
from bench.runtime.executor import Processes, Serial, bound_threads, progress


def square(x: int) -> int:
    return x * x


def die(x: int) -> int:
    if x == 3:
        os._exit(9)
    return x


def refuse(x: int) -> int:
    raise BenchError(f"not {x}")


@pytest.mark.parametrize("runner", [Serial(), Processes(2)])
def test_results_are_in_the_order_of_the_jobs(runner) -> None:
    assert runner.map(square, list(range(20)), "squaring") == [x * x for x in range(20)]
    assert runner.map(square, [], "nothing") == []


def test_a_worker_that_dies_is_named() -> None:
    with pytest.raises(BenchError, match="a worker died while working; run again"):
        Processes(2).map(die, list(range(6)), "working")


@pytest.mark.parametrize("runner", [Serial(), Processes(2)])
def test_bench_errors_are_passed_on(runner) -> None:
    with pytest.raises(BenchError, match="not 1"):
        runner.map(refuse, [1], "refusing")


SLEEP = """
import os, sys, time
from bench.runtime.executor import Processes
def nap(x):
    if x == 0:
        return
    open(f"{sys.argv[1]}/{os.getpid()}", "w").close()
    time.sleep(60)
if __name__ == "__main__":
    Processes(2).map(nap, [0, 1, 2], "napping")
"""


def test_workers_end_when_their_parent_is_killed(tmp_path) -> None:
    script, notes = tmp_path / "nap.py", tmp_path / "pids"
    notes.mkdir()
    script.write_text(SLEEP)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    parent = subprocess.Popen([sys.executable, str(script), str(notes)], env=environment)
    deadline = time.monotonic() + 60
    while len(list(notes.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [int(path.name) for path in notes.iterdir()]
    assert len(workers) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(is_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_alive(pid) for pid in workers)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_progress_bar_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    with progress("quiet", 2) as step:
        step()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("loud", 2) as step:
        step()
        step()


def test_threads_are_limited_unless_the_user_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    bound_threads()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("1", "3")
    assert os.environ["OMP_WAIT_POLICY"]


def misname(x: int) -> int:
    raise UnknownName("task", "inpant", ["inpaint"])


def whoami(x: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def test_an_unknown_name_raised_in_a_worker_keeps_its_hint() -> None:
    """An error that cannot be unpickled would break the pool and be reported as a worker's death."""
    with pytest.raises(UnknownName, match=r"no task is called 'inpant'; did you mean inpaint\?"):
        Processes(2).map(misname, [1], "looking")


@pytest.mark.parametrize("spoil", [die, refuse, misname])
def test_an_executor_can_be_used_again_after_an_error(spoil) -> None:
    runner = Processes(2)
    with pytest.raises(BenchError, match=r"worker died|not|no task"):
        runner.map(spoil, [1, 2, 3, 4], "spoiling")
    assert runner.map(square, [1, 2, 3], "squaring") == [1, 4, 9]


def test_workers_are_kept_and_are_other_processes() -> None:
    runner = Processes(2)
    first, second = set(runner.map(whoami, range(6), "asking")), set(runner.map(whoami, range(6), "asking"))
    assert len(first) <= 2 and second <= first | second and len(first | second) <= 2
    assert os.getpid() not in first | second


def leave_a_trace(job: tuple[str, int]) -> int:
    """Log start and end; the first job is slow, so that a parallel job would start before its end."""
    folder, k = Path(job[0]), job[1]
    with (folder / "log").open("a") as log:
        log.write(f"+{k}\n")
    time.sleep(0.5 if k == 0 else 0.01)
    with (folder / "log").open("a") as log:
        log.write(f"-{k}\n")
    return k


def test_the_first_job_runs_alone(tmp_path: Path) -> None:
    """Processes that write a compiler's cache at the same time would break it for later processes."""
    runner = Processes(2)
    runner.map(square, [1, 2, 3, 4], "starting both workers")
    assert runner.map(leave_a_trace, [(str(tmp_path), k) for k in range(4)], "tracing") == [0, 1, 2, 3]
    log = (tmp_path / "log").read_text().split()
    assert log[:2] == ["+0", "-0"] and sorted(log[2:]) == ["+1", "+2", "+3", "-1", "-2", "-3"]


def test_serial_and_processes_agree_to_the_bit() -> None:
    jobs = list(range(8))
    assert Serial().map(noisy, jobs, "a") == Processes(2).map(noisy, jobs, "b")


def noisy(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    return np.fft.rfft(rng.normal(size=(64, 512)) @ rng.normal(size=(512, 256))).tobytes()


def test_workers_end_when_the_executor_is_deleted():
    before = set(threading.enumerate())
    workers = Processes(1)
    workers.map(abs, [-1], "")
    started = set(threading.enumerate()) - before
    del workers
    assert started and not started & set(threading.enumerate())
