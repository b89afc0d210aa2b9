"""Tests of bench.scoring.tally and bench.scoring.columns, with numbers that can be added up by hand."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bench.scoring.columns
from bench.example import ExampleSet
from bench.manifest import Excerpt, Manifest
from bench.protocols import Column, SetMeasurement
from bench.runtime.cache import Cache
from bench.scores import WHOLE_SET, Row
from bench.scoring.columns import ADHERENCE, columns_of, metrics_of
from bench.scoring.tally import Scored, Value, rows_of
from bench.submission import Card, Submission
from bench.symbols import Frames
from bench.task import Spec, Task

NAN = float("nan")
IDS = ("a", "a--2", "b", "c")


class Pair:
    """Two columns, the second of which controls."""

    columns = (Column("plain", "dB", "higher", "hole", 0.0), Column("guided", "", "higher", "hole", 0.0, ("chords",)))
    identity = "pair/1"


class Mean:
    """The sum of the means of both sides, and how many songs it saw."""

    columns = (Column("apart", "", "lower", "hole", NAN),)
    identity = "mean/1"
    embedding = SimpleNamespace(identity="embedding/1")

    def compare(self, references: Any, outputs: Any) -> dict[str, SetMeasurement]:
        value = float(np.concatenate(references).mean() - np.concatenate(outputs).mean())
        return {"apart": SetMeasurement(value, value - 1, value + 1, len(outputs), (1.0, 2.0))}


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExampleSet:
    monkeypatch.setattr(bench.scoring.columns, "_built", {})
    monkeypatch.setattr(bench.scoring.columns.plugins, "builder", lambda kind, name: {"pair": Pair, "mean": Mean}[name])
    primary = {"control": "guided", "quality": "apart"}
    task = Task("t", 2, "inpaint", "", "m", 16000, 2.0, Spec("centre"), (), (Spec("pair"), Spec("mean")), primary, 0)
    return ExampleSet(tmp_path, task, Manifest("m", tuple(Excerpt(name, "d", name, 0.0, 2.0) for name in IDS)))


def value(number: float, state: str = "ok", chance: float = NAN, identity: str = "pair/1") -> Value:
    return Value(number, 2.0, state, chance, identity)


def measured(values: list[Value], store: Cache, **more: Any) -> list[Scored]:
    """Return what scoring finds: one `plain` per example, and vectors that are its place in the list."""
    scored = []
    for k, (name, one) in enumerate(zip(IDS, values, strict=True)):
        keys = {}
        for kind, shift in (("reference_vectors", 0), ("vectors", 10), ("other_vectors", 100)):
            store.content(f"{kind}{k}", lambda k=k, shift=shift: Frames(np.array([[float(k + shift)]]), 1.0))
            keys[kind] = {"embedding/1": f"{kind}{k}"}
        ceiling, chance = {"plain": value(10.0 + k)}, {"plain": value(float(-k))}
        scored.append(Scored(name, {"plain": one}, ceiling, chance, **(keys | more)))
    return scored


def rows(examples: ExampleSet, values: list[Value], **more: Any) -> list[Row]:
    store = Cache(examples.folder / "cache")
    submission = Submission(examples.folder, Card("mine", "t", 2, "m"))
    return rows_of(submission, examples, measured(values, store, **more), store)


def one(rows: list[Row], metric: str, example: str = WHOLE_SET) -> Row:
    (row,) = [row for row in rows if (row.metric, row.example) == (metric, example)]
    return row


def test_adherence_follows_the_primary_control_column(examples: ExampleSet) -> None:
    assert [column.name for column in columns_of(examples.task)] == ["plain", "guided", ADHERENCE, "apart"]
    adherence = columns_of(examples.task)[2]
    assert adherence.hears == ("chords",) and adherence.direction == "higher" and adherence.worst != adherence.worst


def test_a_metric_is_built_once_per_spec(examples: ExampleSet) -> None:
    assert [id(metric) for metric in metrics_of(examples.task)] == [id(metric) for metric in metrics_of(examples.task)]


def test_songs_weigh_the_same_however_many_excerpts_they_have(examples: ExampleSet) -> None:
    results = rows(examples, [value(1), value(3), value(5), value(9)])
    whole = one(results, "plain")
    assert whole.value == pytest.approx((2 + 5 + 9) / 3)
    assert (whole.n, whole.n_requested, whole.state) == (3, 3, "ok")
    assert whole.ceiling == pytest.approx((10.5 + 12 + 13) / 3) and whole.chance == pytest.approx(-(0.5 + 2 + 3) / 3)
    assert [row.value for row in results if row.metric == "plain" and row.example in IDS] == [1, 3, 5, 9]
    assert (one(results, "plain", "a--2").n, one(results, "plain", "a--2").ceiling) == (2.0, 11.0)


def test_rows_name_task_manifest_and_system(examples: ExampleSet) -> None:
    places = {
        (r.task, r.task_version, r.manifest, r.manifest_sha, r.system)
        for r in rows(examples, [value(k) for k in range(4)])
    }
    assert places == {("t", 2, "m", examples.manifest.sha256, "mine")}


def test_undefined_excerpts_leave_their_song_and_undefined_songs_the_set(examples: ExampleSet) -> None:
    nothing = value(NAN, "undefined-reference")
    whole = one(rows(examples, [nothing, value(3), nothing, value(9)]), "plain")
    assert whole.value == pytest.approx(6) and (whole.n, whole.n_requested, whole.state) == (2, 3, "ok")


def test_a_set_without_defined_values_is_undefined(examples: ExampleSet) -> None:
    whole = one(rows(examples, [value(NAN, "no-context")] * 4), "plain")
    assert np.isnan([whole.value, whole.low, whole.high]).all()
    assert (whole.n, whole.state) == (0, "no-context")


def test_a_failure_makes_the_set_incomplete_and_still_counts(examples: ExampleSet) -> None:
    failed = one(rows(examples, [value(0, "failed"), value(0), value(5), value(7)]), "plain")
    assert (failed.value, failed.state) == (4, "incomplete")


def test_silent_outputs_count_and_leave_the_set_complete(examples: ExampleSet) -> None:
    silent = one(rows(examples, [value(0, "silent"), value(0), value(5), value(7)]), "plain")
    assert (silent.value, silent.state, silent.n) == (4, "ok", 3)


def test_values_of_different_identity_are_never_averaged(examples: ExampleSet) -> None:
    results = rows(examples, [value(1, identity="x"), value(3, identity="x"), value(5, identity="y"), value(9)])
    whole = {row.identity: row.value for row in results if row.metric == "plain" and row.example == WHOLE_SET}
    assert whole == {"x": 2.0, "y": 5.0, "pair/1": 9.0}


def test_a_metrics_own_chance_comes_before_another_songs(examples: ExampleSet) -> None:
    results = rows(examples, [value(1, chance=0.25), value(3), value(5), value(9)])
    assert one(results, "plain", "a").chance == 0.25 and one(results, "plain", "a--2").chance == -1


def test_a_distance_has_ceiling_chance_and_half_sets(examples: ExampleSet) -> None:
    results = rows(examples, [value(0)] * 4)
    whole = one(results, "apart")
    assert (whole.value, whole.low, whole.high, whole.n) == (-10, -11, -9, 3)
    assert (whole.chance, whole.ceiling, whole.n_requested) == (-100, 0, 3)
    assert [(one(results, "apart", f"*~0{k}").value, one(results, "apart", f"*~0{k}").state) for k in (1, 2)] == [
        (1.0, "half-set"),
        (2.0, "half-set"),
    ]


def test_a_distance_without_every_output_is_incomplete_and_without_other_songs_has_no_chance(
    examples: ExampleSet,
) -> None:
    missing = rows(examples, [value(0)] * 4, vectors={})
    assert one(missing, "apart").state == "incomplete" and np.isnan(one(missing, "apart").value)
    assert one(missing, "apart").chance == -100
    assert [row.example for row in missing if row.metric == "apart"] == [WHOLE_SET]
    alone = one(rows(examples, [value(0)] * 4, other_vectors={}), "apart")
    assert alone.value == -10 and np.isnan(alone.chance)


def test_columns_of_waveforms_are_marked_for_systems_that_keep_no_phase(
    examples: ExampleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = (Column("plain", "dB", "higher", "hole", 0.0, needs_phase=True), Pair.columns[1])
    monkeypatch.setattr(Pair, "columns", columns)
    store = Cache(examples.folder / "cache")
    scored = measured([value(1), value(2, "silent"), value(3), value(4)], store)
    for keeps, expected in ((True, ("ok", "silent", "ok")), (False, ("no-phase", "silent", "no-phase"))):
        card = Card("s", "t", 2, "m", keeps_phase=keeps)
        rows = rows_of(Submission(examples.folder, card), examples, scored, store)
        states = {row.example: row.state for row in rows if row.metric == "plain"}
        assert (states["a"], states["a--2"], states[WHOLE_SET]) == expected
        assert {row.state for row in rows if row.metric == "guided"} <= {"ok", "silent"}
        whole = next(row for row in rows if row.metric == "plain" and row.example == WHOLE_SET)
        assert whole.value == pytest.approx((1.5 + 3 + 4) / 3)
