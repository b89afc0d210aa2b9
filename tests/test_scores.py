"""Tests of bench.scores."""

import math
import tempfile
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bench.scoring.columns
from bench.errors import BenchError
from bench.example import ExampleSet
from bench.manifest import Excerpt, Manifest
from bench.scores import COLUMNS, Row, read_rows, write_rows
from bench.scoring.tally import Scored
from bench.task import Spec, Task
from tests.scoring import test_tally as hand_made

# Nothing that a row holds can contain a carriage return: names are checked and identities are our own.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
numbers = st.floats(allow_nan=True, allow_infinity=True)
rows = st.builds(
    Row, task=texts, task_version=st.integers(0, 99), manifest=texts, manifest_sha=texts, system=texts, metric=texts,
    identity=texts, region=texts, example=texts, value=numbers, low=numbers, high=numbers, n=numbers,
    n_requested=st.integers(0, 10**6), state=texts, chance=numbers, ceiling=numbers,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(rows, max_size=4))
def test_every_row_comes_back_bit_for_bit(written: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.csv"
        write_rows(path, written)
        first = path.read_bytes()
        back = read_rows(path)
        write_rows(path, back)
        assert path.read_bytes() == first
    assert len(back) == len(written)
    for mine, theirs in zip(map(astuple, written), map(astuple, back), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert type(a) is type(b)
            if isinstance(a, float):
                assert (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
            else:
                assert a == b


GOOD = "t,1,m,sha,s,sdr,id,hole,*,0.5,,,3.0,4,ok,,1.0"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD + ",more", r"r\.csv:3: zip\(\) argument 2 is longer"),
        (GOOD.rpartition(",")[0], r"r\.csv:3: zip\(\) argument 2 is shorter"),
        (GOOD.replace("t,1,", "t,one,"), r"r\.csv:3: invalid literal for int\(\) .*'one'"),
        (GOOD.replace(",4,", ",4.5,"), r"r\.csv:3: invalid literal for int\(\) .*'4.5'"),
        (GOOD.replace("0.5", "half"), r"r\.csv:3: could not convert string to float: 'half'"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "r.csv").write_text("\n".join([",".join(COLUMNS), GOOD, line]) + "\n")
    with pytest.raises(BenchError, match=said):
        read_rows(tmp_path / "r.csv")


def test_undefined_is_an_empty_field(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(",".join(COLUMNS) + "\n" + GOOD + "\n")
    (row,) = read_rows(tmp_path / "r.csv")
    assert math.isnan(row.low) and math.isnan(row.chance) and row.value == 0.5
    write_rows(tmp_path / "again.csv", [row])
    assert (tmp_path / "again.csv").read_text().splitlines()[1] == GOOD


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match=r"r\.csv: cannot be read as scores"):
        read_rows(tmp_path / "r.csv")


@pytest.mark.parametrize("missing", range(len(hand_made.IDS)))
def test_a_distance_over_incomplete_outputs_has_no_value(tmp_path: Path, monkeypatch, missing: int) -> None:
    """Who fails on the hard songs must not be nearer to the references for it; one excerpt of a song is enough."""
    monkeypatch.setattr(bench.scoring.columns, "_built", {"mean": hand_made.Mean()})
    measured = hand_made.measured

    def without(*values, **more) -> list[Scored]:
        scored = measured(*values, **more)
        scored[missing] = replace(scored[missing], vectors={})
        return scored

    monkeypatch.setattr(hand_made, "measured", without)
    task = Task("t", 2, "inpaint", "", "m", 16000, 2.0, Spec("centre"), (), (Spec("mean"),), {"quality": "apart"}, 0)
    manifest = Manifest("m", tuple(Excerpt(name, "d", name, 0.0, 2.0) for name in hand_made.IDS))
    rows = hand_made.rows(ExampleSet(tmp_path, task, manifest), [hand_made.value(0)] * len(hand_made.IDS))
    (row,) = [row for row in rows if row.metric == "apart"]
    assert row.state == "incomplete" and math.isnan(row.value) and row.n_requested == 3
