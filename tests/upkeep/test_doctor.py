"""The doctor: a finding for every package, component and task, and a command for everything that is missing."""

import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.errors import MissingComponent, UnknownName
from bench.upkeep import doctor, setup
from bench.upkeep.doctor import OPTIONAL, REQUIRED, Asked, Finding, examine, tables
from bench.upkeep.setup import components


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in packages else find(name, *rest)
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the tasks, whose plugs take long to import."""
    monkeypatch.setattr(doctor, "_task", lambda task, asked: Finding("task", task.name, True, "ready"))


@pytest.mark.parametrize("package", REQUIRED)
def test_a_missing_package_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch, quick: None, package: str
) -> None:
    without(monkeypatch, package)
    found = {one.subject: one for one in examine()}
    assert found[package] == Finding("package", package, False, f"missing; pip install {REQUIRED[package]}")
    assert all(one.is_ready for name, one in found.items() if name in set(REQUIRED) - {package})


@pytest.mark.parametrize("package", OPTIONAL)
def test_a_missing_extra_names_its_use(monkeypatch: pytest.MonkeyPatch, quick: None, package: str) -> None:
    without(monkeypatch, package)
    (found,) = [one for one in examine() if one.subject == package]
    assert not found.is_ready and "pip install 'steerbench[" in found.detail
    assert OPTIONAL[package][1] in found.detail


@pytest.mark.parametrize("name", [name for name, one in components().items() if one.pip])
def test_a_missing_component_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, quick: None, name: str) -> None:
    without(monkeypatch, name)
    (found,) = [one for one in examine() if one.subject == name]
    assert not found.is_ready and found.detail.startswith(f"missing; bench setup {name} (")
    assert components()[name].licence in found.detail


def test_missing_debian_packages_are_named_with_their_command(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    lacking = tuple(replace(package, file="/nowhere/font.sf2") for package in setup.CORPUS[1:3])
    monkeypatch.setattr(setup, "CORPUS", lacking)
    (found,) = [one for one in examine() if one.subject == "corpus"]
    assert not found.is_ready and found.detail.startswith("missing; bench setup corpus (")


def test_an_installed_package_shows_its_version(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    found = {one.subject: one.detail for one in examine()}
    assert found["numpy"] == metadata.version("numpy")

    def nameless(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nameless)
    assert {one.subject: one.detail for one in examine()}["numpy"] == "installed"


def test_a_task_is_ready_or_names_everything_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    load = plugins.load

    def lacking(kind: str, name: str, **options: object) -> object:
        if name in ("hpss", "kad", "soundfont"):
            raise MissingComponent(f"{name} is not here; bench setup {name}")
        return load(kind, name, **options)

    monkeypatch.setattr(plugins, "load", lacking)
    drums = examine("inpaint-drums")[-1]
    assert not drums.is_ready
    assert drums.detail == "hpss is not here; bench setup hpss\nkad is not here; bench setup kad"
    chords = examine("inpaint-chords")[-1]
    assert "bench setup soundfont" in chords.detail


def test_the_chosen_extractor_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, str]] = []
    load = plugins.load

    def noted(kind: str, name: str, **options: object) -> object:
        tried.append((kind, name))
        return load(kind, name) if kind == "datasets" else None

    monkeypatch.setattr(plugins, "load", noted)
    found = examine("inpaint-drums", Asked({"chords": "madmom-chords-deep"}))
    assert found[-1] == Finding("task", "inpaint-drums", True, "ready")
    assert ("extractors", "madmom-chords-deep") in tried and ("extractors", "template-chords") not in tried
    assert ("models", "retrieval") in tried and ("metrics", "kad") in tried and ("renderers", "soundfont") not in tried


@pytest.mark.parametrize(("is_ready", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_of_one_task_says_whether_it_is_ready(
    monkeypatch: pytest.MonkeyPatch, is_ready: bool, code: int
) -> None:
    monkeypatch.setattr(doctor, "_task", lambda task, asked: Finding("task", task.name, is_ready, "said so"))
    shown = CliRunner().invoke(app, ["doctor", "--task", "inpaint-drums"])
    assert shown.exit_code == code
    assert f"{'ok' if is_ready else '--'}  inpaint-drums  said so" in shown.output


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="no task is called 'inpaint-drum'; did you mean inpaint-drums"):
        examine("inpaint-drum")


BARE = """
import sys
from importlib.machinery import PathFinder
hidden = set(sys.argv.pop(1).split(","))
class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else PathFinder.find_spec(name, path, target)
    @classmethod
    def find_distributions(cls, context):
        return [] if context.name in hidden else PathFinder.find_distributions(context)
sys.meta_path[sys.meta_path.index(PathFinder)] = Bare
from bench.cli.app import main
main()
"""
EXTRAS = "matplotlib,peft,museval,madmom"
REMEDY = re.compile(r"pip install|bench setup|bench train|put (it|them) |export BENCH_DATA=|--\w+")


def bare(tmp_path: Path, hidden: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the doctor's findings without these packages, weights and data sets."""
    kept = {name: value for name, value in os.environ.items() if name != "BENCH_DATA"}
    empty = {"BENCH_WEIGHTS": str(tmp_path / "weights"), "BENCH_MANIFESTS": str(tmp_path / "manifests")}
    command = [sys.executable, "-c", BARE, hidden, "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=kept | empty, timeout=300, check=False)


@pytest.fixture(scope="module", params=[EXTRAS, f"{EXTRAS},transformers,demucs,librosa,pyloudnorm,pretty_midi"])
def lacking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    said = bare(tmp_path_factory.mktemp("bare"), request.param, "--json")
    assert said.returncode == 0, said.stderr
    found = [Finding(**one) for one in json.loads(said.stdout)]
    missing = {one.subject for one in found if not one.is_ready}
    packages = {name for name in request.param.split(",") if name in {**REQUIRED, **OPTIONAL}}
    assert missing >= packages | {"madmom", "htdemucs", "$BENCH_DATA"}
    return found


def test_without_optional_packages_every_finding_has_a_remedy(lacking: list[Finding]) -> None:
    assert [one for one in lacking if not one.is_ready and not REMEDY.search(one.detail)] == []


def test_every_printed_command_exists(lacking: list[Finding]) -> None:
    said = "\n".join(one.detail for one in lacking)
    group = typer.main.get_command(app)
    commands = set(re.findall(r"\bbench (\w+)(?: (prepare|verify|stats|select)\b)?", said))
    assert {name for name, _ in commands} >= {"setup", "look", "data"}
    for name, sub in commands:
        command = group.commands[name]
        assert not sub or sub in command.commands
    known = {*components(), *plugins.weights()}
    assert set(re.findall(r"\bbench setup ([\w.-]+)", said)) <= known
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(re.findall(r"pip install 'steerbench\[(\w+)\]'", said)) <= set(extras["optional-dependencies"])
    projects = {re.split(r"[<>=]", one)[0].replace("-", "_") for one in extras["dependencies"]}
    assert {one.replace("-", "_") for one in re.findall(r"pip install ([\w-]+)", said)} <= projects


def test_required_packages_are_those_of_a_plain_installation() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=]", one)[0].replace("-", "_") for one in project["dependencies"]}
    assert {name.replace("-", "_") for name in REQUIRED.values()} == wanted


def test_without_optional_packages_the_default_task_is_ready(tmp_path: Path) -> None:
    said = bare(tmp_path, EXTRAS, "--task", "inpaint-drums")
    assert said.returncode == 0 and "ready" in said.stdout


def test_a_task_that_cannot_run_names_everything_missing_and_exits_with_1(tmp_path: Path) -> None:
    asked = ["--task", "inpaint-drums", "--model", "air-large", "-x", "drums=demucs-drums", "--device", "cuda"]
    said = bare(tmp_path, EXTRAS, *asked, "--json")
    if "CUDA" not in said.stdout:
        pytest.skip("a CUDA device is here")
    assert said.returncode == 1
    (task,) = [one for one in json.loads(said.stdout) if one["kind"] == "task"]
    assert all(what in task["detail"] for what in ("air-large", "bench setup htdemucs", "torch finds no CUDA device"))


def test_an_unknown_model_or_data_set_gets_a_suggestion() -> None:
    for option, name, near in (("--model", "air-larg", "air-large"), ("--dataset", "sinthetic", "synthetic")):
        shown = CliRunner().invoke(app, ["doctor", "--task", "inpaint-drums", option, name])
        assert shown.exit_code == 2 and f"did you mean {near}" in shown.output


@pytest.mark.parametrize(
    ("task", "dataset", "why"),
    [
        ("inpaint-drums", "pop909", "pop909 has no drums to follow"),
        ("inpaint-chords", "pop909-tset", "no manifest of pop909 is called 'pop909-tset'; did you mean pop909-test"),
        ("inpaint-chords", "synthetic-nope", "no manifest of synthetic is called 'synthetic-nope'"),
        ("inpaint-chords", "pop909-train", ""),
        ("inpaint-chords", "pop909-test-0a1b2c3d", ""),
    ],
)
def test_a_data_set_that_cannot_serve_the_task_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, task: str, dataset: str, why: str
) -> None:
    (tmp_path / "pop909").mkdir()
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    (found,) = [one for one in examine(task, Asked(dataset=dataset, models=("oracle",))) if one.kind == "task"]
    assert found.is_ready == (not why) and why in found.detail


def test_a_missing_data_set_that_was_asked_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load = plugins.load

    def lacking(kind: str, name: str, **options: object) -> object:
        if kind == "datasets":
            raise MissingComponent("the data set synthetic is not here; put it into $BENCH_DATA/synthetic")
        return load(kind, name, **options)

    monkeypatch.setattr(plugins, "load", lacking)
    task = examine("inpaint-drums", Asked(dataset="synthetic-test"))[-1]
    assert not task.is_ready and "put it into $BENCH_DATA/synthetic" in task.detail
    there = {one.subject: one for one in examine() if one.kind == "data set"}
    assert not there["synthetic"].is_ready and "licence: " in there["synthetic"].detail


def test_a_missing_package_that_a_plug_imports_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(kind: str, name: str, **options: object) -> object:
        raise ModuleNotFoundError("No module named 'yaml'", name="yaml")

    monkeypatch.setattr(plugins, "load", lacking)
    assert "hpss needs yaml; pip install pyyaml" in examine("inpaint-drums", Asked({"drums": "hpss"}))[-1].detail


def test_a_full_disk_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    disk = examine("inpaint-drums")[0]
    assert disk.kind == "disk" and not disk.is_ready and "choose another disk with --out" in disk.detail


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_fit_the_terminal(lacking: list[Finding], width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width)
    for table in tables(lacking):
        console.print(table)
    lines = out.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    said = re.sub(r"\s+", "", out.getvalue())
    assert all(re.sub(r"\s+", "", one.subject) in said for one in lacking)
    assert "[report]" in said


@pytest.mark.parametrize(("free", "is_enough"), [(10**12, True), (10**9, False), (None, True)])
def test_the_memory_of_a_model_is_compared_with_the_free_memory(
    monkeypatch: pytest.MonkeyPatch, free: int | None, is_enough: bool
) -> None:
    monkeypatch.setattr("bench.air.memory.free_bytes", lambda device: free)
    asked = Asked(models=("air-large", "retrieval", "air-mini"), device="cpu")
    (memory,) = [one for one in examine("inpaint-drums", asked) if one.kind == "memory"]
    assert (memory.subject, memory.is_ready) == ("air-large", is_enough)
    assert memory.detail.startswith("needs about ") and ("choose a smaller size" in memory.detail) is not is_enough
