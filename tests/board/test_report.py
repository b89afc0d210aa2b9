"""Tests of bench.board.report and bench.board.page."""

import json
import re
from dataclasses import replace
from html import unescape
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from bench.board import audit, report
from bench.board.page import HEADER, Origin, escape, markdown
from bench.cli.app import app
from bench.errors import BenchError
from bench.protocols import Column
from bench.scores import WHOLE_SET
from bench.statistics import interval
from tests.board.rows import KAD, LSD, NAN, ONSETS, PRIMARY, SDR, TASK, built, csv, line_of, measured, row, rows_of

pytestmark = pytest.mark.usefixtures("plugs")


def test_a_line_shows_rank_value_interval_songs_and_failures():
    text = markdown(built(rows_of(strong=0.9, weak=0.3)))
    low, high = interval(0.9 + 0.04 * np.sin(np.arange(16)))
    mean = np.mean(0.9 + 0.04 * np.sin(np.arange(16)))
    assert line_of(text, "| **1** | **strong** |").startswith(
        f"| **1** | **strong** | {mean:.2f} [{low:.2f}, {high:.2f}] | "
    )
    assert line_of(text, "| 2 | weak |").endswith("| 16 | 0 |")
    assert "| rank | system | drum-onset-f1 ↑ | sdr (dB) ↑ | songs | failed |" in text


def test_every_line_of_a_table_has_as_many_cells_as_its_head():
    text = markdown(built(rows_of(strong=0.9, weak=0.3, oracle=0.95, silence=0.05)))
    counts = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert len(counts) == 9
    assert set(counts) == {7}


def test_bounds_chance_and_ceiling_stand_at_the_bottom():
    text = markdown(built(rows_of(strong=0.9, silence=0.05, oracle=0.95)))
    places = [
        text.index(part) for part in ("**strong**", "*ceilings and floors", "| oracle |", "| silence |", "| chance |")
    ]
    assert places == sorted(places)
    assert line_of(text, "|  | chance |").startswith("|  | chance | 0.41 |  |")
    assert line_of(text, "|  | ceiling |").startswith("|  | ceiling | 0.95 |  |")


def test_ties_are_marked():
    text = markdown(built(rows_of(one=0.9, two=0.9, three=0.2)))
    assert "| **1–2 =** | **one** |" in text
    assert "| **1–2 =** | **two** |" in text
    assert "| 3 | three |" in text


def test_failed_outputs_show_a_dash_and_their_count():
    rows = rows_of(strong=0.9, broken=0.8)
    rows["broken"][3] = replace(rows["broken"][3], value=0.0, state="failed")
    text = markdown(built(rows))
    assert line_of(text, "| — | broken |") == "| — | broken | — (a) | — (a) | 16 | 1 |"
    assert "- (a) some outputs are missing, so no mean is given." in text


def test_undefined_cells_give_the_reason():
    rows = rows_of(strong=0.9, weak=0.2)
    rows["weak"] = [r for r in rows["weak"] if r.metric != SDR.name]
    rows["strong"].append(row("strong", LSD.name, WHOLE_SET, NAN, state="no-context", n=0.0, n_requested=16))
    rows["weak"].append(row("weak", LSD.name, WHOLE_SET, NAN, state="undefined-reference", n=0.0, n_requested=16))
    text = markdown(built(rows))
    assert "| — (a) |" in line_of(text, "| **1** |")
    assert "| — (b) | — (c) |" in line_of(text, "| 2 |")
    assert "- (a) the mask leaves no context." in text
    assert "- (b) not measured for this system." in text
    assert "- (c) the reference leaves it undefined" in text


def test_partly_undefined_columns_say_how_many_songs_they_rest_on():
    rows = rows_of(strong=0.9)
    rows["strong"][0] = replace(rows["strong"][0], value=NAN, state="undefined-reference")
    assert "- drum-onset-f1 rests on 15 of 16 songs; it is undefined on the others." in markdown(built(rows))


def test_too_few_songs_show_neither_interval_nor_rank():
    rows = {"few": measured("few", ONSETS.name, 0.5, n=7)}
    text = markdown(built(rows))
    assert re.search(r"\| · \| few \| 0\.\d\d \| 7 \| 0 \|", text)


@pytest.mark.parametrize(
    ("values", "shown"),
    [((12.345, -0.01), ("12.3", "0.0")), ((0.02, 0.01), ("0.020", "0.010")), ((0.006,), ("0.0060",))],
)
def test_decimals_follow_the_largest_value_and_zero_has_no_sign(values, shown):
    rows = {f"s{k}": [row(f"s{k}", ONSETS.name, WHOLE_SET, value, n_requested=3)] for k, value in enumerate(values)}
    text = markdown(built(rows))
    for k, number in enumerate(shown):
        assert f"| s{k} | {number} |" in text


def test_identities_and_origins_stand_under_the_table(board):
    text = report.render(board)
    assert f"Manifest synthetic-quick, sha256 {'ab' * 32} (public); scored by bench 0.1.0." in text
    assert "- drum-onset-f1: drum-onset-f1 v1" in text
    assert "(version 1) on synthetic-quick abababab" in text
    assert "3.2" not in text


def test_an_unknown_version_is_called_unknown():
    assert "scored by bench of unknown version." in markdown(built(rows_of(strong=0.9)))


def test_the_header_comes_first_and_an_empty_board_says_so():
    assert markdown([]).startswith(HEADER)
    assert "No rows yet." in markdown([])


NASTY = "a|b`c`<img src=x onerror=alert(1)>\n## head\r\x1b[31m[x](y) *b* _i_ ~s~ &amp; \u202eevil @me https://x.y $m$"


def test_text_of_submitters_is_escaped():
    rows = {NASTY: measured(NASTY, ONSETS.name, 0.9, identity=NASTY)}
    text = markdown(built(rows), {(TASK, "synthetic-quick", NASTY): Origin(NASTY, NASTY)})
    body = text.removeprefix(HEADER)
    for part in ("<img", "`", "](", "\x1b", "\r", "\u202e", "\n## head", "@me", "://", "$", "&amp;"):
        assert part not in body
    (line,) = [line for line in body.splitlines() if "img" in line and line.startswith("|")]
    assert line.count("|") == 6


@given(st.text())
def test_escaped_text_contains_no_markup(text):
    escaped = escape(text, limit=10_000)
    assert not set(escaped) & set('|`<>*_[]~\\\n\r\t\x00\x1b$@:!"{}^')
    assert re.fullmatch(r"(?:[^&#]|&#\d+;)*", escaped)


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_escaped_text_is_displayed_unchanged(text):
    assert unescape(escape(text, limit=10_000)) == text


def test_long_names_are_cut():
    assert len(escape("a" * 10_000)) == 400


def test_the_terminal_interprets_no_markup():
    rows = {"[red]x[/nope]\x1b[2J": measured("[red]x[/nope]\x1b[2J", ONSETS.name, 0.9)}
    out = StringIO()
    Console(file=out, width=160, color_system=None).print(report.terminal(built(rows)))
    assert "[red]x[/nope]" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    Console(file=out, width=160).print(report.terminal([]))
    assert "No rows yet." in out.getvalue()


def test_json_has_no_nan():
    rows = rows_of(strong=0.9)
    rows["strong"].append(row("strong", LSD.name, WHOLE_SET, NAN, state="no-context"))
    payload = json.loads(json.dumps(report.payload(built(rows)), allow_nan=False))
    (entry,) = payload["tables"][0]["entries"]
    assert entry["system"] == "strong"
    assert entry["rank"] == [1, 1]
    assert entry["cells"]["context-lsd"]["value"] is None
    assert payload["tables"][0]["columns"][0]["name"] == ONSETS.name


def test_the_page_is_the_same_every_time(board):
    assert report.render(board) == report.render(board)
    csv(board, "weak").with_suffix(".run.yaml").write_text("bench: 0.1.0\nvisibility: public\ndate: 2031-01-01\n")
    assert audit.audit(board) == []


def test_results_are_found_from_any_depth(board):
    everything = repr(report.read_results(board))
    assert len(report.read_results(board)) == 4 * 34
    assert repr(report.read_results(board / "results")) == everything
    assert repr(report.read_results(board / "results" / TASK / "synthetic-quick")) == everything
    assert [t.task for t in report.tables_of(board / "results" / TASK)] == [TASK]


def test_a_run_is_preferred_to_the_published_board(board, tmp_path, monkeypatch):
    published = tmp_path / "published"
    monkeypatch.setattr("bench.board.report.home", lambda name: published)
    assert report.folder_of(None, False, board) == board
    assert report.folder_of(None, True, board) == published
    assert report.folder_of(None, False, tmp_path / "nowhere") == published
    assert report.folder_of(board, False, tmp_path / "nowhere") == board
    with pytest.raises(BenchError, match="holds no results"):
        report.folder_of(tmp_path / "nowhere", False, board)
    with pytest.raises(BenchError, match="and --published are two boards"):
        report.folder_of(board, True, board)


@pytest.mark.parametrize("words", [["runs"], ["--html"], ["--sounds", "runs"]])
def test_check_takes_no_other_option(words):
    said = CliRunner().invoke(app, ["report", "--check", *words])
    assert said.exit_code == 2 and "--check checks the published board" in said.output


def test_a_run_gets_its_page_beside_its_results(board):
    path = report.publish(board)
    assert path == board / "report.md"
    assert path.read_text() == report.render(board)


def test_the_published_page_is_written_from_a_clone_only(board, monkeypatch):
    for module in ("report", "audit"):
        monkeypatch.setattr(f"bench.board.{module}.home", lambda name: board)
    monkeypatch.setattr("bench.board.report.is_clone", lambda: True)
    (board / "README.md").unlink()
    assert report.publish() == board / "README.md"
    assert audit.audit() == []
    monkeypatch.setattr("bench.board.report.is_clone", lambda: False)
    with pytest.raises(BenchError, match="clone of the repository only"):
        report.publish()


def test_the_ranking_column_comes_first():
    columns = [Column(name, "", "higher", "hole", 0.0) for name in ("sdr", KAD.name, "adherence", ONSETS.name, "x")]
    task = SimpleNamespace(primary=PRIMARY)
    assert [c.name for c in report.in_order(task, columns)] == [ONSETS.name, KAD.name, "adherence", "sdr", "x"]


@pytest.mark.parametrize(
    ("system", "size"),
    [
        ("air-mini", "mini"),
        ("air-large", "full size"),
        ("retrieval", ""),
        ("air-mini-stitched", "mini"),
        ("my-mini", ""),
        ("mini", ""),
    ],
)
def test_sizes_are_read_from_the_names_of_our_models_only(system, size):
    assert report.size_of(system) == size


def test_a_biased_value_is_shown_and_marked():
    whole = row("mine", KAD.name, WHOLE_SET, 3.0, state="biased", n=300.0, n_requested=16)
    page = markdown(built({"mine": [*measured("mine", ONSETS.name, 0.5), whole]}))
    assert re.search(r"3\.00 \(([a-z])\)", page)
    assert "a sample this small makes the distance larger" in page


def test_a_value_of_a_system_without_phase_is_shown_marked_and_unranked():
    rows = {name: measured(name, ONSETS.name, level) for name, level in (("mine", 0.5), ("yours", 0.9))}
    rows["yours"] = [replace(one, state="no-phase") for one in rows["yours"]]
    tables = built(rows)
    page = markdown(tables)
    assert "keeps no phase" in page
    assert {e.system: e.rank for e in tables[0].entries} == {"mine": (1, 1), "yours": None}


def test_a_table_out_of_date_says_so_everywhere_and_names_no_best(board, monkeypatch):
    monkeypatch.setattr("bench.board.report.outdated", lambda *what: "Out of date: why.")
    tables = report.tables_of(board)
    page = markdown(tables)
    assert "(out of date)" in unescape(page) and "- Out of date: why." in unescape(page)
    assert "**strong**" not in page
    console = Console(file=StringIO(), width=200)
    console.print(report.terminal(tables))
    assert "Out of date: why." in console.file.getvalue()
    assert report.payload(tables)["tables"][0]["outdated"] == "Out of date: why."
