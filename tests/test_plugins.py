"""Plugs on test folders: what counts as a plug, what is read, what is imported."""

import sys
from pathlib import Path

import pytest

from bench import plugins
from bench.errors import BenchError, UnknownName

PLUG = '"""Says {name}.\n\nMore of it.\n"""\n\n\ndef build(volume: float = 1.0, tone: str = "a"):\n    return ("{name}", volume, tone)\n'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    (folder / "many_files").mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Models."""\n')
    (folder / "loud_echo.py").write_text(PLUG.format(name="loud-echo"))
    (folder / "many_files" / "__init__.py").write_text(PLUG.format(name="many-files"))
    (folder / "many_files" / "layer.py").write_text("raise RuntimeError('imported too early')\n")
    (folder / "_shared.py").write_text("raise RuntimeError('imported')\n")
    (folder / "silent.py").write_text("raise RuntimeError('imported')\n")
    (folder / "notes.txt").write_text("")
    (folder / "empty").mkdir()
    monkeypatch.setattr(plugins, "_PACKAGE", tmp_path)
    return tmp_path


def test_a_file_or_a_package_is_a_plug_and_nothing_else_is(package: Path) -> None:
    assert plugins.names("models") == ["loud-echo", "many-files", "silent"]
    assert plugins.names("renderers") == []


def test_listing_reads_and_imports_nothing(package: Path) -> None:
    assert [plugins.about("models", name) for name in plugins.names("models")] == [
        "Says loud-echo.", "Says many-files.", "",
    ]  # fmt: skip


def test_only_the_requested_plug_is_imported() -> None:
    before = {name for name in sys.modules if name.startswith("bench.extractors.")}
    plugins.names("extractors"), [plugins.about("extractors", name) for name in plugins.names("extractors")]
    assert {name for name in sys.modules if name.startswith("bench.extractors.")} == before


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_unknown_names_are_refused_before_any_import(kind: str) -> None:
    for name in ("..errors", "os", "__init__", "../errors", "", "bench.cli.app"):
        with pytest.raises(UnknownName, match=r"no .* is called"):
            plugins.builder(kind, name)


def test_a_name_with_underscores_gets_the_one_with_dashes_suggested() -> None:
    with pytest.raises(UnknownName, match="no model is called 'copy_control'; did you mean copy-control"):
        plugins.load("models", "copy_control")


def test_options_reach_the_plug_and_wrong_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(volume: float = 1.0, tone: str = "a") -> tuple[float, str]:
        return volume, tone

    monkeypatch.setattr(plugins, "builder", lambda kind, name: build)
    assert plugins.load("models", "x", tone="b") == (1.0, "b")
    with pytest.raises(BenchError, match="x has no option loud, tune; it takes volume, tone"):
        plugins.load("models", "x", tune=1, loud=2)
    monkeypatch.setattr(plugins, "builder", lambda kind, name: lambda: None)
    with pytest.raises(BenchError, match="x has no option tone; it takes none"):
        plugins.load("models", "x", tone=1)


SIZED = '"""Comes in sizes."""\n\nSIZES = ("tiny", "huge")\n\n\ndef build(size: str = "tiny", depth: int = 1):\n    return (size, depth)\n'


def test_a_plug_with_sizes_has_a_name_for_each(package: Path) -> None:
    (package / "models" / "big_band.py").write_text(SIZED)
    assert plugins.names("models") == ["big-band-huge", "big-band-tiny", "loud-echo", "many-files", "silent"]
    assert plugins.about("models", "big-band-huge") == "Comes in sizes."
    with pytest.raises(UnknownName, match="no model is called 'big-band'; did you mean big-band-"):
        plugins.builder("models", "big-band")


def test_the_plug_is_built_in_the_size_that_its_name_says() -> None:
    for size in ("mini", "small", "medium", "large"):
        build = plugins.builder("models", f"air-aligned-{size}")
        assert build.keywords == {"size": size} and build.func.__module__ == "bench.models.air_aligned"
    assert {"air-mini", "air-no-control-large", "codec-roundtrip-small", "musicgen-continue-medium"} <= set(
        plugins.names("models")
    )
    with pytest.raises(BenchError, match="lora-mini has no option size; it takes contrast, temperature"):
        plugins.load("models", "lora-mini", size="large")


def test_an_option_may_be_called_kind_or_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "builder", lambda kind, name: lambda kind, name: (kind, name))
    assert plugins.load("trainers", "x", kind="aligned", name="y") == ("aligned", "y")


@pytest.mark.parametrize(
    ("kind", "name", "wanted"),
    [
        ("models", "air-large", ["air", "musicgen-large"]),
        ("models", "air-mini", []),
        ("models", "retrieval", []),
        ("extractors", "demucs-drums", ["htdemucs"]),
    ],
)
def test_the_weights_of_a_plug_are_those_not_named_for_another_size(kind: str, name: str, wanted: list[str]) -> None:
    assert sorted(one.name for one in plugins.weights_of(kind, name)) == wanted


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
