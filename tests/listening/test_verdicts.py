"""Tests of bench.listening.verdicts: from listeners' files to rows in tables."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from bench.board import audit, report
from bench.cli.app import app
from bench.errors import BenchError
from bench.formats import read_yaml
from bench.listening.key import ANCHOR, REFERENCE, read_key
from bench.listening.ratings import parse_ratings
from bench.listening.verdicts import bring, payload, terminal, verdict
from bench.scores import WHOLE_SET, read_rows, write_rows
from bench.site import present
from bench.statistics import interval
from tests.listening.answers import HONEST, answered, key_of
from tests.listening.conftest import SYSTEMS
from tests.site.small import HOSTILE, MANIFEST, TASK


def read(key, texts):
    return [parse_ratings(text, f"{k}.json", key) for k, text in enumerate(texts)]


def noisy(key, n=10, spread=6.0):
    means = {**HONEST, REFERENCE: 130}
    return read(key, [answered(key, means, participant=k, spread=spread) for k in range(n)])


def whole(found, system, metric="listen-quality"):
    (row,) = [r for r in found.rows if (r.system, r.metric, r.example) == (system, metric, WHOLE_SET)]
    return row


def test_rows_agree_with_a_direct_computation():
    key = key_of(n=12)
    found = noisy(key)
    made = verdict(key, found)
    table = np.array([[one.answers[t.code][t.code_of("good")] for one in found] for t in key.trials])
    rows = [r for r in made.rows if r.system == "good" and r.example != WHOLE_SET]
    assert [r.value for r in rows] == pytest.approx(list(table.mean(axis=1)))
    assert {r.n for r in rows} == {10.0}
    row = whole(made, "good")
    assert row.value == pytest.approx(table.mean())
    assert (row.low, row.high) == pytest.approx(interval(table.mean(axis=1)))
    assert made.across["listen-quality"]["good"] == pytest.approx(interval(table.mean(axis=0)))
    assert (row.n, row.n_requested, row.state) == (12, 12, "ok")
    anchors = np.mean([one.answers[t.code][t.code_of(ANCHOR)] for one in found for t in key.trials])
    assert row.chance == pytest.approx(anchors)
    assert row.ceiling == 100


def test_excerpts_of_one_song_count_as_one_song():
    key = key_of(n=12)
    trials = tuple(replace(t, example=f"song-{k // 2:02}--{k % 2}") for k, t in enumerate(key.trials))
    key = replace(key, trials=trials)
    row = whole(verdict(key, noisy(key)), "good")
    assert (row.n, row.n_requested) == (6, 6)
    assert np.isnan(row.low)


def test_excluded_listeners_change_no_value():
    key = key_of(n=12)
    careless = read(key, [answered(key, {**HONEST, REFERENCE: 50}, participant=99)])
    with_him, without = verdict(key, noisy(key) + careless), verdict(key, noisy(key))
    assert whole(with_him, "good").value == whole(without, "good").value
    assert "10 raters, 1 left out" in whole(with_him, "good").identity
    with pytest.raises(BenchError, match=r"none is left after screening: participant 99 rated the hidden reference"):
        verdict(key, careless)


def test_shares_of_comparisons_agree_with_a_direct_computation():
    key = key_of("ab", n=12)
    found = noisy(key, n=9, spread=25.0)
    made = verdict(key, found)
    pairs = [t for t in key.trials if not t.is_catch]
    wins = np.array([[one.answers[t.code][t.code_of("good")] for one in found] for t in pairs])
    row = whole(made, "good", "prefer-quality")
    assert row.value == pytest.approx(wins.mean())
    assert 0.5 < row.value < 1
    assert row.value + whole(made, "bad", "prefer-quality").value == pytest.approx(1)
    assert (row.low, row.high) == pytest.approx(interval(wins.mean(axis=1)))
    assert row.chance == 0.5
    assert np.isnan(row.ceiling)


def rated(made, folder, n=3, **means):
    key = read_key(made.key)
    values = {SYSTEMS[0]: 40, SYSTEMS[1]: 70, REFERENCE: 97, ANCHOR: 12, **means}
    folder.mkdir(exist_ok=True)
    for k in range(n):
        (folder / f"{k}.json").write_bytes(answered(key, values, participant=k))
    return folder


def test_columns_of_listeners_are_in_the_table_and_do_not_rank(run, mushra, tmp_path):
    before = report.tables_of(run)[0]
    found = bring([rated(mushra, tmp_path / "r")], mushra.key, run)
    (table,) = report.tables_of(run)
    assert [c.name for c in table.columns][-3:] == ["listen-transition", "listen-adherence", "listen-quality"]
    assert table.ranked_by == before.ranked_by
    assert [(e.system, e.rank) for e in table.entries] == [(e.system, e.rank) for e in before.entries]
    cells = {entry.system: entry.cells["listen-quality"] for entry in table.entries}
    assert cells["weak"].value == pytest.approx(40)
    assert cells[HOSTILE].value == pytest.approx(70)
    assert cells["strong"].state == "not-measured"
    assert table.chance["listen-quality"] == (12, 12)
    assert table.ceiling["listen-quality"] == (97, 97)
    assert "listen-quality" in (run / "report.md").read_text()
    assert len(found.written) == 2


def test_scoring_again_keeps_ratings_and_the_board_agrees(run, mushra, tmp_path):
    bring([rated(mushra, tmp_path / "r")], mushra.key, run)
    path = run / "results" / TASK / MANIFEST / "weak.csv"
    write_rows(path, read_rows(path))
    assert {r.metric for r in report.read_results(run) if r.system == "weak"} > {"listen-quality"}
    report.publish(run)
    (run / "README.md").write_text((run / "report.md").read_text())
    problems = audit.audit(run)
    assert [p for p in problems if "listen" in p or "README" in p] == []


def test_the_site_of_the_published_board_is_updated(run, mushra, tmp_path, monkeypatch):
    for module in ("listening.verdicts", "board.report", "site.present"):
        monkeypatch.setattr(f"bench.{module}.home", lambda name: run)
    (run / "site").mkdir(exist_ok=True)
    bring([rated(mushra, tmp_path / "r")], mushra.key, run)
    assert present.check() == [] and "listen-quality" in (run / "site" / "index.html").read_text()


def test_ratings_of_the_same_form_are_replaced_and_of_another_added(run, mushra, ab, tmp_path):
    bring([rated(mushra, tmp_path / "r")], mushra.key, run)
    bring([rated(mushra, tmp_path / "r", n=5, weak=30)], mushra.key, run)
    bring([rated(ab, tmp_path / "ab")], ab.key, run)
    rows = read_rows(run / "listening" / TASK / MANIFEST / "weak.csv")
    values = {r.metric: r.value for r in rows if r.example == WHOLE_SET}
    assert values["listen-quality"] == 30
    assert values["prefer-quality"] == 0
    assert sorted(values) == sorted(
        f"{f}-{a}" for f in ("listen", "prefer") for a in ("transition", "adherence", "quality")
    )
    keys = read_yaml(run / "listening" / TASK / MANIFEST / "weak.run.yaml")
    assert keys["listening"]["raters"] == 3
    assert len(keys["identities"]) == 6


def test_a_run_without_results_of_the_task_is_refused(mushra, tmp_path):
    with pytest.raises(BenchError, match="no results of this task; name the folder"):
        bring([rated(mushra, tmp_path / "r")], mushra.key, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_the_printed_tables_show_screening_and_intervals():
    key = key_of(n=12, systems=("good", HOSTILE))
    means = {"good": 80, HOSTILE: 40, REFERENCE: 130, ANCHOR: 10}
    texts = [answered(key, means, participant=k, spread=5) for k in range(9)]
    texts.append(answered(key, {**means, REFERENCE: 20}, participant=9))
    found = verdict(key, read(key, texts))
    out = StringIO()
    Console(file=out, width=200).print(terminal(found))
    shown = out.getvalue()
    assert "9 of 10 listeners kept" in shown
    assert "left out: rated the hidden reference under 90 in 12 of 12 trials" in shown
    row = whole(found, "good")
    assert f"{row.value:.1f}" in shown
    assert f"[{row.low:.1f}, {row.high:.1f}]" in shown
    assert HOSTILE in shown
    plain = payload(found)
    assert plain["results"][0]["system"] in ("good", HOSTILE)
    assert [r["reason"] for r in plain["raters"]].count("") == 9


def test_the_command_line_makes_a_test_and_imports_ratings(run, tmp_path):
    call = CliRunner().invoke
    made = call(app, ["listen", str(run), "-t", TASK, "--systems", f"weak,{HOSTILE}", "--examples", "2", "--seed", "3",
                      "--axes", "quality", "--to", str(tmp_path / "t"), "--json"])  # fmt: skip
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["axes"], told["n_trials"], len(told["examples"])) == (["quality"], 2, 2)
    key = read_key(tmp_path / "t" / "key.json")
    (tmp_path / "t" / "ratings").mkdir()
    values = {"weak": 40, HOSTILE: 70, REFERENCE: 97, ANCHOR: 12}
    (tmp_path / "t" / "ratings" / "a.json").write_bytes(answered(key, values))
    read = call(app, ["listen", "import", str(tmp_path / "t"), "--out", str(run), "--json"])
    assert read.exit_code == 0, read.output
    assert {r["system"]: r["value"] for r in json.loads(read.stdout)["results"]} == {"weak": 40, HOSTILE: 70}
    (tmp_path / "t" / "ratings" / "b.json").write_text('{"format": 1}')
    bad = call(app, ["listen", "import", str(tmp_path / "t"), "--out", str(run)])
    assert bad.exit_code == 2
    assert "b.json" in bad.output
    assert "missing" in bad.output
    without = call(app, ["listen", "import", str(tmp_path / "t" / "ratings"), "--out", str(run)])
    assert without.exit_code == 2
    assert "--key" in without.output
