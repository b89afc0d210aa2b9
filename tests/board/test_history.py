"""Tests of bench.board.history."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.board.history import history_of, keep, scoring_of, stale_histories
from bench.board.page import markdown
from bench.board.report import _origins, render, tables_of
from bench.errors import BenchError
from bench.paths import home
from bench.scores import read_rows, write_rows
from tests.board.test_changes import write
from tests.board.test_compare import LSD, ONSETS, column

PLACE = ("inpaint-drums", "synthetic-quick", "a")


@pytest.fixture
def board(tmp_path: Path) -> Path:
    write(tmp_path, a=[*column("a", ONSETS, [0.5] * 16), *column("a", LSD, [1.0] * 16)])
    return tmp_path


def rows(board: Path) -> Path:
    return board / "results" / PLACE[0] / PLACE[1] / "a.csv"


def test_a_line_is_added_once_and_read_back(board: Path) -> None:
    path = keep(board, rows(board))
    assert path == board / "history" / PLACE[0] / PLACE[1] / "a.csv"
    before = path.read_bytes()
    assert keep(board, rows(board)) == path and path.read_bytes() == before and stale_histories(board) == []
    (kept,) = history_of(board, *PLACE)
    assert (kept.control, kept.control_value, kept.control_identity) == (ONSETS, 0.5, "v1")
    assert kept.quality == "kad[musicnn]" and kept.quality_value != kept.quality_value
    assert kept.rows_sha == scoring_of(rows(board)).rows_sha and len(kept.rows_sha) == 64


def test_changed_rows_are_listed_until_their_line_is_added(board: Path) -> None:
    (problem,) = stale_histories(board)
    assert problem == "history/inpaint-drums/synthetic-quick/a.csv: missing; `bench submit` adds a line"
    keep(board, rows(board))
    write_rows(rows(board), [replace(one, value=0.25) for one in read_rows(rows(board))])
    (problem,) = stale_histories(board)
    assert "its last line does not describe the present rows" in problem
    keep(board, rows(board))
    assert stale_histories(board) == [] and [one.control_value for one in history_of(board, *PLACE)] == [0.5, 0.25]


def test_the_page_says_what_rows_were_before(board: Path) -> None:
    keep(board, rows(board))
    assert "What these rows were before" not in render(board)
    rows(board).with_suffix(".run.yaml").write_text("bench: 2.0\ncommit: <b>\n", encoding="utf-8")
    keep(board, rows(board))
    write_rows(rows(board), [replace(one, value=0.25) for one in read_rows(rows(board))])
    keep(board, rows(board))
    page = markdown(tables_of(board), _origins(board))
    assert page.count("- a&#58; drum-onset-f1 0.5") == 2 and "commit &#60;b&#62;" in page


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("bench\n", ":1: want the columns bench,commit"),
        ("", ":1: want the columns"),
        ("a,b", ":3: "),
        (",".join("x" * 15), ":3: could not convert string to float"),
        ('"' + "x" * 200_000, "cannot be read as a history"),
        ("x" * 2**21, "bytes of history, at most"),
    ],
)
def test_a_damaged_history_is_refused(board: Path, text: str, why: str) -> None:
    path = keep(board, rows(board))
    assert path is not None
    path.write_text(text if text in ("bench\n", "") else path.read_text() + text, encoding="utf-8")
    with pytest.raises(BenchError, match=why):
        history_of(board, *PLACE)


def test_a_csv_without_rows_has_no_line(board: Path) -> None:
    write_rows(rows(board), [])
    with pytest.raises(BenchError, match="holds no rows"):
        scoring_of(rows(board))


def test_the_published_board_has_its_history() -> None:
    assert stale_histories() == []
    kept = history_of(home("leaderboard"), "inpaint-drums", "synthetic-quick", "retrieval")
    assert kept[-1].control == ONSETS and kept[-1].control_low < kept[-1].control_value < kept[-1].control_high
