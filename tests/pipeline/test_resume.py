"""Runs killed at random moments and run again end in the same bytes as an undisturbed run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = int(os.environ.get("STEERBENCH_KILLS", "2"))
COMMAND = [sys.executable, "-m", "bench", "run", "--task", "inpaint-drums", "--limit", "2"]
SYSTEMS = ["copy-control", "noise", "oracle"]


def start(out: Path, workers: int) -> subprocess.Popen[bytes]:
    models = [part for system in SYSTEMS for part in ("--model", system)]
    command = [*COMMAND, *models, "--out", str(out), "--workers", str(workers)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the parent alone: its workers must notice and end."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def finish(process: subprocess.Popen[bytes]) -> None:
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said.decode()


def everything(out: Path) -> dict[str, bytes]:
    """Return all files that a run reproduces: sounds, symbols and scores, without times and the cache."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and "cache" not in path.relative_to(out).parts
        and path.name not in (".lock", "submission.yaml")
        and not path.name.endswith((".run.yaml", ".part"))
        and ".part" not in path.name
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    out = tmp_path_factory.mktemp("undisturbed")
    started = time.monotonic()
    finish(start(out, workers=1))
    return everything(out), time.monotonic() - started


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_runs_end_in_the_same_bytes(
    undisturbed: tuple[dict[str, bytes], float], tmp_path: Path, workers: int
) -> None:
    wanted, seconds = undisturbed
    assert any(name.endswith(".csv") for name in wanted) and any(name.endswith(".wav") for name in wanted)
    moments = random.Random(workers)
    for _ in range(KILLS):
        process = start(tmp_path, workers)
        try:
            process.communicate(timeout=moments.uniform(0.1, 0.95) * seconds)
        except subprocess.TimeoutExpired:
            kill(process)
    finish(start(tmp_path, workers))
    made = everything(tmp_path)
    assert sorted(made) == sorted(wanted)
    assert [name for name in wanted if made[name] != wanted[name]] == []
