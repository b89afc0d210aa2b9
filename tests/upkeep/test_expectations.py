"""Tests of bench.upkeep.expectations: every expectation holds on one side of its limit and fails on the other."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.errors import BenchError
from bench.protocols import Column
from bench.scores import WHOLE_SET, Row, write_rows
from bench.upkeep.expectations import absent, violated, violations

NAN = float("nan")
ONSETS, KAD = "drum-onset-f1", "kad[musicnn]"
COLUMNS = (
    Column(ONSETS, "", "higher", "hole", 0.0, is_ranked=True),
    Column(KAD, "", "lower", "hole", 1.0, is_ranked=True),
)
PRIMARY = {"control": ONSETS, "quality": KAD}


def row(system, metric, value, example=WHOLE_SET, **changes):
    keys = {
        "task": "inpaint-drums", "task_version": 1, "manifest": "synthetic-quick", "manifest_sha": "ab",
        "system": system, "metric": metric, "identity": "v1", "region": "hole", "example": example, "value": value,
        "low": NAN, "high": NAN, "n": 16.0, "n_requested": 16, "state": "ok", "chance": NAN, "ceiling": NAN,
    }  # fmt: skip
    return Row(**{**keys, **changes})


def distance(system, value, **changes):
    own = 0.001 * np.cos(np.arange(32) * len(system))
    halves = [row(system, KAD, value + own[k], f"*~{k + 1:02}", **changes) for k in range(32)]
    return [row(system, KAD, value, **changes), *halves]


def found(*rows, primary=PRIMARY):
    return violations(rows, COLUMNS, primary)


@pytest.mark.parametrize(
    ("system", "metric", "good", "bad"),
    [
        ("oracle", "drum-onset-f1", 0.90, 0.899),
        ("oracle", "chord-accuracy", 0.85, 0.849),
        ("oracle", "chroma-cosine", 1.0 - 1e-9, 0.9999),
        ("oracle", "chroma-cosine", 1.0, 1.0001),
        ("oracle", "context-lsd", 0.0, 0.001),
        ("oracle", "seam-jump", 1e-9, -0.001),
        ("silence", "sdr", 0.0, 0.01),
        ("silence", "sdr", -1e-9, -0.01),
        ("noise", "chroma-cosine", 0.049, 0.05),
        ("noise", "chroma-cosine", -0.049, -0.05),
    ],
)
def test_fixed_values(system, metric, good, bad):
    assert found(row(system, metric, good)) == []
    (line,) = found(row(system, metric, bad))
    assert line.startswith(f"inpaint-drums, synthetic-quick: {system}, {metric} = {bad:.4g}; expected ")


def test_chords_are_only_expected_on_synthetic_manifests():
    assert found(row("oracle", "chord-accuracy", 0.5, manifest="rwc-pop")) == []
    assert len(found(row("oracle", "chord-accuracy", 0.5, manifest="synthetic-test"))) == 1
    assert len(found(row("oracle", ONSETS, 0.5, manifest="rwc-pop"))) == 1


def test_nothing_is_expected_of_other_systems():
    assert found(row("air-mini", "chroma-cosine", 0.2), row("air-mini", "sdr", 4.0), row("oracle", "sdr", 8.0)) == []


def test_undefined_values_are_skipped_but_failed_ones_are_violations():
    assert found(row("oracle", "context-lsd", NAN, state="no-context")) == []
    (line,) = found(row("oracle", "context-lsd", NAN, state="incomplete"))
    assert "undefined because outputs failed" in line
    failed = row("oracle", ONSETS, 0.0, "song-1", state="failed")
    assert len(found(row("oracle", ONSETS, 0.95), failed)) == 1


@pytest.mark.parametrize(("plain", "count"), [(0.32, 0), (0.31, 1)])
def test_plain_chroma_of_noise_is_above_centred_chroma(plain, count):
    lines = found(row("noise", "chroma-cosine", 0.015), row("noise", "chroma-cosine-plain", plain))
    assert len(lines) == count
    assert all("noise, chroma-cosine-plain = 0.31; expected at least 0.3 above" in line for line in lines)


@pytest.mark.parametrize("floor", ["other-song", "noise", "silence"])
def test_the_control_follows_itself_better_than_any_floor(floor):
    assert found(row("copy-control", ONSETS, 0.9), row(floor, ONSETS, 0.89)) == []
    (line,) = found(row("copy-control", ONSETS, 0.9), row(floor, ONSETS, 0.9))
    assert f"copy-control, {ONSETS} = 0.9; expected better than {floor} (0.9)" in line


def test_ceilings_may_follow_the_control_better_than_its_copy():
    assert found(row("copy-control", ONSETS, 0.9), row("oracle", ONSETS, 0.95), row("air", ONSETS, 0.95)) == []


@pytest.mark.parametrize(("copy", "count"), [(0.9, 0), (0.5, 0), (0.4999, 0), (0.3, 1)])
def test_no_music_is_significantly_worse_than_the_control(copy, count):
    lines = found(*distance("copy-control", copy), *distance("retrieval", 0.5))
    assert len(lines) == count
    assert all(f"copy-control, {KAD} = 0.3; expected no better than retrieval (0.5" in line for line in lines)


@pytest.mark.parametrize("system", ["noise", "silence"])
def test_silence_and_noise_may_be_worse_than_the_control(system):
    assert found(*distance("copy-control", 0.1), *distance(system, 0.5)) == []


def test_a_system_of_silent_outputs_may_be_worse_than_the_control():
    outputs = [replace(row("loop-context", ONSETS, 0.0), example=f"song-{k}", state="silent") for k in range(3)]
    assert found(*distance("copy-control", 0.1), *distance("loop-context", 0.5), *outputs) == []
    heard = [replace(one, state="ok") for one in outputs]
    assert len(found(*distance("copy-control", 0.1), *distance("loop-context", 0.5), *heard)) == 1


def test_tasks_without_control_have_no_expectation_about_it():
    rows = (*distance("copy-control", 0.1), *distance("retrieval", 0.5))
    assert found(*rows, primary={"quality": KAD}) == []
    assert len(found(*rows)) == 1


def test_rows_of_different_identity_or_manifest_are_not_compared():
    assert found(row("copy-control", ONSETS, 0.5), row("noise", ONSETS, 0.9, identity="v2")) == []
    assert found(row("copy-control", ONSETS, 0.5), row("noise", ONSETS, 0.9, manifest_sha="cd")) == []
    assert found(*distance("copy-control", 0.1), *distance("retrieval", 0.5, identity="v2")) == []


def test_every_table_must_have_the_floors():
    rows = [row(system, ONSETS, 0.5) for system in ("oracle", "noise", "silence", "copy-control")]
    (line,) = absent(rows, PRIMARY)
    assert line == "inpaint-drums, synthetic-quick: other-song has no rows; expected on every table"
    assert absent([*rows, row("other-song", ONSETS, 0.5)], PRIMARY) == []
    assert any("copy-control" in line for line in absent(rows[:3], PRIMARY))
    assert not any("copy-control" in line for line in absent(rows[:3], {"quality": KAD}))


@pytest.fixture
def board(tmp_path, monkeypatch):
    """A board whose rows meet every expectation."""
    monkeypatch.setattr("bench.upkeep.expectations.load_task", lambda name: SimpleNamespace(name=name, primary=PRIMARY))
    monkeypatch.setattr("bench.upkeep.expectations.columns_of", lambda task: list(COLUMNS))
    onsets = {"oracle": 0.95, "copy-control": 0.9, "other-song": 0.4, "noise": 0.3, "silence": 0.0}
    for system, value in onsets.items():
        path = tmp_path / "results/inpaint-drums/synthetic-quick" / f"{system}.csv"
        write_rows(path, [row(system, ONSETS, value)])
    return tmp_path


def said_of(*words):
    return CliRunner().invoke(app, ["expectations", *map(str, words)])


def test_a_board_without_violations_exits_with_0(board):
    assert violated(board) == []
    said = said_of(board)
    assert (said.exit_code, said.stdout) == (0, "every expectation holds\n")
    assert json.loads(said_of(board, "--json").stdout) == {"ok": True, "violations": []}


def test_a_violation_exits_with_1(board):
    write_rows(board / "results/inpaint-drums/synthetic-quick/oracle.csv", [row("oracle", ONSETS, 0.5)])
    said = said_of(board)
    assert said.exit_code == 1 and said.stdout.count("\n") == 1 and "oracle, drum-onset-f1 = 0.5" in said.stdout
    as_json = said_of(board, "--json")
    assert as_json.exit_code == 1 and json.loads(as_json.stdout)["violations"] == said.stdout.splitlines()


def test_unreadable_rows_exit_with_2(board):
    path = board / "results/inpaint-drums/synthetic-quick/oracle.csv"
    path.write_text("nonsense\n")
    said = said_of(board)
    assert said.exit_code == 2 and "oracle.csv:1" in said.stderr
    with pytest.raises(BenchError, match="want the columns"):
        violated(board)


def test_no_rows_is_an_error(tmp_path):
    said = said_of(tmp_path)
    assert said.exit_code == 2 and "holds no results" in said.stderr
