"""Tests of bench.scoring.score."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio, write_audio
from bench.example import (
    Control,
    Example,
    ExampleSet,
    Request,
    Truth,
    masked,
    other_songs,
    write_reference,
    write_request,
)
from bench.formats import dump_yaml
from bench.manifest import Excerpt, Manifest
from bench.mask import Mask
from bench.paths import write_text
from bench.protocols import Column, Measurement, SetMeasurement
from bench.runtime.executor import Serial
from bench.scores import WHOLE_SET, Row
from bench.scoring.score import alters_context, score
from bench.submission import FAILED, SWAPPED, Card, Submission
from bench.symbols import Beats, Frames
from bench.task import ControlSpec, Spec, Task

IDS = tuple(f"song-{k}" for k in range(9)) + ("song-0--2",)
RATE = 16000


class Level:
    """Mean of the hole; 9 at worst."""

    columns = (
        Column("level", "", "higher", "hole", 9.0, is_ranked=True),
        Column("edge", "", "lower", "seam", 8.0),
    )
    identity = "level/1"

    def measure(self, example: Example, heard) -> dict[str, Measurement]:
        value = float(heard.output.mono[example.request.mask.inside(RATE)].mean())
        if example.request.id == "song-3":
            return {"level": Measurement(float("nan"), 0, "undefined-reference"), "edge": Measurement(0.0)}
        return {"level": Measurement(value, 5), "edge": Measurement(1.0)}


class MeanEmbedding:
    """An embedding of one dimension: the mean."""

    kind, identity = "embedding", "mean-embedding/1"

    def extract(self, audio: Audio) -> Frames:
        return Frames(np.array([[float(audio.mono.mean())]]), 1.0)


class Distance:
    """Difference of means over the set."""

    columns = (Column("distance", "", "lower", "hole", float("nan"), is_ranked=True),)
    identity = "distance/1"
    embedding = MeanEmbedding()

    def compare(self, references: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> dict[str, SetMeasurement]:
        value = abs(float(np.mean(np.concatenate(references)) - np.mean(np.concatenate(outputs))))
        return {"distance": SetMeasurement(value, value - 1, value + 1, len(np.concatenate(outputs)), (value, value))}


TASK = Task(
    "tiny", 1, "inpaint", "", "tiny", RATE, 2.0, Spec("centre"), (ControlSpec("drums", "stem"),),
    (Spec("level"), Spec("distance")), {"control": "level", "quality": "distance"}, 0,
)  # fmt: skip


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExampleSet:
    import bench.scoring.columns

    monkeypatch.setattr(bench.scoring.columns, "_built", {})
    monkeypatch.setattr(plugins, "builder", lambda kind, name: {"level": Level, "distance": Distance}[name])
    folder = tmp_path / "examples"
    write_text(folder / "build.yaml", "task: tiny\n")
    for k, name in enumerate(IDS):
        reference = Audio(np.full(2 * RATE, 0.01 * (k + 1)) + ripple(), RATE)
        mask = Mask(((25, 75),), 100)
        request = Request(
            name, "tiny", 1, masked(reference, mask), mask, {"drums": Control("drums", reference, reference)}
        )
        write_reference(folder / "references", Example(request, reference, Truth()))
        write_request(folder / "requests", request)
    return ExampleSet(folder, TASK, Manifest("tiny", tuple(Excerpt(n, "synthetic", n, 0.0, 2.0) for n in IDS)))


def ripple() -> np.ndarray:
    return 0.001 * np.sin(np.arange(2 * RATE))


def rows_of(examples: ExampleSet, tmp_path: Path, values: dict[str, float], swapped: float | None = None) -> list[Row]:
    folder = tmp_path / "mine"
    for name, value in values.items():
        write_audio(folder / f"{name}.wav", Audio(np.full(2 * RATE, value) + (ripple() if value else 0), RATE))
        if swapped is not None:
            write_audio(folder / SWAPPED / f"{name}.wav", Audio(np.full(2 * RATE, swapped) + ripple(), RATE))
    failed = {name: "broke" for name in IDS if name not in values}
    if failed:
        write_text(folder / FAILED, dump_yaml(failed))
    submission = Submission(folder, Card("mine", "tiny", 1, "tiny"))
    return score(submission, examples, {}, tmp_path / "cache", Serial())


def one(rows: list[Row], metric: str, example: str = WHOLE_SET) -> Row:
    (match,) = [row for row in rows if row.metric == metric and row.example == example]
    return match


def test_excerpts_are_averaged_within_songs_and_songs_over_the_set(examples: ExampleSet, tmp_path: Path) -> None:
    values = dict.fromkeys(IDS, 0.1) | {"song-0": 0.4, "song-0--2": 0.8}
    row = one(rows_of(examples, tmp_path, values), "level")
    assert row.value == pytest.approx((0.6 + 7 * 0.1) / 8, abs=1e-4)
    assert (row.n, row.n_requested, row.state) == (8, 9, "ok")
    assert row.low < row.value < row.high


def test_undefined_values_are_counted_and_never_averaged(examples: ExampleSet, tmp_path: Path) -> None:
    rows = rows_of(examples, tmp_path, dict.fromkeys(IDS, 0.1))
    undefined = one(rows, "level", "song-3")
    assert np.isnan(undefined.value) and undefined.state == "undefined-reference"
    assert one(rows, "level").value == pytest.approx(0.1, abs=1e-4)


def test_silence_scores_the_worst_in_the_hole_and_nowhere_else(examples: ExampleSet, tmp_path: Path) -> None:
    rows = rows_of(examples, tmp_path, dict.fromkeys(IDS, 0.1) | {"song-1": 0.0, "song-3": 0.0})
    assert (one(rows, "level", "song-1").value, one(rows, "level", "song-1").state) == (9.0, "silent")
    assert (one(rows, "edge", "song-1").value, one(rows, "edge", "song-1").state) == (1.0, "ok")
    assert one(rows, "level", "song-3").state == "undefined-reference"


def one_output(examples: ExampleSet, tmp_path: Path, hole: np.ndarray, context: np.ndarray | None = None) -> list[Row]:
    """Score outputs that are alike but for song-1: `hole` in its hole, `context` (a ripple) around it."""
    inside = Mask(((25, 75),), 100).inside(RATE)
    sound = np.where(inside, hole, ripple() + 0.3 if context is None else context)
    folder = tmp_path / "mine"
    for name in IDS:
        write_audio(folder / f"{name}.wav", Audio(sound if name == "song-1" else ripple() + 0.1, RATE))
    return score(Submission(folder, Card("mine", "tiny", 1, "tiny")), examples, {}, tmp_path / "cache", Serial())


HOLES = {
    "zeros under a sounding context": (np.zeros(2 * RATE), None, "silent"),
    "a constant that is not silent": (np.full(2 * RATE, 0.25), None, "silent"),
    "noise under -90 dBFS": (np.tile([2e-5, -2e-5], RATE), None, "silent"),
    "noise over -90 dBFS": (np.tile([4e-5, -4e-5], RATE), None, "ok"),
    "sound under a silent context": (ripple(), np.zeros(2 * RATE), "ok"),
    "a constant but for one step": (np.where(np.arange(2 * RATE) == RATE, 0.24, 0.25), None, "ok"),
}


@pytest.mark.parametrize("case", HOLES)
def test_silence_is_judged_in_the_hole_alone(examples: ExampleSet, tmp_path: Path, case: str) -> None:
    hole, context, state = HOLES[case]
    rows = one_output(examples, tmp_path, hole, context)
    row = one(rows, "level", "song-1")
    assert row.state == state and (row.value == 9.0) == (state == "silent")
    assert (one(rows, "edge", "song-1").value, one(rows, "edge", "song-1").state) == (1.0, "ok")
    assert one(rows, "level", "song-2").state == "ok" and one(rows, "level").state == "ok"


def test_the_worst_value_of_a_silent_output_counts_in_the_mean(examples: ExampleSet, tmp_path: Path) -> None:
    rows = one_output(examples, tmp_path, np.zeros(2 * RATE))
    assert one(rows, "level", "song-1").n == 5
    assert one(rows, "level").value == pytest.approx((9.0 + 7 * 0.1) / 8, abs=1e-4)


def test_a_column_without_a_worst_value_keeps_what_was_measured(
    examples: ExampleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = (Column("level", "", "zero", "hole", float("nan")), Level.columns[1])
    monkeypatch.setattr(Level, "columns", free)
    row = one(one_output(examples, tmp_path, np.full(2 * RATE, 0.25)), "level", "song-1")
    assert (row.value, row.state) == (pytest.approx(0.25), "ok")


class Pulse:
    """Beats heard in the hole; an extractor carries those of the context on into any hole."""

    columns = (Column("level", "", "higher", "hole", 0.0, ("beats",)), Column("edge", "", "lower", "seam", 8.0))
    identity = "pulse/1"

    def measure(self, example: Example, heard) -> dict[str, Measurement]:
        return {"level": Measurement(len(heard.wanted("beats")[0].times_s), 1), "edge": Measurement(0.0)}


class Counting:
    """A tracker that counts through everything."""

    kind, identity = "beats", "counting/1"

    def extract(self, audio: Audio) -> Beats:
        return Beats(np.arange(0.0, audio.duration_s, 0.25))


@pytest.mark.parametrize(("truth", "state"), [(Truth(), "undefined-reference"), (Truth(beats=Beats()), "ok")])
def test_targets_extracted_from_a_silent_reference_are_undefined(
    examples: ExampleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truth: Truth, state: str
) -> None:
    monkeypatch.setattr(plugins, "builder", lambda kind, name: {"level": Pulse, "distance": Distance}[name])
    monkeypatch.setattr(plugins, "load", lambda kind, name: Counting())
    request = examples.request("song-1")
    write_reference(examples.folder / "references", Example(request, request.masked, truth))
    folder = tmp_path / "mine"
    for name in IDS:
        write_audio(folder / f"{name}.wav", Audio(ripple(), RATE))
    submission = Submission(folder, Card("mine", "tiny", 1, "tiny"))
    rows = score(submission, examples, {"beats": "counting"}, tmp_path / "cache", Serial())
    row = one(rows, "level", "song-1")
    assert row.state == state and np.isnan(row.value) == np.isnan(row.ceiling) == (state != "ok")
    assert one(rows, "level", "song-2").value == 4 and one(rows, "edge", "song-1").state == "ok"


def test_a_failure_scores_the_worst_and_leaves_the_set_incomplete(examples: ExampleSet, tmp_path: Path) -> None:
    rows = rows_of(examples, tmp_path, dict.fromkeys(IDS[1:], 0.1))
    assert (one(rows, "level", "song-0").value, one(rows, "level", "song-0").state) == (9.0, "failed")
    assert one(rows, "level").state == "incomplete"
    assert one(rows, "distance").state == "incomplete" and np.isnan(one(rows, "distance").value)


def test_ceiling_is_the_reference_itself_and_chance_another_song(examples: ExampleSet, tmp_path: Path) -> None:
    rows = rows_of(examples, tmp_path, dict.fromkeys(IDS, 0.1))
    partner = other_songs(IDS)["song-1"]
    row = one(rows, "level", "song-1")
    assert row.ceiling == pytest.approx(0.02, abs=1e-4)
    assert row.chance == pytest.approx(0.01 * (IDS.index(partner) + 1), abs=1e-4)
    assert one(rows, "distance").ceiling == 0


def test_adherence_is_right_minus_swapped(examples: ExampleSet, tmp_path: Path) -> None:
    rows = rows_of(examples, tmp_path, dict.fromkeys(IDS, 0.3), swapped=0.1)
    row = one(rows, "adherence", "song-1")
    assert row.value == pytest.approx(0.2, abs=1e-4) and row.chance == 0
    assert row.identity == "right minus swapped: level/1"
    assert not [
        row for row in rows_of(examples, tmp_path / "again", dict.fromkeys(IDS, 0.3)) if row.metric == "adherence"
    ]


def test_distances_are_of_the_set_with_their_half_sets(examples: ExampleSet, tmp_path: Path) -> None:
    rows = rows_of(examples, tmp_path, dict.fromkeys(IDS, 0.5))
    whole = one(rows, "distance")
    assert whole.value == pytest.approx(0.5 - 0.055, abs=1e-3)
    assert (whole.low, whole.high) == pytest.approx((whole.value - 1, whole.value + 1))
    assert [one(rows, "distance", f"*~0{k}").state for k in (1, 2)] == ["half-set", "half-set"]


def test_scores_come_from_the_cache_the_second_time(examples: ExampleSet, tmp_path: Path, monkeypatch) -> None:
    before = rows_of(examples, tmp_path, dict.fromkeys(IDS, 0.1))
    monkeypatch.setattr(Level, "measure", lambda *_: pytest.fail("measured again"))
    assert rows_of(examples, tmp_path, dict.fromkeys(IDS, 0.1)) != [] and len(before) > 20


def test_a_changed_context_is_noticed_and_put_back_in_the_stitched_reading(
    examples: ExampleSet, tmp_path: Path
) -> None:
    rows = rows_of(examples, tmp_path, dict.fromkeys(IDS, 0.3))
    submission = Submission(tmp_path / "mine", Card("mine", "tiny", 1, "tiny"))
    assert alters_context(submission, examples)
    again = score(submission, examples, {}, tmp_path / "cache", Serial(), is_stitched=True)
    assert {row.system for row in again} == {"mine-stitched"}
    assert one(again, "level").value == pytest.approx(one(rows, "level").value)
    for name in IDS:
        given = examples.request(name)
        hidden = given.mask.inside(RATE)
        write_audio(tmp_path / "mine" / f"{name}.wav", Audio(np.where(hidden, 0.3, given.masked.mono), RATE))
    assert not alters_context(submission, examples)
