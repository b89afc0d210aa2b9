"""Tests of bench.board.outdated."""

import pytest

from bench.board.outdated import outdated, present_sha_of
from bench.formats import read_yaml
from bench.paths import home
from bench.task import load_task

TASK = load_task("inpaint-drums")
LOCKED = read_yaml(home("tasks") / "versions.lock")[f"{TASK.name}@{TASK.version}"]["synthetic-quick"]


def test_a_locked_manifest_has_the_hash_of_the_lock() -> None:
    assert present_sha_of("synthetic-quick", TASK.duration_s) == LOCKED
    assert len({present_sha_of(f"synthetic-quick{end}", TASK.duration_s) for end in ("", "-first4", "-first5")}) == 3
    assert present_sha_of("synthetic-quick", 30.0) != LOCKED


@pytest.mark.parametrize(
    "name",
    ["synthetic-quick-first0", "synthetic-train-999999999", "fingerprints", "folder-12345678", "../x", "synthetic-*"],
)
def test_a_manifest_that_is_not_locked_is_never_outdated(name: str) -> None:
    assert present_sha_of(name, TASK.duration_s) is None
    assert outdated(TASK, TASK.version, name, "ab" * 32) == ""


def test_the_reason_for_being_outdated_is_given() -> None:
    assert outdated(TASK, TASK.version, "synthetic-quick", LOCKED) == ""
    said = outdated(TASK, TASK.version + 1, "synthetic-quick", "ab" * 32)
    assert f"version {TASK.version + 1} of the task, today's is {TASK.version}" in said
    assert f"sha256 abababab, today's is {LOCKED[:8]}" in said
