"""The comparison over seeds: what a method does on average over its trainings, and how far they lie apart."""

import runpy
from types import SimpleNamespace

import pytest

from bench.board.readings import Readings
from bench.paths import PACKAGE
from bench.scoring.columns import ADHERENCE
from bench.task import load_task
from tests.upkeep.test_expectations import row

FOLDER = PACKAGE.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return SimpleNamespace(**runpy.run_path(str(FOLDER / "seeds.py")))


def reading(value, songs=None, halves=None):
    return Readings(row("a", "m", value), songs or {}, halves or {})


def test_a_method_is_its_mean_over_trainings_song_by_song(benchmark):
    found = benchmark.averaged([reading(0.5, {"a": 0.2, "b": 0.8}), reading(0.7, {"a": 0.6, "b": 0.8})])
    assert found.whole.value == pytest.approx(0.6)
    assert found.songs == {"a": pytest.approx(0.4), "b": pytest.approx(0.8)}
    found = benchmark.averaged([reading(2, halves={"*~01": 1.0}), reading(4, halves={"*~01": 2.0})])
    assert (found.whole.value, found.replicates) == (3, {"*~01": 1.5}) and not found.songs


def test_trainings_lie_apart_by_their_standard_deviation(benchmark):
    task = load_task("inpaint-drums")
    assert benchmark.columns(task)[:2] == ("drum-onset-f1", ADHERENCE)
    trainings = [{column: reading(value) for column in benchmark.columns(task)} for value in (1.0, 2.0, 3.0)]
    assert benchmark.spread(task, trainings).count("2.000 ± 1.000") == 4
    assert benchmark.spread(task, trainings[:1]).count("—") == 4


def test_the_shipped_adapter_comes_first(benchmark):
    assert benchmark.adapters("air-mini", [2, 3]) == ["air-mini-drums", "air-mini-drums-seed2", "air-mini-drums-seed3"]
