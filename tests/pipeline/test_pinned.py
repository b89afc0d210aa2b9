"""The extractors that examples were built with: written down once, obeyed by every later step, or refused."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.errors import MissingComponent
from bench.formats import dump_yaml
from bench.music import choice
from bench.music.choice import choices, chosen_for
from bench.task import EXTRACTED, Choices, defaults
from tests.pipeline.test_prepare import write_songs

TASK = "inpaint-drums"


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"), n=1)


@pytest.fixture
def two_separators(monkeypatch: pytest.MonkeyPatch):
    """Let recorded music be heard by the mini separator, then by hpss; return a function that takes the first away."""
    lists = {
        **defaults().extractors,
        "drums": Choices(("sep-mini",), ("sep-mini", "hpss")),
        "notes": Choices(("notes-mini",), ("notes-mini",)),  # basic-pitch needs the separator
    }
    choices.cache_clear()
    monkeypatch.setattr(choice, "defaults", lambda: defaults().__class__("m", "r", lists, ()))
    load = plugins.load

    def remove() -> None:
        def without(kind: str, name: str, /, **options: object) -> object:
            if name == "sep-mini":
                raise MissingComponent("sep-mini is not here; get it with `bench setup sep-mini`")
            return load(kind, name, **options)

        monkeypatch.setattr(plugins, "load", without)

    yield remove
    monkeypatch.undo()
    choices.cache_clear()


def bench(*words: object, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    return done.stdout, " ".join(done.stderr.split())


def build(songs: Path, out: Path, *more: object, code: int = 0) -> tuple[str, str]:
    return bench("build", "--task", TASK, "--audio", songs, "--out", out, *more, code=code)


def build_yaml(out: Path) -> Path:
    (path,) = (out / "examples" / TASK).glob("*/build.yaml")
    return path


def taken(out: Path) -> dict[str, str]:
    return yaml.safe_load(build_yaml(out).read_text())["extractors"]


def test_what_was_taken_is_printed_once_and_written_down(songs: Path, tmp_path: Path) -> None:
    _, said = build(songs, tmp_path)
    assert taken(tmp_path) == chosen_for("recorded")
    assert choice.line("recorded", taken(tmp_path)) in said
    assert said.count("extractors for") == 1
    assert "extractors for" not in build(songs, tmp_path)[1]


def test_songs_of_the_suite_are_heard_by_what_is_pinned(tmp_path: Path) -> None:
    _, said = bench("build", "--task", TASK, "--limit", 1, "--out", tmp_path)
    assert "extractors for composed music: drums sep-mini, onsets onset-flux" in said
    assert taken(tmp_path) == chosen_for("composed")


def test_what_is_installed_later_changes_nothing(songs: Path, tmp_path: Path, two_separators) -> None:
    build(songs, tmp_path, "--extractor", "drums=hpss")
    before = build_yaml(tmp_path).read_bytes()
    build(songs, tmp_path)
    bench("run", "--task", TASK, "--audio", songs, "--out", tmp_path, "--model", "silence")
    assert build_yaml(tmp_path).read_bytes() == before
    (csv,) = (tmp_path / "results").rglob("silence.csv")
    assert "hpss v" in csv.read_text() and "sep-mini" not in csv.read_text()
    assert yaml.safe_load(csv.with_suffix(".run.yaml").read_text())["extractors"]["drums"] == "hpss"


def test_what_was_taken_and_is_gone_is_refused_with_its_command(songs: Path, tmp_path: Path, two_separators) -> None:
    bench("run", "--task", TASK, "--audio", songs, "--out", tmp_path, "--model", "silence")
    assert taken(tmp_path)["drums"] == "sep-mini"
    (folder,) = (tmp_path / "submissions" / TASK).glob("*/silence")
    examples = build_yaml(tmp_path).parent
    two_separators()
    score = ("score", folder, "--examples", examples, "--out", tmp_path)
    for words in (score, ("run", "--task", TASK, "--audio", songs, "--out", tmp_path)):
        _, said = bench(*words, code=2)
        assert "build.yaml: drums are found by sep-mini, which is not installed here" in said
        assert "bench setup sep-mini" in said and "--extractor drums=NAME" in said
    bench(*score, "--extractor", "drums=hpss", "--overwrite")
    build(songs, tmp_path, "--extractor", "drums=hpss")
    assert taken(tmp_path)["drums"] == "hpss"


def test_a_fresh_folder_takes_the_next_that_is_installed(songs: Path, tmp_path: Path, two_separators) -> None:
    two_separators()
    build(songs, tmp_path)
    assert taken(tmp_path)["drums"] == "hpss"


def test_what_is_asked_for_and_missing_is_refused_before_anything_is_made(songs: Path, tmp_path: Path) -> None:
    if not choice.missing("madmom-chords-deep"):
        pytest.skip("madmom is installed")
    _, said = build(songs, tmp_path, "--extractor", "chords=madmom-chords-deep", code=2)
    assert "--extractor: chords are found by madmom-chords-deep" in said and "bench setup madmom" in said
    assert not (tmp_path / "examples").exists()


def forget(out: Path) -> Path:
    """Make build.yaml what earlier versions wrote: without the names of the extractors."""
    path = build_yaml(out)
    path.write_text(dump_yaml({k: v for k, v in yaml.safe_load(path.read_text()).items() if k != "extractors"}))
    return path


def test_examples_of_an_earlier_version_are_kept(tmp_path: Path) -> None:
    words = ("run", "--task", TASK, "--limit", 1, "--out", tmp_path, "--model", "silence")
    bench(*words)
    path = forget(tmp_path)
    request = next(path.parent.rglob("request.yaml"))
    before = (path.read_bytes(), request.stat().st_mtime_ns)
    rows = next((tmp_path / "results").rglob("silence.csv"))
    scores = rows.read_bytes()
    bench(*words)
    (folder,) = (tmp_path / "submissions" / TASK).glob("*/silence")
    bench("score", folder, "--examples", path.parent, "--out", tmp_path)
    assert (path.read_bytes(), request.stat().st_mtime_ns) == before and rows.read_bytes() == scores


def test_recordings_of_an_earlier_version_are_not_scored_by_guessing(songs: Path, tmp_path: Path) -> None:
    bench("run", "--task", TASK, "--audio", songs, "--out", tmp_path, "--model", "silence")
    path = forget(tmp_path)
    (folder,) = (tmp_path / "submissions" / TASK).glob("*/silence")
    score = ("score", folder, "--examples", path.parent, "--out", tmp_path)
    _, said = bench(*score, code=2)
    assert "does not say which extractors" in said and "--extractor drums=NAME --extractor onsets=NAME" in said
    named = [word for kind, name in chosen_for("recorded").items() for word in ("--extractor", f"{kind}={name}")]
    bench(*score, *named)


def test_a_build_yaml_that_names_no_extractors_of_a_kind_is_refused(songs: Path, tmp_path: Path) -> None:
    build(songs, tmp_path)
    path = build_yaml(tmp_path)
    path.write_text(dump_yaml(yaml.safe_load(path.read_text()) | {"extractors": ["hpss"]}))
    _, said = build(songs, tmp_path, code=2)
    assert "build.yaml: extractors: want names by kind, found ['hpss']; remove the folder" in said


def test_the_doctor_says_what_would_be_taken_and_what_a_better_one_costs() -> None:
    found = {one["subject"]: one for one in json.loads(bench("doctor", "--json")[0]) if one["kind"] == "extractor"}
    assert list(found) == [f"{music}: {kind}" for music in ("composed", "recorded") for kind in EXTRACTED]
    for music in ("composed", "recorded"):
        for kind, name in chosen_for(music).items():
            detail = found[f"{music}: {kind}"]["detail"]
            assert detail.partition(";")[0] == name and found[f"{music}: {kind}"]["is_ready"]
    assert "better" not in "".join(one["detail"] for name, one in found.items() if name.startswith("composed"))
    separator = found["recorded: drums"]["detail"]
    assert "better, if its licence suits you: demucs-drums" in separator
    assert "bench setup htdemucs (84 MB; code MIT, weights for scientific purposes only" in separator
    assert "--extractor drums=demucs-drums" in separator
