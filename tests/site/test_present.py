"""Tests of bench.site.present and of `bench report --html`."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from bench.board import audit, history
from bench.board.history import keep
from bench.cli.app import app
from bench.errors import BenchError
from bench.paths import home, write_text
from bench.scores import read_rows, write_rows
from bench.site.present import Presented, board_of, check, present, refresh
from tests.site.small import MANIFEST, TASK, write_small


@pytest.fixture
def run(tmp_path):
    return write_small(tmp_path / "run", sounds=False)


def ran(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_the_command_writes_a_site_and_names_its_first_page(run):
    found = ran("--html", run.folder)
    assert found.exit_code == 0, found.output
    assert found.output.splitlines() == [str(run.site / "index.html"), found.output.splitlines()[1]]
    assert found.output.splitlines()[1].startswith("0 examples to listen to, 0.")
    assert json.loads(ran("--html", "--json", run.folder).output)["n_players"] == 0


def test_examples_left_out_are_named(tmp_path):
    said = Presented(tmp_path / "index.html", 2, 1_500_000, ["inpaint-drums: song-02", "inpaint-piano: song-02"])
    assert said.lines[1:] == [
        "2 examples to listen to, 1.5 MB",
        "2 more would make the site too large, the first is inpaint-drums: song-02; --all includes them",
    ]


def test_options_of_a_site_need_html(run):
    found = ran("--all", run.folder)
    assert found.exit_code == 2
    assert "give --html too" in found.output


def test_sounds_of_a_run_without_examples_are_refused(run, tmp_path):
    found = ran("--html", "--sounds", tmp_path / "nowhere", run.folder)
    assert found.exit_code == 2
    assert "holds no examples to listen to" in found.output


def test_a_system_shows_the_history_of_its_scores_newest_first(run):
    rows = run.csv("strong")
    rows.with_suffix(".run.yaml").write_text(f'bench: "1"\ncommit: {"<b>" * 2}\n', encoding="utf-8")
    keep(run.folder, rows)
    write_text(run.folder / "systems" / "strong.yaml", "notes: the strong one\n")
    write_rows(rows, [replace(one, value=0.25) for one in read_rows(rows)])
    keep(run.folder, rows)
    present(run.folder)
    page = run.page("systems.html")
    assert page.count(f"History of its scores on {TASK}, {MANIFEST}") == 1
    newest, before = re.findall(r"<li>chord-accuracy ([0-9.]+) .*?</li>", page)
    assert newest == "0.25" and float(before) > 0.8
    assert "<b>" not in page and "&lt;b&gt;&lt;b&gt;" in page


def test_a_board_plays_the_sounds_of_a_run(run, tmp_path):
    lender = write_small(tmp_path / "lender")
    shutil.rmtree(lender.folder / "results")
    assert present(run.folder, lender.folder).n_players == 3
    assert f"listen/{TASK}/{MANIFEST}/song-00.html" in run.page()
    assert check(run.folder) == []


def test_an_outdated_site_is_found_and_rewritten(run):
    assert check(run.folder) == []
    assert refresh(run.folder) == []
    present(run.folder)
    assert check(run.folder) == []
    rows = read_rows(run.csv("weak"))
    run.csv("weak").unlink()
    (problem,) = check(run.folder)
    assert problem.startswith("site/index.html:")
    assert "disagrees with the rows" in problem
    assert len(refresh(run.folder)) == 2
    assert check(run.folder) == []
    write_rows(run.csv("weak"), rows)
    assert len(check(run.folder)) == 1


def test_a_digit_changed_by_hand_is_found(run):
    present(run.folder)
    path = run.site / "index.html"
    path.write_text(path.read_text().replace("0.30 ", "0.80 ", 1))
    assert len(check(run.folder)) == 1
    path.unlink()
    assert len(check(run.folder)) == 1


def test_the_published_site_is_written_in_a_clone_only(run, monkeypatch):
    monkeypatch.setattr("bench.site.present.home", lambda name: run.folder)
    monkeypatch.setattr("bench.site.present.is_clone", lambda: False)
    with pytest.raises(BenchError, match="clone of the repository only"):
        present(run.folder)
    monkeypatch.setattr("bench.site.present.is_clone", lambda: True)
    assert present(run.folder).index.is_file()
    assert "The published board" in run.page()


def test_rows_of_an_older_version_or_list_are_not_current(run, monkeypatch):
    assert board_of(run.folder).sheets[0].is_current
    monkeypatch.setattr("bench.board.outdated.present_sha_of", lambda manifest, duration_s: "other")
    assert not board_of(run.folder).sheets[0].is_current


def test_published_cards_are_read(run):
    path = run.folder / "systems" / "strong.yaml"
    path.parent.mkdir()
    path.write_text("system: strong\nnotes: said here\nparameters: 1200\n")
    assert board_of(run.folder).cards == {"strong": {"parameters": 1200, "notes": "said here"}}


def test_the_published_board_its_history_and_its_site_agree_and_hold_no_sound():
    board = home("leaderboard")
    assert sorted(path.name for path in (board / "site").glob("*.html")) == ["index.html", "systems.html"]
    assert [*audit.audit(), *history.stale_histories(), *check()] == []
    assert not [path for path in board.rglob("*") if path.suffix in (".wav", ".ogg", ".flac", ".mp3")]
