"""Small commands: list, doctor, data, options; and what the command line imports."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.cli.resolve import examples_of, extractors_of
from bench.errors import BenchError, CheckFailed, MissingComponent, UnknownName
from bench.formats import read_yaml
from bench.paths import PACKAGE
from bench.runtime.provenance import Provenance, commit, version
from bench.task import defaults, load_task
from bench.upkeep import doctor
from bench.upkeep.data import statistics, verify
from bench.upkeep.listing import listing

HEAVY = ("numpy", "pandas", "torch", "librosa", "scipy", "soundfile", "mir_eval", "transformers")


def test_listing_imports_nothing_heavy() -> None:
    code = f"import sys; from bench.cli.app import app; app(['list'], standalone_mode=False); print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize("kind", [*plugins.KINDS, "recipes"])
def test_every_entry_of_the_list_has_a_description(kind: str) -> None:
    names = listing(kind)[kind]
    assert names and all(about.endswith((".", ")")) and len(about) > 20 for about in names.values())


def test_list_as_json_and_unknown_kinds() -> None:
    found = json.loads(CliRunner().invoke(app, ["list", "--json"]).output)
    assert set(found) == {"tasks", *plugins.KINDS, "recipes"}
    assert "inpaint-drums" in found["tasks"] and "mini-codec" in found["recipes"]
    with pytest.raises(UnknownName, match="did you mean models"):
        listing("model")


def test_an_undecodable_file_does_not_hide_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "b.yaml").write_text("description: What it is.\n")
    monkeypatch.setattr("bench.upkeep.listing.home", lambda kind: tmp_path)
    assert listing("tasks") == {"tasks": {"b": "What it is."}}


def test_the_examples_in_readme_and_help_texts_exist() -> None:
    pages = [PACKAGE.parent / "README.md", *sorted((PACKAGE / "cli").glob("*.py"))]
    shown = "".join(path.read_text(encoding="utf-8") for path in pages)
    ids = {excerpt.id for excerpt in plugins.load("datasets", "synthetic").select(defaults().manifest).excerpts}
    names = re.findall(r"bench look (\S+)", shown)
    assert names and set(names) <= ids


def test_plugs_are_loaded_by_name_with_their_options() -> None:
    assert plugins.load("extractors", "hpss", margin=2.0).margin == 2.0
    with pytest.raises(BenchError, match="hpss has no option margn; it takes"):
        plugins.load("extractors", "hpss", margn=2.0)
    with pytest.raises(UnknownName, match="no extractor is called 'hpps'; did you mean hpss"):
        plugins.load("extractors", "hpps")


def test_the_defaults_exist() -> None:
    found = defaults()
    assert set(found.systems) <= set(plugins.names("models")) and found.renderer in plugins.names("renderers")
    for kind, lists in found.extractors.items():
        assert {*lists.composed, *lists.recorded, *lists.on_request} <= set(plugins.names("extractors"))
        assert all(plugins.load("extractors", name).kind == kind for name in (lists.composed[0], lists.recorded[-1]))


def test_the_doctor_finds_every_task_ready() -> None:
    found = {one.subject: one for one in doctor.examine()}
    assert found["inpaint-drums"].is_ready and found["arrange-piano"].detail == "ready"
    assert found["numpy"].is_ready and "madmom" in found


def test_the_doctor_names_what_is_missing_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(kind: str, name: str, **options: object) -> object:
        raise MissingComponent(f"{name} needs a thing; get it with `thing`")

    monkeypatch.setattr(doctor.plugins, "load", missing)
    found = CliRunner().invoke(app, ["doctor", "--task", "inpaint-drums"])
    assert found.exit_code == 1 and "get it with `thing`" in found.output
    find = importlib.util.find_spec
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    monkeypatch.setattr(doctor, "_task", lambda task, asked: doctor.Finding("task", task.name, True, "ready"))
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 0 and "missing; bench look: pip install 'steerbench[report]'" in shown.output


def test_data_verify_and_stats(monkeypatch: pytest.MonkeyPatch) -> None:
    class Songs:
        def verify(self) -> list[str]:
            return ["one: differs"]

        def statistics(self) -> dict[str, float]:
            return {"songs": 2, "nothing": float("nan")}

    monkeypatch.setattr(plugins, "load", lambda kind, name: Songs())
    with pytest.raises(CheckFailed, match="synthetic: 1 differences\n  one: differs"):
        verify("synthetic")
    assert statistics("synthetic")["songs"] == 2
    shown = CliRunner().invoke(app, ["data", "stats", "synthetic"])
    assert json.loads(shown.output) == {"songs": 2, "nothing": None}
    monkeypatch.setattr(plugins, "load", lambda kind, name: object())
    with pytest.raises(BenchError, match="cannot verify"):
        verify("synthetic")


def test_extractors_are_chosen_by_kind() -> None:
    assert extractors_of(["chords=madmom-chords-deep"])["chords"] == "madmom-chords-deep"
    with pytest.raises(UnknownName, match="did you mean chords"):
        extractors_of(["chord=template-chords"])


def test_missing_examples_are_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no examples of inpaint-drums; make them with `bench build"):
        examples_of(load_task("inpaint-drums"), None, None, tmp_path)
    with pytest.raises(BenchError, match="holds no examples"):
        examples_of(load_task("inpaint-drums"), tmp_path, None, tmp_path)


def test_provenance_names_everything_that_a_row_depends_on(tmp_path: Path) -> None:
    Provenance({"system": "x"}, {"score": 1.234}).write(tmp_path / "x.run.yaml")
    keys = read_yaml(tmp_path / "x.run.yaml")
    assert keys["system"] == "x" and keys["packages"]["numpy"] and keys["seconds"] == {"score": 1.23}
    assert keys["bench"] == version() and keys["commit"] == commit()


def test_the_published_page_and_rows_agree() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "report", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
