"""Optional components: what is known, what is printed, and how a failing pip is reported."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from bench.errors import BenchError, UnknownName
from bench.upkeep import setup


class Pip:
    """Stands in for subprocess.run; remembers the calls."""

    def __init__(self, code: int = 0, said: str = "") -> None:
        self.calls: list[list[str]] = []
        self.code, self.said = code, said

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append(command)
        return subprocess.CompletedProcess(command, self.code, self.said, "")


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that madmom is missing until pip has run three times."""
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda package: None)


def test_components_have_a_description_and_a_licence() -> None:
    madmom = setup.components()["madmom"]
    assert "chord" in str(madmom)
    assert "CC BY-NC-SA 4.0 (non-commercial)" in str(madmom)


@pytest.mark.parametrize("function", [setup.setup, setup.installed])
def test_an_unknown_component_gets_a_suggestion(function: Any) -> None:
    with pytest.raises(UnknownName, match="no component is called 'madmon'; did you mean madmom"):
        function("madmon")


def test_pip_builds_without_isolation_in_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    monkeypatch.setattr(setup.subprocess, "run", pip)
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda package: object() if len(pip.calls) == 3 else None)
    said = setup.setup("madmom")
    assert said.startswith("madmom is installed:") and "non-commercial" in said
    assert all(call[:4] == [sys.executable, "-m", "pip", "install"] for call in pip.calls)
    assert [call[4:] for call in pip.calls] == [
        ["cython", "setuptools", "wheel"],
        ["--no-build-isolation", "--no-deps", "madmom==0.16.1"],
        ["mido"],
    ]


def test_an_installed_component_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    monkeypatch.setattr(setup.subprocess, "run", pip)
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda package: object())
    assert setup.setup("madmom").startswith("madmom is already installed:")
    assert setup.installed("madmom")
    assert not pip.calls


@pytest.mark.usefixtures("absent")
def test_a_failing_pip_is_one_error_with_the_end_of_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip(1, "\n".join(f"line {k}" for k in range(100)))
    monkeypatch.setattr(setup.subprocess, "run", pip)
    with pytest.raises(BenchError, match=r"`python -m pip install cython .*` failed with exit code 1") as got:
        setup.setup("madmom")
    assert "line 99" in str(got.value) and "line 84" not in str(got.value)
    assert len(pip.calls) == 1


@pytest.mark.usefixtures("absent")
def test_a_pip_that_cannot_run_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(command: list[str], timeout: float, **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(setup.subprocess, "run", stuck)
    with pytest.raises(BenchError, match=r"could not be completed .*timed out"):
        setup.setup("madmom")


@pytest.mark.usefixtures("absent")
def test_an_installation_that_is_not_found_afterwards_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.subprocess, "run", Pip())
    with pytest.raises(BenchError, match=r"pip installed madmom, but .* does not find it"):
        setup.setup("madmom")


def test_debian_packages_are_named_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`corpus` needs a person with apt; the message has the command, the licences and the missing packages alone."""
    corpus = setup.COMPONENTS["corpus"]
    files = {"timgm6mb-soundfont": "/nowhere/a.sf2", "hydrogen-drumkits": "/nowhere/b.xml"}
    packages = tuple(replace(one, file=files.get(one.name, sys.executable)) for one in corpus.debian)
    monkeypatch.setattr(setup, "CORPUS", packages)
    monkeypatch.setitem(setup.COMPONENTS, "corpus", replace(corpus, debian=packages))
    with pytest.raises(
        BenchError, match=r"/nowhere/a\.sf2 and 1 more are missing; .*recommends timgm6mb-soundfont hydrogen-drumkits`"
    ):
        setup.setup("corpus")
    whole = tuple(replace(one, file=sys.executable) for one in packages)
    monkeypatch.setattr(setup, "CORPUS", whole)
    assert setup.setup("corpus").startswith("corpus is already installed") and setup.installed("corpus")
