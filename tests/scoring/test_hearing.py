"""Tests of bench.scoring.hearing and bench.music.extraction."""

from pathlib import Path

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError
from bench.example import Control, Example, Request, Truth, masked
from bench.mask import Mask
from bench.music.drums import drum_onsets
from bench.music.extraction import Extractors
from bench.runtime.cache import Cache
from bench.scoring.hearing import Hearing
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Frames, Notes

RATE = 16000
MASK = Mask(((25, 75), (150, 250)), 300)
RAMP = Audio(np.arange(6 * RATE) / (6 * RATE), RATE)


class Recorder:
    """An extractor that keeps its inputs and finds an event every 0.1 s."""

    def __init__(self, kind: str) -> None:
        self.kind, self.identity, self.inputs = kind, f"recorder of {kind}", []

    def extract(self, audio: Audio):
        self.inputs.append(audio)
        times = np.arange(0, audio.duration_s, 0.1)
        if self.kind == "drums":
            return Audio(0.5 * audio.mono, audio.sample_rate)
        if self.kind == "chroma":
            return Frames(np.arange(len(times))[:, None] * np.ones((1, 12)), 10.0)
        if self.kind == "chords":
            return Chords(np.array([[0.0, audio.duration_s]]), ("C:maj",))
        if self.kind == "notes":
            return Notes(np.c_[times, times + 0.05], np.full(len(times), 60), np.full(len(times), 90))
        return Beats(times)


@pytest.fixture
def recorders(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recorder]:
    built = {kind: Recorder(kind) for kind in ("drums", "onsets", "beats", "chords", "notes", "chroma")}
    monkeypatch.setattr(plugins, "load", lambda kind, name, **options: built[name])
    return built


def hearing(tmp_path: Path, controls=None, truth: Truth | None = None, output: Audio | None = None) -> Hearing:
    request = Request("a", "task", 1, masked(RAMP, MASK), MASK, controls or {})
    names = {kind: kind for kind in ("drums", "onsets", "beats", "chords", "notes", "chroma")}
    return Hearing(Example(request, RAMP, truth or Truth()), output or RAMP, Extractors(names, Cache(tmp_path)))


def test_an_extractor_is_given_the_hole_and_one_second_on_either_side(recorders, tmp_path: Path) -> None:
    hearing(tmp_path).found("output", "beats")
    first, second = recorders["beats"].inputs
    assert np.array_equal(first.mono, RAMP.mono[: round(2.5 * RATE)])
    assert np.array_equal(second.mono, RAMP.mono[2 * RATE :])


def test_only_findings_in_the_hole_are_kept_and_timed_from_the_excerpts_start(recorders, tmp_path: Path) -> None:
    first, second = hearing(tmp_path).found("output", "beats")
    assert first.times_s == pytest.approx(np.arange(0.5, 1.45, 0.1))
    assert second.times_s == pytest.approx(np.arange(3.0, 4.95, 0.1))
    chords = hearing(tmp_path).found("output", "chords")
    assert [c.intervals_s.tolist() for c in chords] == [[[0.5, 1.5]], [[3.0, 5.0]]]


def test_sound_is_cut_to_the_hole(recorders, tmp_path: Path) -> None:
    first, second = hearing(tmp_path).found("output", "drums")
    assert np.allclose(first.mono, 0.5 * RAMP.mono[RATE // 2 : 3 * RATE // 2])
    assert second.n_samples == 2 * RATE


def test_frames_are_those_of_the_hole(recorders, tmp_path: Path) -> None:
    first, second = hearing(tmp_path).found("output", "chroma")
    assert first.values[:, 0].tolist() == list(range(5, 15))
    assert second.values[:, 0].tolist() == list(range(10, 30))


def test_an_extractor_may_ask_for_the_hole_alone(recorders, tmp_path: Path) -> None:
    recorders["chroma"].context_s = 0.0
    first, _ = hearing(tmp_path).found("output", "chroma")
    assert recorders["chroma"].inputs[0].n_samples == RATE
    assert first.values[:, 0].tolist() == list(range(10))


def test_output_and_reference_are_extracted_alike(recorders, tmp_path: Path) -> None:
    other = Audio(1 - RAMP.mono, RATE)
    one = hearing(tmp_path, output=other)
    one.found("output", "beats"), one.found("reference", "beats")
    lengths = [audio.n_samples for audio in recorders["beats"].inputs]
    assert lengths[:2] == lengths[2:]
    assert np.array_equal(recorders["beats"].inputs[0].mono, other.mono[: round(2.5 * RATE)])


def test_onsets_are_detected_in_the_separated_drums(recorders, tmp_path: Path) -> None:
    hearing(tmp_path).found("output", "onsets")
    assert np.allclose(recorders["onsets"].inputs[0].mono, 0.5 * RAMP.mono[: round(2.5 * RATE)])


def test_a_second_request_comes_from_the_cache(recorders, tmp_path: Path) -> None:
    hearing(tmp_path).found("output", "beats")
    hearing(tmp_path).found("reference", "beats")
    assert len(recorders["beats"].inputs) == 2


CHORDS = Chords(np.array([[0.0, 6.0]]), ("A:min",))
HITS = Notes(
    np.array([[0.6, 0.7], [0.62, 0.7], [0.9, 1.0], [4.0, 4.1]]), [36, 42, 38, 60], [90] * 4, [128, 128, 128, 0]
)


@pytest.mark.parametrize(
    ("kind", "controls", "truth", "source"),
    [
        ("chords", True, True, "control"),
        ("chords", False, True, "truth"),
        ("chords", False, False, "extractor"),
        ("onsets", True, True, "truth"),
        ("onsets", True, False, "control"),
        ("onsets", False, False, "extractor"),
        ("drums", True, True, "control"),
        ("drums", False, True, "extractor"),
        ("beats", True, True, "truth"),
        ("notes", True, True, "control"),
        ("notes", False, True, "extractor"),
        ("chroma", True, True, "extractor"),
    ],
)
def test_where_the_reference_of_a_metric_comes_from(recorders, tmp_path: Path, kind, controls, truth, source) -> None:
    given = {
        "drums": Control("drums", RAMP, RAMP),
        "chords": Control("chords", Chords(np.array([[0.0, 6.0]]), ("D:maj",)), RAMP, Beats()),
        "piano": Control("piano", HITS, RAMP),
    }
    known = Truth(CHORDS, Beats(np.arange(0, 6, 0.5)), HITS)
    one = hearing(tmp_path, given if controls else None, known if truth else None)
    assert one.source(kind) == source
    assert len(one.wanted(kind)) == 2
    if kind == "chords":
        wanted = {"control": "D:maj", "truth": "A:min", "extractor": "C:maj"}
        assert one.wanted(kind)[0].labels == (wanted[source],)
        assert one.wanted(kind)[0].intervals_s.tolist() == [[0.5, 1.5]]


def test_true_onsets_are_drum_hits_merged_within_30_ms(recorders, tmp_path: Path) -> None:
    first, second = hearing(tmp_path, truth=Truth(notes=HITS)).wanted("onsets")
    assert first.times_s.tolist() == [0.6, 0.9]
    assert second.times_s.tolist() == []
    chain = Notes(np.array([[t, t + 0.1] for t in (1.0, 1.02, 1.04, 1.06)]), [36] * 4, [90] * 4, [DRUM_PROGRAM] * 4)
    assert drum_onsets(chain).times_s == pytest.approx([1.0, 1.04])


def test_onsets_of_a_control_are_detected_without_separation(recorders, tmp_path: Path) -> None:
    hearing(tmp_path, {"drums": Control("drums", RAMP, RAMP)}).wanted("onsets")
    assert np.array_equal(recorders["onsets"].inputs[0].mono, RAMP.mono[: round(2.5 * RATE)])
    assert recorders["drums"].inputs == []


def test_a_kind_without_extractor_and_one_of_another_kind_are_refused(recorders, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no extractor is chosen for tempo"):
        Extractors({}, Cache(tmp_path)).of("tempo")
    with pytest.raises(BenchError, match="--extractor chords=beats: beats finds beats; name an extractor of chords"):
        Extractors({"chords": "beats"}, Cache(tmp_path)).of("chords")


def test_identities_are_joined(recorders, tmp_path: Path) -> None:
    names = {"onsets": "onsets", "drums": "drums"}
    assert Extractors(names, Cache(tmp_path)).identity(("onsets", "drums")) == "recorder of onsets + recorder of drums"


def test_a_finding_at_a_holes_start_is_in_it_and_one_at_its_end_is_not(recorders, tmp_path: Path) -> None:
    beats = Beats(np.array([0.5, 1.0, 1.5, 3.0, 5.0]))
    first, second = hearing(tmp_path, truth=Truth(beats=beats)).wanted("beats")
    assert (first.times_s.tolist(), second.times_s.tolist()) == ([0.5, 1.0], [3.0])


def test_the_content_of_a_control_is_cut_to_the_holes(recorders, tmp_path: Path) -> None:
    given = {"drums": Control("drums", RAMP, RAMP), "piano": Control("piano", HITS, RAMP)}
    one = hearing(tmp_path, given)
    first, second = one.wanted("drums")
    assert np.array_equal(first.mono, RAMP.mono[RATE // 2 : 3 * RATE // 2])
    assert np.array_equal(second.mono, RAMP.mono[3 * RATE : 5 * RATE])
    assert [notes.pitches.tolist() for notes in one.wanted("notes")] == [[36, 42, 38], [60]]
    assert all(not recorder.inputs for recorder in recorders.values())


def test_nothing_is_extracted_before_it_is_asked_for(recorders, tmp_path: Path) -> None:
    one = hearing(tmp_path)
    one.source("chords")
    assert all(not recorder.inputs for recorder in recorders.values())
    one.found("output", "chords"), one.found("output", "chords")
    assert len(recorders["chords"].inputs) == 2


def test_an_output_that_ends_early_is_extracted_up_to_its_end(recorders, tmp_path: Path) -> None:
    short = Audio(RAMP.mono[: 4 * RATE], RATE)
    first, second = hearing(tmp_path, output=short).found("output", "beats")
    assert first.times_s == pytest.approx(np.arange(0.5, 1.45, 0.1))
    assert second.times_s == pytest.approx(np.arange(3.0, 3.95, 0.1))


@pytest.mark.parametrize("drum_program", [0, 127])
def test_only_percussion_makes_drum_onsets(drum_program: int) -> None:
    notes = Notes(np.array([[1.0, 1.1], [2.0, 2.1]]), [36, 36], [90, 90], [drum_program, DRUM_PROGRAM])
    assert drum_onsets(notes).times_s.tolist() == [2.0]


def test_hits_are_merged_whatever_their_order_on_file() -> None:
    def times(*starts: float) -> list[float]:
        notes = Notes(
            np.array([[t, t + 0.1] for t in starts]), [36] * len(starts), [90] * len(starts), [128] * len(starts)
        )
        return drum_onsets(notes).times_s.tolist()

    assert times(2.0, 1.02, 1.0) == [1.0, 2.0] == times(1.0, 1.02, 2.0)
    assert times(1.0, 1.031) == [1.0, 1.031] and times(1.0, 1.029) == [1.0]
    assert drum_onsets(Notes.joined([])).times_s.shape == (0,)


def test_another_version_of_an_extractor_extracts_again(recorders, tmp_path: Path) -> None:
    hearing(tmp_path).found("output", "beats")
    recorders["beats"].identity = "recorder of beats v2"
    hearing(tmp_path).found("output", "beats")
    assert len(recorders["beats"].inputs) == 4
