"""Submitting: what reaches the published board, and what does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import submit as module
from bench.audio import Audio, write_audio
from bench.build import ExampleSet
from bench.errors import BenchError, CheckFailed
from bench.executor import Serial
from bench.layout import Layout
from bench.manifest import Excerpt, Manifest
from bench.paths import write_text
from bench.run import Setting
from bench.submission import Card, read_submission, write_card
from bench.submit import submit
from bench.task import load_task

TASK = load_task("inpaint-drums")


@pytest.fixture
def examples(tmp_path: Path) -> ExampleSet:
    manifest = Manifest("synthetic-tiny", (Excerpt("a", "synthetic", "a", 0.0, 15.0),))
    return ExampleSet(tmp_path / "examples", TASK, manifest)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    write_card(folder, Card("mine", TASK.name, TASK.version, "synthetic-tiny", contact="me", generation_seconds=3.0))
    write_audio(folder / "a.wav", Audio(np.random.default_rng(0).normal(0, 0.1, TASK.n_samples), TASK.sample_rate))
    return folder


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    board = tmp_path / "leaderboard"
    monkeypatch.setattr(module, "home", lambda name: board)
    monkeypatch.setattr(module, "is_clone", lambda: True)

    def scored(submission, examples, setting):
        path = setting.layout.results(TASK.name, examples.manifest.name) / "mine.csv"
        write_text(path, "rows\n")
        write_text(path.with_suffix(".run.yaml"), "commit: unknown\n")
        return path

    monkeypatch.setattr(module, "score_into", scored)
    return board


def setting(tmp_path: Path) -> Setting:
    return Setting(Layout(tmp_path / "runs"), Serial(), {})


def test_card_rows_and_provenance_reach_the_board(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    written = submit(folder, TASK, examples, setting(tmp_path))
    assert [str(path.relative_to(board)) for path in written] == [
        "systems/mine.yaml",
        "results/inpaint-drums/synthetic-tiny/mine.csv",
        "results/inpaint-drums/synthetic-tiny/mine.run.yaml",
    ]
    assert "contact: me" in written[0].read_text()
    assert "generation_seconds" not in written[0].read_text()
    assert written[1].read_text() == "rows\n"


def test_a_limited_or_private_set_stays_outside(
    examples: ExampleSet, folder: Path, board: Path, tmp_path: Path
) -> None:
    for manifest in (
        replace(examples.manifest, name="synthetic-tiny-first1"),
        replace(examples.manifest, is_public=False),
    ):
        with pytest.raises(BenchError, match="only a whole public manifest"):
            submit(folder, TASK, replace(examples, manifest=manifest), setting(tmp_path))
    assert not board.exists()


def test_a_defective_submission_stays_outside(examples: ExampleSet, folder: Path, board: Path, tmp_path: Path) -> None:
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
