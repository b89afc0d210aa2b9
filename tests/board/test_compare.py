"""Tests of bench.board.compare."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.board.compare import compare, grids
from bench.cli.app import app
from bench.errors import BenchError, UnknownName
from bench.paths import write_text
from bench.scores import NO_PHASE, WHOLE_SET, Row, write_rows
from bench.statistics import difference, holm

NAN = float("nan")
ONSETS, GAP, LSD, KAD = "drum-onset-f1", "fill-gap", "context-lsd", "kad[musicnn]"


def row(system: str, metric: str, example: str, value: float, identity: str = "v1", **more) -> Row:
    keys = {"low": NAN, "high": NAN, "n": 1.0, "n_requested": 16, "state": "ok", "chance": NAN, "ceiling": NAN, **more}
    return Row(
        "inpaint-drums", 1, "synthetic-quick", "ab" * 32, system, metric, identity, "hole", example, value, **keys
    )


def column(system: str, metric: str, values, identity: str = "v1") -> list[Row]:
    rows = [row(system, metric, f"song-{k:02}", float(v), identity) for k, v in enumerate(values)]
    return [*rows, row(system, metric, WHOLE_SET, float(np.mean(values)), identity)]


def distance(system: str, value: float, spread: float = 1.0) -> list[Row]:
    rng = np.random.default_rng(len(system))
    halves = [
        row(system, KAD, f"{WHOLE_SET}~{k:02}", value + rng.normal(0, spread), state="half-set") for k in range(32)
    ]
    return [row(system, KAD, WHOLE_SET, value), *halves]


@pytest.fixture
def board(tmp_path: Path):
    def write(**systems: list[Row]) -> Path:
        for name, rows in systems.items():
            path = tmp_path / "results" / "inpaint-drums" / "synthetic-quick" / f"{name}.csv"
            write_rows(path, rows)
            write_text(path.with_suffix(".run.yaml"), "added_metrics: []\n")
        return tmp_path

    return write


def test_better_is_positive_in_every_direction(board) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, 16)
    a = [*column("a", ONSETS, 0.8 + noise), *column("a", LSD, 1 + noise), *column("a", GAP, -1 + noise)]
    b = [*column("b", ONSETS, [0.6] * 16), *column("b", LSD, [2.0] * 16), *column("b", GAP, [3.0] * 16)]
    by_column = {one.metric: one for one in compare(board(a=a, b=b), "a", "b")}
    assert list(by_column) == [ONSETS, LSD, GAP]
    assert [by_column[name].better_by for name in (ONSETS, LSD, GAP)] == pytest.approx([0.2, 1, 2], abs=0.02)
    assert {one.verdict for one in by_column.values()} == {"first"} and {
        one.more_songs for one in by_column.values()
    } == {0}
    assert all(one.low < one.better_by < one.high for one in by_column.values())
    back = {one.metric: one for one in compare(board(), "b", "a")}
    assert back[LSD].better_by == pytest.approx(-by_column[LSD].better_by) and back[LSD].verdict == "second"


def pairs(comparisons, values):
    """Return each compared column with both systems' values, negated where lower is better."""
    return [(one.metric, -values[one.metric] if one.metric == LSD else values[one.metric]) for one in comparisons]


def test_p_values_are_those_of_the_songs_corrected_over_the_columns(board) -> None:
    rng = np.random.default_rng(1)
    values = {name: rng.normal(shift, 1, (2, 16)) for name, shift in ((ONSETS, 0.0), (LSD, 0.0), (GAP, 2.0))}
    values[ONSETS][0] += 1.0
    systems = {s: [r for name, both in values.items() for r in column(s, name, both[k])] for k, s in enumerate("ab")}
    comparisons = compare(board(**systems), "a", "b")
    songs = [f"song-{k:02}" for k in range(16)]

    def of(values: np.ndarray) -> dict[str, float]:
        return dict(zip(songs, values, strict=True))

    bare = [difference(*map(of, -np.abs(v) if name == GAP else v)).p for name, v in pairs(comparisons, values)]
    assert [one.p for one in comparisons] == pytest.approx(list(holm(bare)))


def test_more_songs_is_the_forecast_minus_the_common_songs(board) -> None:
    values = np.random.default_rng(2).normal(0.3, 1, 16)
    comparison = compare(board(a=column("a", ONSETS, values), b=column("b", ONSETS, [0.0] * 16)), "a", "b")[0]
    assert comparison.verdict == "not told apart"
    needed = np.ceil((2.801585 * values.std(ddof=1) / values.mean()) ** 2)
    assert comparison.more_songs == needed - 16 > 0


def test_a_forecast_is_corrected_as_the_verdict_is(board) -> None:
    """Alone this column would have told the two apart with fewer songs; beside eight others it does not."""
    rng = np.random.default_rng(4)
    values, nothing = 0.8 + rng.permutation(np.linspace(-1.6, 1.6, 16)), np.tile([-1.0, 1.0], 8)
    others = ("sdr", LSD, GAP, "beat-f1", "chord-accuracy", "chroma-cosine", "seam-loudness", "loudness-gap")
    a = [*column("a", ONSETS, values), *(one for name in others for one in column("a", name, nothing))]
    b = [one for name in (ONSETS, *others) for one in column("b", name, [0.0] * 16)]
    comparison = {one.metric: one for one in compare(board(a=a, b=b), "a", "b")}[ONSETS]
    alone = difference({f"song-{k:02}": v for k, v in enumerate(values)}, {f"song-{k:02}": 0.0 for k in range(16)})
    assert alone.p < 0.05 < comparison.p and alone.songs_to_tell(16) < 16
    assert comparison.verdict == "not told apart" and comparison.more_songs == alone.songs_to_tell(16, 9) - 16 > 0


def test_distances_are_compared_over_their_half_sets(board) -> None:
    comparison = compare(board(a=distance("a", 1.0), b=distance("bb", 9.0)), "a", "bb")[0]
    assert (comparison.metric, comparison.verdict, comparison.n_songs) == (KAD, "first", 16)
    assert comparison.better_by == pytest.approx(8.0)


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_waveforms_of_a_system_without_phase_are_not_compared(board, names: tuple[str, str]) -> None:
    mine = [replace(one, state=NO_PHASE) for one in column("a", "sdr", [-3.0] * 16)]
    comparison = compare(board(a=mine, b=column("b", "sdr", [8.0] * 16)), *names)[0]
    assert comparison.verdict == "incomparable" and np.isnan([comparison.better_by, comparison.p]).all()


def test_other_identities_and_too_few_songs_are_not_compared(board) -> None:
    a = [*column("a", ONSETS, [0.8] * 16), *column("a", LSD, [1.0] * 5)]
    b = [*column("b", ONSETS, [0.7] * 16, "v2"), *column("b", LSD, [2.0] * 5)]
    by_column = {one.metric: one for one in compare(board(a=a, b=b), "a", "b")}
    assert by_column[ONSETS].verdict == "incomparable" and np.isnan(by_column[ONSETS].better_by)
    assert by_column[LSD].verdict == "untested" and by_column[LSD].better_by == 1.0 and np.isnan(by_column[LSD].p)


def test_wrong_names_and_nothing_in_common_are_errors(board) -> None:
    folder = board(a=column("a", ONSETS, [0.8] * 16), b=column("b", ONSETS, [0.7] * 16))
    with pytest.raises(UnknownName, match="no system in these results is called 'c'"):
        compare(folder, "a", "c")
    with pytest.raises(UnknownName, match="no task is called"):
        compare(folder, "a", "b", "inpaint-drms")
    with pytest.raises(BenchError, match="holds no rows of inpaint-chords; give the folder of another run"):
        compare(folder, "a", "b", "inpaint-chords")
    with pytest.raises(BenchError, match="against itself"):
        compare(folder, "a", "a")
    other = [replace(one, manifest="synthetic-test") for one in column("c", ONSETS, [0.7] * 16)]
    with pytest.raises(BenchError, match="no task, version and manifest in common"):
        compare(board(c=other), "a", "c")


def test_the_command_prints_tables_and_json(board) -> None:
    folder = board(a=column("a", ONSETS, np.linspace(0, 1, 16)), b=column("b", ONSETS, np.linspace(0, 0.9, 16)))
    text = CliRunner().invoke(app, ["compare", "a", "b", "--out", str(folder)])
    assert text.exit_code == 0 and "a is better" in text.output and "Holm-corrected" in text.output
    answer = json.loads(CliRunner().invoke(app, ["compare", "a", "b", "--out", str(folder), "--json"]).output)
    assert answer[0]["verdict"] == "first" and answer[0]["n_songs"] == 16
    assert len(grids(compare(folder, "a", "b"), "a", "b")) == 2


def test_json_has_no_infinity(board) -> None:
    folder = board(a=column("a", ONSETS, [0.5] * 16), b=column("b", ONSETS, [0.5] * 16))
    said = CliRunner().invoke(app, ["compare", "a", "b", "--out", str(folder), "--json"]).output
    assert "Infinity" not in said and json.loads(said)[0]["more_songs"] is None
