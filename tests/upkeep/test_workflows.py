"""The workflows: no untrusted code is run or given a secret, and every `bench` command in them is valid."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from bench.cli.app import app
from bench.paths import PACKAGE

FOLDER = PACKAGE.parent / ".github" / "workflows"
PATHS = sorted(FOLDER.glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    """Read a workflow with every value as text: YAML 1.1 reads its key `on` as true."""
    found: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - our own files
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def commands(path: Path) -> list[str]:
    scripts = [step["run"].replace("\\\n", " ") for step in steps(path) if "run" in step]
    return [line.strip() for script in scripts for line in script.splitlines()]


def test_there_is_one_for_the_tests_and_one_for_submissions() -> None:
    assert [path.name for path in PATHS] == ["ci.yml", "submission.yml"]
    assert set(read(FOLDER / "ci.yml")["on"]) == {"push", "pull_request"}
    assert set(read(FOLDER / "submission.yml")["on"]) == {"pull_request", "workflow_dispatch"}
    assert read(FOLDER / "submission.yml")["on"]["pull_request"] == {"paths": ["leaderboard/**"]}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_workflows_have_read_permission_only(path: Path) -> None:
    text, found = path.read_text(encoding="utf-8"), read(path)
    assert found["permissions"] == {"contents": "read"}
    assert "secrets" not in text and "pull_request_target" not in text and "GITHUB_TOKEN" not in text
    for job in found["jobs"].values():
        assert "permissions" not in job and int(job["timeout-minutes"]) <= 180
    for step in steps(path):
        assert re.fullmatch(r"actions/(checkout@v4|setup-python@v5)", step.get("uses", "actions/checkout@v4"))
        assert "checkout" not in step.get("uses", "") or step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_no_untrusted_text_is_expanded_in_a_script(path: Path) -> None:
    assert [line for line in commands(path) if "${{" in line] == []


def test_submissions_are_never_executed() -> None:
    for job in read(FOLDER / "submission.yml")["jobs"].values():
        code, handed_in = (step["with"] for step in job["steps"] if "checkout" in step.get("uses", ""))
        assert "path" not in code and "refs/pull" not in str(code)
        assert handed_in["path"] == "handed-in" and handed_in["ref"].startswith("refs/pull/")
        installed = [step["run"] for step in job["steps"] if step.get("run", "").startswith("pip")]
        assert installed == ["pip install --quiet --constraint constraints.txt --editable ."]
    touched = [line for line in commands(FOLDER / "submission.yml") if "handed-in" in line]
    assert {line.split()[0] for line in touched} == {"git", "find", "test", "mv", "bench"}


def test_the_tests_run_with_the_command_of_the_readme() -> None:
    (command,) = commands(FOLDER / "ci.yml")
    assert command in (PACKAGE.parent / "README.md").read_text(encoding="utf-8").splitlines()


def test_every_bench_command_is_valid() -> None:
    lines = [line for line in commands(FOLDER / "submission.yml") if line.startswith("bench ")]
    assert [line.split()[1] for line in lines] == ["compare", "report", "build", "check", "score", "compare"]
    group = typer.main.get_command(app)
    for line in lines:
        _, verb, *arguments = shlex.split(line)
        command = group.commands[verb]
        with command.make_context(verb, arguments) as context:
            assert context.params
    with pytest.raises(Exception, match="No such option"):
        group.commands["report"].make_context("report", ["--chek"])
