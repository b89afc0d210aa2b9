"""Tests of bench.board.changes and bench.board.boards."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.board.boards import opened_board
from bench.board.changes import between, changes, must_hold
from bench.board.revision import board_at
from bench.cli.app import app
from bench.errors import BenchError, CheckFailed, UnknownName
from bench.scores import Row, write_rows
from bench.statistics import difference, holm
from tests.board.test_compare import GAP, LSD, ONSETS, column, distance

NOISE = np.random.default_rng(3).normal(0, 0.05, 16)


def write(folder: Path, **systems: list[Row]) -> Path:
    for name, rows in systems.items():
        path = folder / "results" / rows[0].task / rows[0].manifest / f"{name}.csv"
        write_rows(path, rows)
        path.with_suffix(".run.yaml").write_text("added_metrics: []\n", encoding="utf-8")
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    still = column("still", ONSETS, [0.5] * 16)
    old = {"a": [*column("a", ONSETS, 0.5 + NOISE), *column("a", LSD, [2.0] * 16)], "gone": column("gone", LSD, [1.0])}
    new = {"a": [*column("a", ONSETS, [0.9] * 16), *column("a", LSD, [2.0] * 16)], "new": distance("new", 1.0)}
    return write(tmp_path / "old", still=still, **old), write(tmp_path / "new", still=still, **new)


def test_rows_are_new_gone_changed_or_the_same(two: tuple[Path, Path]) -> None:
    by_system = {change.system: change for change in changes(*two)}
    assert {name: change.state for name, change in by_system.items()} == {
        "a": "changed", "gone": "gone", "new": "new", "still": "same",
    }  # fmt: skip
    (move,) = by_system["a"].moves
    assert (move.metric, move.verdict, move.n_songs) == (ONSETS, "better", 16)
    assert move.gain == pytest.approx(0.4 - NOISE.mean()) and move.low < move.gain < move.high
    assert [m.verdict for m in by_system["new"].moves] == ["new"] and by_system["still"].moves == ()
    back = {change.system: change for change in changes(two[1], two[0])}
    assert back["a"].moves[0].verdict == "worse" and back["new"].state == "gone"


def test_p_values_are_corrected_over_the_changed_columns_of_a_table(tmp_path: Path) -> None:
    songs = [f"song-{k:02}" for k in range(16)]
    drawn = np.random.default_rng(5).normal(0.3, 1, (2, 16))
    old = {s: [*column(s, LSD, [0.0] * 16), *column(s, ONSETS, [0.5] * 16)] for s in "ab"}
    new = {s: [*column(s, LSD, drawn[k]), *column(s, ONSETS, [0.5] * 16)] for k, s in enumerate("ab")}
    compared = changes(write(tmp_path / "old", **old), write(tmp_path / "new", **new))
    bare = [difference(dict.fromkeys(songs, 0.0), dict(zip(songs, values, strict=True))).p for values in drawn]
    told = [move for change in compared for move in change.moves if move.metric == LSD]
    assert [move.p for move in told] == pytest.approx(list(holm(bare)))
    assert [m.verdict for c in compared for m in c.moves if m.metric == ONSETS] == ["same", "same"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"identity": "v2"}, "another identity"),
        ({"manifest_sha": "cd" * 32}, r"another manifest (sha256 abababab, then cdcdcdcd)"),
        ({"task_version": 2}, "another version (1, then 2)"),
    ],
)
def test_rows_of_another_version_manifest_or_identity_are_not_compared(tmp_path: Path, change: dict, why: str) -> None:
    rows = column("a", ONSETS, 0.5 + NOISE)
    old, new = write(tmp_path / "old", a=rows), write(tmp_path / "new", a=[replace(one, **change) for one in rows])
    (change,) = changes(old, new)
    assert change.state == "changed" and [m.verdict for m in change.moves] == [f"not comparable: {why}"]
    assert np.isnan([change.moves[0].gain, change.moves[0].p]).all()


def test_rounding_is_no_change_and_few_songs_are_untested(tmp_path: Path) -> None:
    old = write(tmp_path / "old", a=column("a", ONSETS, 0.5 + NOISE), b=column("b", GAP, [1.0] * 5))
    new = write(tmp_path / "new", a=column("a", ONSETS, 0.5 + NOISE + 1e-9), b=column("b", GAP, [-0.5] * 5))
    by_system = {change.system: change for change in changes(old, new)}
    assert by_system["a"].state == "same"
    assert [(m.verdict, m.gain) for m in by_system["b"].moves] == [("untested", 0.5)]


def test_incomplete_systems_and_removed_tasks_are_not_compared(tmp_path: Path) -> None:
    whole = column("a", ONSETS, 0.5 + NOISE)
    short = [replace(whole[0], state="failed", value=0.0), *whole[1:]]
    old, new = write(tmp_path / "old", a=whole), write(tmp_path / "new", a=short)
    assert [m.verdict for m in changes(old, new)[0].moves] == ["not comparable: outputs are missing"]
    for folder, value in ((old, 0.1), (new, 0.2)):
        write(folder, b=[replace(one, task="retired") for one in column("b", ONSETS, [value] * 16)])
    assert [(c.task, c.state, c.moves) for c in changes(old, new)][1:] == [("retired", "changed", ())]


def test_one_task_can_be_chosen_and_wrong_names_are_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    assert changes(*two, "inpaint-chords") == []
    with pytest.raises(UnknownName, match="no task is called"):
        changes(*two, "inpaint-drms")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="empty: holds no results; give a run's folder"):
        between(str(tmp_path / "empty"), str(two[0]))


def test_a_checkout_stands_for_its_board(two: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    two[0].rename(tmp_path / "checkout" / "leaderboard")
    with opened_board(str(tmp_path / "checkout")) as folder:
        assert folder == tmp_path / "checkout" / "leaderboard"
    with opened_board("board") as folder:
        assert (folder / "results").is_dir()


def test_every_row_of_the_second_must_be_on_the_first(two: tuple[Path, Path], tmp_path: Path) -> None:
    must_hold(changes(two[0], write(tmp_path / "part", still=column("still", ONSETS, [0.5] * 16))))
    with pytest.raises(CheckFailed, match=r"(?s)a: changed \(drum-onset-f1 0\.\d+ → 0\.9\).*new: new \(kad"):
        must_hold(changes(*two))
    with pytest.raises(CheckFailed, match="no rows to look for"):
        must_hold(changes(two[0], two[1], "inpaint-chords"))


def git(clone: Path, *arguments: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "-C", str(clone), *names, *arguments], check=True, capture_output=True)


def test_a_revision_is_read_without_touching_the_tree(tmp_path: Path) -> None:
    clone, board = tmp_path / "clone", tmp_path / "clone" / "leaderboard"
    write(board, a=column("a", ONSETS, 0.5 + NOISE))
    git(tmp_path, "init", "-q", str(clone))
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "one")
    write(board, a=column("a", ONSETS, [0.9] * 16))
    with board_at("HEAD", clone) as old:
        assert changes(old, board)[0].moves[0].verdict == "better"
    assert not old.exists()
    for name in ("nowhere", "--output=/tmp/x", "HEAD:leaderboard"):
        with pytest.raises(BenchError, match="no such revision here; `git log"), board_at(name, clone):
            pass
    git(clone, "rm", "-rqf", "leaderboard")
    git(clone, "commit", "-qm", "two")
    with pytest.raises(BenchError, match="board@HEAD: has no leaderboard/"), board_at("HEAD", clone):
        pass


def test_a_missing_repository_or_git_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(BenchError, match="is not a git clone"), board_at("HEAD", tmp_path):
        pass
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match="needs git, which is not installed"), board_at("HEAD", tmp_path):
        pass


def test_the_command_compares_boards_and_refuses_a_mixture(two: tuple[Path, Path]) -> None:
    old, new = map(str, two)
    said = CliRunner().invoke(app, ["compare", old, new])
    assert said.exit_code == 0 and "better" in said.output and "1 of 4 rows have the same numbers" in said.output
    answer = json.loads(CliRunner().invoke(app, ["compare", old, new, "--json"]).output)
    assert [one["state"] for one in answer] == ["changed", "gone", "new", "same"]
    assert CliRunner().invoke(app, ["compare", old, new, "--check"]).exit_code == 1
    mixed = CliRunner().invoke(app, ["compare", old, "a"])
    assert mixed.exit_code == 2 and "is a board and a is none" in mixed.output
    wrong = CliRunner().invoke(app, ["compare", "a", "b", "--check"])
    assert wrong.exit_code == 2 and "--check compares the rows of two boards" in wrong.output


def test_a_submission_in_the_working_folder_does_not_hide_its_system(
    two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "still"):
        (tmp_path / name).mkdir()
        result = CliRunner().invoke(app, ["compare", "a", "still", "--out", str(two[0])])
        assert result.exit_code == 0, result.output
    empty = CliRunner().invoke(app, ["compare", str(two[0]), "a"])
    assert empty.exit_code == 2 and "a: holds no results" in empty.output


def test_systems_of_two_runs_are_compared_under_full_names(two: tuple[Path, Path]) -> None:
    old, new = (f"{folder}:a" for folder in two)
    answer = json.loads(CliRunner().invoke(app, ["compare", new, old, "--json"]).output)
    assert [(one["metric"], one["verdict"]) for one in answer][0] == (ONSETS, "first")
    wrong = CliRunner().invoke(app, ["compare", new, f"{two[0]}:b"])
    assert wrong.exit_code == 2 and "no system in these results is called 'b'" in wrong.output
