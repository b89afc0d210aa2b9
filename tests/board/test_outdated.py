"""Tests of bench.board.outdated."""

import pytest

from bench.board.outdated import outdated, sha_today
from bench.formats import read_yaml
from bench.paths import home
from bench.task import load_task

TASK = load_task("inpaint-drums")
LOCKED = read_yaml(home("tasks") / "versions.lock")[f"{TASK.name}@{TASK.version}"]["synthetic-quick"]


def test_a_locked_manifest_has_the_hash_of_the_lock() -> None:
    assert sha_today("synthetic-quick", TASK.duration_s) == LOCKED
    assert len({sha_today(f"synthetic-quick{end}", TASK.duration_s) for end in ("", "-first4", "-first5")}) == 3
    assert sha_today("synthetic-quick", 30.0) != LOCKED


@pytest.mark.parametrize(
    "name",
    ["synthetic-quick-first0", "synthetic-train-999999999", "fingerprints", "folder-12345678", "../x", "synthetic-*"],
)
def test_what_the_suite_does_not_lock_is_nobodys_to_judge(name: str) -> None:
    assert sha_today(name, TASK.duration_s) is None
    assert outdated(TASK, TASK.version, name, "ab" * 32) == ""


def test_why_rows_are_out_of_date_is_said() -> None:
    assert outdated(TASK, TASK.version, "synthetic-quick", LOCKED) == ""
    said = outdated(TASK, TASK.version + 1, "synthetic-quick", "ab" * 32)
    assert f"version {TASK.version + 1} of the task, today's is {TASK.version}" in said
    assert f"sha256 abababab, today's is {LOCKED[:8]}" in said
