"""docs/adding.md does what it says: its files are written into a copy of the repository and its commands are run there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.paths import PACKAGE

PAGE = PACKAGE.parent / "docs" / "adding.md"
COPIED = ("bench", "tests", "tasks", "data_manifests", "leaderboard", "recipes", "pyproject.toml")
PROGRAMS = {"bench": "-m bench", "python": "", "pytest": "-m pytest -p no:cacheprovider"}
_BLOCK = re.compile(r"(?:^`([^`\n]+)`\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """Return every block's path (empty for commands), language and text, in order."""
    return _BLOCK.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    clone = tmp_path / "clone"
    for name in COPIED:
        path = PACKAGE.parent / name
        if path.is_dir():
            shutil.copytree(path, clone / name, ignore=shutil.ignore_patterns("__pycache__", "site"))
        else:
            shutil.copyfile(path, clone / name)
    (clone / "weights").symlink_to(PACKAGE.parent / "weights")
    for name, arguments in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return clone


def ran(command: str, clone: Path) -> str:
    path = f"{clone.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    keys = {**os.environ, "PATH": path, "PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-ec", command], cwd=clone, env=keys, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_block_is_a_file_or_commands() -> None:
    found = blocks()
    assert len(found) == PAGE.read_text(encoding="utf-8").count("```") / 2
    assert all((language == "sh") != bool(path) for path, language, _ in found)
    assert [path.partition("/")[0] for path, _, _ in found if path] == [
        "tasks", "bench", "tests", "bench", "data_manifests", "data_manifests", "bench",
    ]  # fmt: skip


def test_what_the_page_adds_works(clone: Path) -> None:
    said = ""
    for path, _, text in blocks():
        if path:
            assert not (clone / path).exists()
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            (clone / path).write_text(text, encoding="utf-8")
        else:
            said += ran(text, clone)
    assert "inpaint-short-gap" in said and "Fill one gap of two seconds" in said
    table = said[said.rindex("inpaint-short-gap (version 1) on tones-eight") :]
    assert "brightness-gap" in table and "reversed-context" in table and "oracle" in table


def test_its_code_is_in_the_style_of_ours(clone: Path) -> None:
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if ruff is None:
        pytest.skip("ruff is not here")
    code = {path: text for path, _, text in blocks() if path.endswith(".py")}
    for path, text in code.items():
        (clone / path).write_text(text, encoding="utf-8")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, "--no-cache", *code], cwd=clone, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
