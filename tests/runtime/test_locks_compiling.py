"""Compiling: first calls of several processes run one after the other, later calls take no lock."""

import multiprocessing
import sys
import time
from pathlib import Path

import pytest

from bench.runtime import locks as module
from bench.runtime.locks import compiling


def work(log: str, name: str) -> None:
    for _ in range(2):
        with compiling("x"):
            with Path(log).open("a") as file:
                file.write(f"{name} in\n")
            time.sleep(0.3)
            with Path(log).open("a") as file:
                file.write(f"{name} out\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no flock there")
def test_the_first_calls_of_two_processes_do_not_overlap(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(str(log), name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    lines = log.read_text().split("\n")[:-1]
    firsts = [
        next(k for k, line in enumerate(lines) if line == f"{name} {word}") for name in "ab" for word in ("in", "out")
    ]
    a_in, a_out, b_in, b_out = firsts
    assert a_out < b_in or b_out < a_in
    assert len(lines) == 8


def test_a_failed_first_call_releases_the_lock_and_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_compiled", set())
    with pytest.raises(ValueError, match="inside"), compiling("y"):
        raise ValueError("inside")
    assert "y" not in module._compiled
    with compiling("y"):
        pass
    assert module._compiled == {"y"}
