"""`bench run` on real recordings, from the folder in $STEERBENCH_REAL_AUDIO, which is not in the repository."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.scores import WHOLE_SET, Row, read_rows

FOLDER = os.environ.get("STEERBENCH_REAL_AUDIO", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="STEERBENCH_REAL_AUDIO names no folder of recordings")


@pytest.fixture(scope="module", params=["inpaint-drums", "inpaint-chords"])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp(request.param)
    words = ["run", "--task", request.param, "--audio", FOLDER, "--out", str(out)]
    result = CliRunner().invoke(app, [*words, "--model", "oracle", "--model", "retrieval", "--model", "copy-control"])
    assert result.exit_code == 0, result.output
    return request.param, next((out / "results" / request.param).iterdir())


def rows(results: tuple[str, Path], system: str) -> list[Row]:
    return read_rows(results[1] / f"{system}.csv")


def of(rows: list[Row], metric: str, song: str) -> Row:
    return next(row for row in rows if row.metric == metric and song in row.example)


def test_every_recording_is_scored_and_the_oracle_is_perfect_where_it_can_be(results) -> None:
    oracle = rows(results, "oracle")
    assert len({row.example for row in oracle if not row.example.startswith(WHOLE_SET)}) == 4
    for row in oracle:
        if row.metric == "chroma-cosine":
            assert row.value == pytest.approx(1)
        if row.metric in ("context-lsd", "seam-jump"):
            assert row.value == 0


def test_metrics_without_a_target_in_the_recording_are_undefined(results) -> None:
    oracle = rows(results, "oracle")
    if results[0] == "inpaint-drums":  # the control is separated from the whole excerpt
        assert of(oracle, "drum-onset-f1", "ragtime").state == "undefined-reference"
    for song in ("choice", "vibe-ace", "lets-go-fishin"):
        assert of(oracle, "drum-onset-f1", song).value > 0.7


def test_four_songs_have_no_intervals(results) -> None:
    sets = [row for row in rows(results, "retrieval") if row.example == WHOLE_SET]
    assert sets and all(row.low != row.low for row in sets)


def test_retrieval_follows_better_than_the_other_songs_control(results) -> None:
    adherence = next(r for r in rows(results, "retrieval") if r.metric == "adherence" and r.example == WHOLE_SET)
    assert adherence.value > 0
