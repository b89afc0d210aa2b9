"""The doctor: a finding for every package, component and task, and a command for everything that lacks."""

import importlib.util
from importlib import metadata

import pytest
from typer.testing import CliRunner

from bench import doctor, plugins
from bench.cli import app
from bench.doctor import OPTIONAL, REQUIRED, Finding, examine
from bench.errors import MissingComponent, UnknownName
from bench.setup import components


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in packages else find(name, *rest)
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the tasks alone, whose plugs take long to import."""
    monkeypatch.setattr(doctor, "_task", lambda name, extractors: Finding(name, True, "ready"))


@pytest.mark.parametrize("package", REQUIRED)
def test_a_missing_package_comes_with_its_command(monkeypatch: pytest.MonkeyPatch, quick: None, package: str) -> None:
    without(monkeypatch, package)
    found = {one.subject: one for one in examine()}
    assert found[package] == Finding(package, False, f"missing; pip install {package}")
    assert all(one.is_ready for name, one in found.items() if name in set(REQUIRED) - {package})


@pytest.mark.parametrize("package", OPTIONAL)
def test_a_missing_extra_says_what_it_is_for(monkeypatch: pytest.MonkeyPatch, quick: None, package: str) -> None:
    without(monkeypatch, package)
    (found,) = [one for one in examine() if one.subject == package]
    assert not found.is_ready and "pip install 'steerbench[" in found.detail and "bench look" in found.detail


@pytest.mark.parametrize("name", components())
def test_a_missing_component_comes_with_its_command(monkeypatch: pytest.MonkeyPatch, quick: None, name: str) -> None:
    without(monkeypatch, name)
    (found,) = [one for one in examine() if one.subject == name]
    assert not found.is_ready and found.detail.startswith(f"missing; bench setup {name} (")
    assert components()[name].licence in found.detail


def test_an_installed_package_shows_its_version(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    found = {one.subject: one.detail for one in examine()}
    assert found["numpy"] == metadata.version("numpy")

    def nameless(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nameless)
    assert {one.subject: one.detail for one in examine()}["numpy"] == "installed"


def test_a_task_is_ready_or_names_everything_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    load = plugins.load

    def lacking(kind: str, name: str, **options: object) -> object:
        if name in ("hpss", "kad", "soundfont"):
            raise MissingComponent(f"{name} is not here; bench setup {name}")
        return load(kind, name, **options)

    monkeypatch.setattr(plugins, "load", lacking)
    (drums,) = examine("inpaint-drums")
    assert not drums.is_ready
    assert drums.detail == "hpss is not here; bench setup hpss; kad is not here; bench setup kad"
    (chords,) = examine("inpaint-chords")
    assert "bench setup soundfont" in chords.detail


def test_the_chosen_extractor_is_the_one_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, str]] = []
    monkeypatch.setattr(plugins, "load", lambda kind, name, **options: tried.append((kind, name)))
    assert examine("inpaint-drums", {"chords": "madmom-chords-deep"}) == [Finding("inpaint-drums", True, "ready")]
    assert ("extractors", "madmom-chords-deep") in tried and ("extractors", "template-chords") not in tried
    assert ("models", "retrieval") in tried and ("metrics", "kad") in tried and ("renderers", "soundfont") not in tried


@pytest.mark.parametrize(("is_ready", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_of_one_task_says_whether_it_is_ready(
    monkeypatch: pytest.MonkeyPatch, is_ready: bool, code: int
) -> None:
    monkeypatch.setattr(doctor, "_task", lambda name, extractors: Finding(name, is_ready, "said so"))
    shown = CliRunner().invoke(app, ["doctor", "--task", "inpaint-drums"])
    assert shown.exit_code == code
    assert shown.output.strip() == f"{'ok' if is_ready else '--'}  inpaint-drums  said so"


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="no task is called 'inpaint-drum'; did you mean inpaint-drums"):
        examine("inpaint-drum")
