"""Defaults, plugs, listing and provenance."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import plugins
from bench import task as module
from bench.errors import BenchError, UnknownName
from bench.formats import read_yaml
from bench.runtime import provenance
from bench.runtime.provenance import Provenance
from bench.task import defaults
from bench.upkeep.data import statistics, verify
from bench.upkeep.listing import KINDS, listing

GOOD = "manifest: m\nrenderer: r\nextractors: {chords: c}\nsystems: [noise]\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    defaults()  # kept before anything is patched, for all tests that come after

    def write(text: str) -> module.Defaults:
        (tmp_path / "defaults.yaml").write_text(text)
        monkeypatch.setattr(module, "home", lambda name: tmp_path)
        return defaults.__wrapped__()  # the kept ones belong to the other tests

    return write


def test_defaults_are_read_from_their_file(written) -> None:
    assert written(GOOD) == module.Defaults("m", "r", {"chords": "c"}, ("noise",))
    assert defaults() is defaults()


def test_defaults_with_a_wrong_key_are_named(written) -> None:
    with pytest.raises(BenchError, match=r"defaults\.yaml: the keys 'renderer', 'systems' are missing"):
        written("manifest: m\nextractors: {chords: c}\n")
    with pytest.raises(BenchError, match=r"no key is called 'render'; did you mean renderer"):
        written(GOOD.replace("renderer:", "render:"))


def test_plugs_are_files_and_folders_and_nothing_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("models/a_b.py", "models/_worker.py", "models/__init__.py", "models/big/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('"""One line.\n\nMore."""\nraise RuntimeError("imported")\n')
    (tmp_path / "models" / "empty").mkdir()
    (tmp_path / "models" / "c.py").write_text("x = 1\n")
    monkeypatch.setattr(plugins, "_PACKAGE", tmp_path)
    assert plugins.names("models") == ["a-b", "big", "c"]
    assert [plugins.about("models", name) for name in ("a-b", "big", "c")] == ["One line.", "One line.", ""]


def test_a_plug_without_options_says_so() -> None:
    with pytest.raises(BenchError, match="silence has no option a, b; it takes none"):
        plugins.load("models", "silence", b=1, a=2)
    with pytest.raises(UnknownName, match=r"no metric is called 'sdrr'; did you mean .*sdr"):
        plugins.builder("metrics", "sdrr")


def test_the_list_command_imports_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "bench", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in imported and "inpaint-drums" in done.stdout
    assert not imported & {"numpy", "pandas", "torch", "librosa", "scipy", "soundfile", "yaml", "mir_eval", "jinja2"}


def test_listing_one_kind_lists_that_kind() -> None:
    assert set(listing()) == set(KINDS)
    assert list(listing("models")) == ["models"] and "noise" in listing("models")["models"]
    tasks = listing("tasks")["tasks"]
    assert "defaults" not in tasks and tasks["inpaint-drums"][0] not in "\"'"


def test_a_folder_of_recordings_has_nothing_locked() -> None:
    for verb in (verify, statistics):
        with pytest.raises(BenchError, match="folder stands for the recordings named by --audio"):
            verb("folder")
        with pytest.raises(UnknownName, match="did you mean synthetic"):
            verb("sinthetic")


def test_provenance_without_a_clone_or_a_package_says_unknown(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "site" / "bench")
    assert provenance.commit.__wrapped__() == "unknown"
    monkeypatch.setattr(provenance, "_version_of", lambda package: "")
    assert provenance.version.__wrapped__() == "0+unknown"
    Provenance({"system": "x"}).write(tmp_path / "x.yaml")
    keys = read_yaml(tmp_path / "x.yaml")
    assert keys["packages"] == {} and keys["seconds"] == {} and list(keys)[0] == "system"
    assert not any(str(tmp_path) in str(value) for value in keys.values())
