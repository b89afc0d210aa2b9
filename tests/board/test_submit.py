"""Tests of bench.board.submit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.audio import Audio, write_audio
from bench.board import submit as module
from bench.board.history import history_of, stale_histories
from bench.board.submit import submit
from bench.errors import BenchError, CheckFailed
from bench.example import ExampleSet
from bench.manifest import Excerpt, Manifest
from bench.music.choice import chosen_for
from bench.paths import write_text
from bench.runtime.executor import Serial
from bench.runtime.layout import Layout, Setting
from bench.scores import Row, read_rows, write_rows
from bench.submission import Card, read_submission, write_card
from bench.task import load_task
from tests.board.test_compare import ONSETS, column

TASK = load_task("inpaint-drums")


@pytest.fixture
def examples(tmp_path: Path) -> ExampleSet:
    manifest = Manifest("synthetic-tiny", (Excerpt("a", "synthetic", "a", 0.0, 15.0),))
    return ExampleSet(tmp_path / "examples", TASK, manifest)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    write_card(
        folder,
        Card(
            "mine",
            TASK.name,
            TASK.version,
            "synthetic-tiny",
            contact="me",
            training_data="two *songs*",
            generation_seconds=3.0,
        ),
    )
    write_audio(folder / "a.wav", Audio(np.random.default_rng(0).normal(0, 0.1, TASK.n_samples), TASK.sample_rate))
    return folder


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    board = tmp_path / "leaderboard"
    monkeypatch.setattr(module, "home", lambda name: board)
    monkeypatch.setattr(module, "is_clone", lambda: True)

    values = iter((0.5, 0.6))

    def scored(submission, examples, setting):
        value = next(values)
        path = setting.layout.results(TASK.name, examples.manifest.name) / "mine.csv"
        write_rows(path, rows_of(value))
        write_text(path.with_suffix(".run.yaml"), f"bench: '1'\ncommit: {value}\n")
        return path

    monkeypatch.setattr(module, "score_into", scored)
    return board


def rows_of(value: float) -> list[Row]:
    rows = [replace(one, system="mine", manifest="synthetic-tiny") for one in column("mine", ONSETS, [value] * 16)]
    return [*rows, replace(rows[-1], metric="kad[musicnn]", value=7.0, low=6.0, high=8.0)]


def setting(tmp_path: Path) -> Setting:
    return Setting(Layout(tmp_path / "runs"), Serial(), {})


def test_card_rows_and_provenance_reach_the_board(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    written = submit(folder, TASK, examples, setting(tmp_path)).written
    assert [str(path.relative_to(board)) for path in written] == [
        "systems/mine.yaml",
        "results/inpaint-drums/synthetic-tiny/mine.csv",
        "results/inpaint-drums/synthetic-tiny/mine.run.yaml",
        "history/inpaint-drums/synthetic-tiny/mine.csv",
    ]
    assert submit(folder, TASK, examples, setting(tmp_path)).written == written
    assert "contact: me" in written[0].read_text()
    assert "generation_seconds" not in written[0].read_text()
    assert len(read_rows(written[1])) == 18


def test_a_limited_or_private_manifest_is_refused(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    for manifest in (
        replace(examples.manifest, name="synthetic-tiny-first1"),
        replace(examples.manifest, is_public=False),
    ):
        with pytest.raises(BenchError, match="only a whole public manifest"):
            submit(folder, TASK, replace(examples, manifest=manifest), setting(tmp_path))
    assert not board.exists()


def test_a_defective_submission_is_refused(examples: ExampleSet, folder: Path, board: Path, tmp_path: Path) -> None:
    (folder / "a.wav").unlink()
    with pytest.raises(CheckFailed, match=r"a\.wav: missing"):
        submit(folder, TASK, examples, setting(tmp_path))
    assert not board.exists()


def test_an_installed_wheel_has_no_board_to_write(
    examples: ExampleSet, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "is_clone", lambda: False)
    with pytest.raises(BenchError, match="run it from there, not from an installed wheel"):
        submit(folder, TASK, examples, setting(tmp_path))
    assert read_submission(folder).card.system == "mine"


def test_empty_training_data_is_refused_and_none_is_accepted(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    card = read_submission(folder).card
    for untold in ("", " \n"):
        write_card(folder, replace(card, training_data=untold))
        with pytest.raises(CheckFailed, match=r"submission\.yaml: training_data: is empty; say on what .* or none if"):
            submit(folder, TASK, examples, setting(tmp_path))
    assert not board.exists()
    write_card(folder, replace(card, training_data="none"))
    assert submit(folder, TASK, examples, setting(tmp_path)).card.training_data == "none"


def test_the_pull_request_gives_scores_training_data_and_files(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    write_text(folder / "stray.txt", "?")
    entered = submit(folder, TASK, examples, setting(tmp_path))
    text = entered.proposal([board / "README.md"])
    assert text.title == "Results of mine on inpaint-drums, synthetic-tiny"
    assert "| drum-onset-f1 ↑ | 0.5 | 16 |" in text.body
    assert "| kad&#91;musicnn&#93; ↓ | 7 [6, 8] |" in text.body
    assert "**Trained on:** two &#42;songs&#42;" in text.body and "stray.txt" in text.body
    assert "- `leaderboard/systems/mine.yaml`" in text.body and "- `leaderboard/README.md`" in text.body
    assert str(text).startswith(text.title + "\n\n")


def test_a_board_without_history_gets_its_first_lines(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    results = board / "results" / TASK.name / "synthetic-tiny"
    for system, value in (("older", 0.3), ("mine", 0.4)):
        write_rows(results / f"{system}.csv", [replace(row, system=system) for row in rows_of(value)])
        write_text(results / f"{system}.run.yaml", "bench: '0'\n")
    written = submit(folder, TASK, examples, setting(tmp_path)).written
    kept = {name: history_of(board, TASK.name, "synthetic-tiny", name) for name in ("older", "mine")}
    assert {name: [one.control_value for one in lines] for name, lines in kept.items()} == {
        "older": [0.3],
        "mine": [0.4, 0.5],
    }
    assert stale_histories(board) == [] and len(set(written)) == len(written)
    assert [path.name for path in written if "history" in path.parts] == ["mine.csv", "older.csv"]


def test_a_second_submission_adds_a_line_of_history(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        submit(folder, TASK, examples, setting(tmp_path))
    kept = history_of(board, TASK.name, "synthetic-tiny", "mine")
    assert [one.control_value for one in kept] == [0.5, 0.6] and stale_histories(board) == []


def test_songs_of_the_suite_heard_by_other_extractors_are_refused(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    pinned = chosen_for("composed")
    other = replace(examples, extractors={**pinned, "chords": "madmom-chords-deep"})
    with pytest.raises(
        BenchError, match=r"build\.yaml: chords were found by madmom-chords-deep, those .* by chords-mini; build"
    ):
        submit(folder, TASK, other, setting(tmp_path))
    assert not board.exists()
    assert submit(folder, TASK, replace(examples, extractors=pinned), setting(tmp_path)).written
