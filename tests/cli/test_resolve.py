"""Resolution of names and options on the command line to objects, and one-line errors for wrong ones."""

import os
from pathlib import Path

import pytest

from bench.cli import resolve
from bench.cli.resolve import (
    card_of,
    examples_of,
    extractors_of,
    known_device,
    known_models,
    metrics_of,
    requests_of,
    setting_of,
    task_of,
)
from bench.errors import BenchError, CheckFailed, UnknownName
from bench.example import ExampleSet
from bench.pipeline.source import Source
from bench.runtime.executor import Processes, Serial
from bench.submission import Card, write_card
from bench.task import load_task

TASK = load_task("inpaint-free")


def test_without_choices_nothing_is_asked_for() -> None:
    assert extractors_of(None) == extractors_of([]) == {}


def test_the_last_choice_of_a_kind_counts() -> None:
    chosen = ["notes=madmom-notes", "chords=madmom-chords-cnn", "chords=madmom-chords-deep"]
    changed = extractors_of(chosen)
    assert changed == {"notes": "madmom-notes", "chords": "madmom-chords-deep"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("chords", "--extractor chords: want KIND=NAME"),
        ("", "--extractor : want KIND=NAME"),
        ("chords=", "no extractor is called ''"),
        ("=hpss", "no kind of extractor is called ''"),
        ("chords=template-chord", "did you mean template-chords"),
        ("chords=a=b", "no extractor is called 'a=b'"),
    ],
)
def test_a_bad_choice_is_refused(entry: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        extractors_of([entry])


def test_unknown_models_and_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known_models(None), known_models(["silence", "noise"])
    with pytest.raises(UnknownName, match="no model is called 'nois'; did you mean noise"):
        known_models(["silence", "nois"])
    for is_here in (True, False):
        monkeypatch.setattr("torch.cuda.is_available", lambda is_here=is_here: is_here)
        for device in ("auto", "cpu", "cuda")[: 2 + is_here]:
            known_device(device)
    with pytest.raises(BenchError, match="--device cuda: torch finds no CUDA device here; leave it at auto"):
        known_device("cuda")
    with pytest.raises(UnknownName, match="no device is called 'gpu'"):
        known_device("gpu")


def test_a_setting_holds_layout_workers_extractors_and_limit(tmp_path: Path) -> None:
    one = setting_of(tmp_path, 1, ["notes=madmom-notes"], 3)
    assert one.layout.out == tmp_path and one.limit == 3 and one.asked["notes"] == "madmom-notes"
    assert isinstance(one.executor, Serial)
    two = setting_of(tmp_path, 2, None, None).executor
    assert isinstance(two, Processes) and two.n == 2
    for workers in (0, -1):
        with pytest.raises(BenchError, match=f"--workers {workers}: want at least 1"):
            setting_of(tmp_path, workers, None, None)


def test_a_card_is_read_from_its_folder(tmp_path: Path) -> None:
    write_card(tmp_path, Card("mine", TASK.name, TASK.version, "synthetic-quick"))
    assert card_of(tmp_path).system == "mine"
    with pytest.raises(BenchError, match="no such folder"):
        card_of(tmp_path / "none")


@pytest.mark.parametrize("last", ["", "requests"])
def test_the_task_is_taken_from_requests_if_the_card_has_none(tmp_path: Path, last: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "submission.yaml").write_text(f"system:\ntask: {TASK.name}\n")
    for card, said in (
        ("system:\n", "the keys 'task', 'task_version', 'manifest' are missing"),
        ("task: inpaint\nsystem: a\ntask_version: 1\nmanifest: m\n", "no task"),
    ):
        (tmp_path / "mine" / "submission.yaml").write_text(card)
        assert task_of(tmp_path / "mine", None, tmp_path / last) == TASK
        with pytest.raises(CheckFailed, match=said):
            task_of(tmp_path / "mine", None, tmp_path / "mine" / "none")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folders: list[Path] = []
    monkeypatch.setattr(resolve, "open_examples", lambda folder, task: folders.append(folder))
    return folders


@pytest.mark.parametrize("last", ["", "requests"])
def test_a_named_folder_is_opened_with_or_without_its_last_part(tmp_path: Path, opened: list[Path], last: str) -> None:
    examples_of(TASK, tmp_path / "here" / last, tmp_path / "mine", tmp_path / "out")
    assert opened == [tmp_path / "here"]


def test_without_a_name_the_newest_examples_of_the_task_are_opened(tmp_path: Path, opened: list[Path]) -> None:
    for age, place in enumerate(["inpaint-free/new", "inpaint-free/old", "inpaint-drums/newer"]):
        mark = tmp_path / "examples" / place / "build.yaml"
        mark.parent.mkdir(parents=True)
        mark.write_text("")
        os.utime(mark, (1000 - age, 1000 - age) if "newer" not in place else (2000, 2000))
    examples_of(TASK, None, None, tmp_path)
    assert opened == [tmp_path / "examples" / "inpaint-free" / "new"]


def submitted(tmp_path: Path, manifest: str) -> Path:
    write_card(tmp_path / "mine", Card("mine", TASK.name, TASK.version, manifest))
    return tmp_path / "mine"


def test_a_submissions_examples_are_opened_where_they_were_built(tmp_path: Path, opened: list[Path]) -> None:
    made = tmp_path / "examples" / TASK.name / "folder-12345678"
    made.mkdir(parents=True)
    (made / "build.yaml").write_text("")
    examples_of(TASK, None, submitted(tmp_path, "folder-12345678"), tmp_path)
    assert opened == [made]


def test_a_submissions_examples_are_built_again_from_their_name(tmp_path: Path, monkeypatch) -> None:
    asked: list[tuple[Source, int | None]] = []

    def build(task: object, source: Source, layout: object, executor: object, extractors: object, limit: int | None):
        asked.append((source, limit))
        return "built"

    monkeypatch.setattr(resolve, "build", build)
    found: ExampleSet | str = examples_of(TASK, None, submitted(tmp_path, "synthetic-test-first4"), tmp_path)
    assert found == "built" and asked == [(Source("synthetic", (), "synthetic-test"), 4)]


@pytest.mark.parametrize("manifest", ["folder-12345678", "synthetic-private-1a2b3c4d", "synthetic-private-1a2b-first2"])
def test_private_manifests_cannot_be_built_from_a_name(tmp_path: Path, manifest: str) -> None:
    with pytest.raises(BenchError, match="cannot be built again from its name; give the examples folder with"):
        examples_of(TASK, None, submitted(tmp_path, manifest), tmp_path)


@pytest.mark.parametrize("manifest", ["nonsense", "synthetic-tset"])
def test_a_card_with_an_unknown_manifest_is_named(tmp_path: Path, manifest: str) -> None:
    with pytest.raises(CheckFailed, match=rf"mine/submission\.yaml: manifest: no .* is called '{manifest}'"):
        examples_of(TASK, None, submitted(tmp_path, manifest), tmp_path)


def test_added_metrics_must_exist_and_have_what_they_need(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    assert metrics_of(["fad[logmel-stats]", "fad[logmel-stats]"]) == ("fad[logmel-stats]",)
    assert metrics_of(None) == ()
    with pytest.raises(UnknownName, match="did you mean fad"):
        metrics_of(["fat"])
    with pytest.raises(UnknownName, match="no extractor is called"):
        metrics_of(["fad[logmel-stat]"])
    with pytest.raises(BenchError, match="takes no option"):
        metrics_of(["sdr[x]"])


def test_requests_whose_card_has_no_manifest_are_named(tmp_path: Path) -> None:
    (tmp_path / "requests" / "a--1").mkdir(parents=True)
    (tmp_path / "requests" / "a--1" / "request.yaml").write_text("id: a--1\n")
    (tmp_path / "requests" / "submission.yaml").write_text("task: inpaint-drums\n")
    with pytest.raises(BenchError, match=r"submission\.yaml: the key 'manifest' is missing; get the requests again"):
        requests_of(load_task("inpaint-drums"), tmp_path / "requests")
