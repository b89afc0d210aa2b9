import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "gpu" / "run.sh"
STAGES = ("tests", "large-1", "large-8", "run", "mini", "compiled-1", "compiled-8", "train")

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


@pytest.fixture
def started(tmp_path):
    """Return what starts the script in a tree without wheels, where torch finds a device if `finds` says so."""
    (tmp_path / "gpu" / "wheels").mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "gpu")

    def start(finds, **variables):
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{'echo Some Card' if finds else 'exit 1'}\n")
        python.chmod(0o755)
        environment = {"PATH": os.environ["PATH"], "PYTHON": str(python), "OUT": str(tmp_path / "out"), **variables}
        return subprocess.run(
            ["bash", tmp_path / "gpu" / "run.sh"], env=environment, capture_output=True, text=True, timeout=60
        )

    return start


def summary(tmp_path):
    return (tmp_path / "out" / "summary.txt").read_text().splitlines()


def test_without_a_device_every_stage_is_skipped_by_name(started, tmp_path):
    found = started(finds=False)
    assert found.returncode == 0, found.stderr
    assert summary(tmp_path)[1:] == [f"skipped: {name}: no CUDA device" for name in STAGES]
    assert "skipped: train: no CUDA device" in found.stdout


def test_without_time_every_stage_is_skipped_by_name(started, tmp_path):
    assert started(finds=True, BUDGET_S="0").returncode == 0
    assert summary(tmp_path)[0].startswith("Some Card")
    told = [line.split(":")[:2] for line in summary(tmp_path)[1:]]
    assert told == [["skipped", f" {name}"] for name in STAGES]
    assert "needs 60 s" in next(line for line in summary(tmp_path) if " run:" in line)


def test_a_stage_that_fails_or_outlasts_its_time_stops_none_behind_it(started, tmp_path):
    script = tmp_path / "gpu" / "run.sh"
    text = re.sub(r"\nstage tests \d+ \d+ tests\n", "\nstage tests 1 0 sleep 9\n", script.read_text())
    script.write_text(re.sub(r"\n(stage large-1 \d+ \d+) generation", r"\n\1 false", text))
    found = started(finds=True, STAGES="tests large-1 mini")
    assert found.returncode == 0, found.stderr
    said = [" ".join(line.split()) for line in summary(tmp_path)[1:]]
    assert said[0] in ("tests 1 s stopped after 1 s", "tests 2 s stopped after 1 s")
    assert [line.split(" s ")[1] for line in said[1:]] == ["exit status 1", "done"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"summary.txt", "log.txt", "kept.tar.gz"}
