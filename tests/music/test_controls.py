"""Controls: worked examples, and properties over all chords and notes."""

import itertools

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.audio import Audio, level_db, rms
from bench.errors import BenchError
from bench.mask import Mask
from bench.music.controls import (
    block_chords,
    chords_control,
    drums_control,
    level_matched,
    piano_control,
    piano_cover,
    visible_accompaniment,
)
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes

NO_BEATS = Beats()


class Tone:
    """A renderer that sounds a sine while any note does, at a rate of its own."""

    identity = "tone"

    def render(self, notes: Notes, duration_s: float, sample_rate: int) -> Audio:
        n = round(duration_s * sample_rate)
        sound = np.zeros(n)
        for start, end in notes.intervals_s:
            sound[round(start * sample_rate) : round(end * sample_rate)] = 1.0
        return Audio(0.3 * sound * np.sin(2 * np.pi * 440 * np.arange(n) / sample_rate), sample_rate)


def notes_of(*rows: tuple[float, float, int], program: int = 0) -> Notes:
    table = np.array(rows, dtype=float).reshape(-1, 3)
    return Notes(table[:, :2], table[:, 2], np.full(len(table), 90), np.full(len(table), program))


def rows_of(notes: Notes) -> list[tuple[float, float, int]]:
    return [
        (round(float(s), 6), round(float(e), 6), int(p))
        for (s, e), p in zip(notes.intervals_s, notes.pitches, strict=True)
    ]


@pytest.mark.parametrize(
    ("label", "pitches"),
    [
        ("C:maj", [60, 64, 67]),
        ("B:min/5", [78, 83, 86]),
        ("A:min7/b3", [72, 76, 79, 81]),
        ("C:maj/3", [64, 67, 72]),
        ("Bb:7", [70, 74, 77, 80]),
        ("Cb:maj", [71, 75, 78]),
        ("G:sus4", [67, 72, 74]),
        ("C:maj/2", [62, 64, 67, 72]),
        ("N", []),
        ("X", []),
    ],
)
def test_a_chord_is_voiced_with_the_bass_lowest(label: str, pitches: list[int]) -> None:
    notes = block_chords(Chords(np.array([[0.0, 1.0]]), (label,)), NO_BEATS, 1.0)
    assert notes.pitches.tolist() == pitches
    assert set(notes.velocities.tolist()) <= {100}
    assert set(notes.programs.tolist()) <= {0}


def test_blocks_are_struck_at_beats_and_chord_starts_and_last_to_the_next_strike() -> None:
    chords = Chords(np.array([[0.0, 1.25], [1.25, 2.0], [2.0, 3.0]]), ("C:(1)", "N", "D:(1)"))
    notes = block_chords(chords, Beats(np.array([0.5, 1.0, 1.5, 2.0, 2.5])), 2.75)
    assert rows_of(notes) == [(0, 0.5, 60), (0.5, 1, 60), (1, 1.25, 60), (2, 2.5, 62), (2.5, 2.75, 62)]


def test_without_beats_a_chord_is_struck_once() -> None:
    chords = Chords(np.array([[0.0, 2.0], [2.0, 4.0]]), ("C:(1)", "C:(1)"))
    assert rows_of(block_chords(chords, NO_BEATS, 4.0)) == [(0, 2, 60), (2, 4, 60)]


def test_a_beat_near_a_chord_start_is_not_a_second_strike() -> None:
    chords = Chords(np.array([[0.0, 1.0], [1.0, 2.0]]), ("C:(1)", "D:(1)"))
    notes = block_chords(chords, Beats(np.array([0.0000004, 0.9999996, 1.5, 1.5000001])), 2.0)
    assert rows_of(notes) == [(0, 1, 60), (1, 1.5, 62), (1.5, 2, 62)]


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(BenchError, match=r"chord label 'H:dur': not in Harte's notation"):
        block_chords(Chords(np.array([[0.0, 1.0]]), ("H:dur",)), NO_BEATS, 1.0)


ROOTS = ["C", "Db", "F#", "G", "B"]
QUALITIES = ["maj", "min", "7", "maj7", "min7", "dim", "aug", "hdim7", "sus4", "9", "maj6"]
DEGREES = ["1", "b3", "3", "5", "b7", "7", "2", "4"]


@given(st.sampled_from(ROOTS), st.sampled_from(QUALITIES), st.sampled_from(DEGREES))
@settings(max_examples=200, deadline=None)
def test_every_inversion_has_its_bass_lowest_and_its_own_pitch_classes(root: str, quality: str, bass: str) -> None:
    label = f"{root}:{quality}/{bass}"
    pitches = block_chords(Chords(np.array([[0.0, 1.0]]), (label,)), NO_BEATS, 1.0).pitches
    number, tones, interval = mir_eval.chord.encode(label)
    assert pitches.min() % 12 == (number + interval) % 12
    assert set(pitches % 12) == set((number + np.flatnonzero(tones)) % 12)
    assert len(pitches) == tones.sum()
    assert 60 <= pitches.min() <= pitches.max() <= 60 + 11 + 11 + 12


TIMES = st.lists(st.floats(0, 8, allow_nan=False), min_size=2, max_size=12, unique=True).map(sorted)


@given(TIMES, st.lists(st.floats(0, 8, allow_nan=False), max_size=20).map(sorted), st.data())
@settings(max_examples=100, deadline=None)
def test_strikes_lie_on_beats_or_chord_starts_and_never_overlap(
    edges: list[float], beats: list[float], data: st.DataObject
) -> None:
    labels = tuple(data.draw(st.sampled_from(["C:maj", "E:min/5", "N"])) for _ in edges[1:])
    chords = Chords(np.array(list(itertools.pairwise(edges))), labels)
    notes = block_chords(chords, Beats(np.array(beats)), 8.0)
    assert set(notes.intervals_s[:, 0]) <= {*beats, *edges}
    assert (notes.intervals_s[:, 1] > notes.intervals_s[:, 0]).all()
    assert_no_pitch_overlaps(notes)


def assert_no_pitch_overlaps(notes: Notes) -> None:
    for pitch in np.unique(notes.pitches):
        same = notes.intervals_s[notes.pitches == pitch]
        same = same[np.argsort(same[:, 0])]
        assert (same[1:, 0] >= same[:-1, 1]).all()


def test_a_cover_takes_long_notes_first() -> None:
    notes = notes_of((0.0, 1.0, 60), (0.5, 2.5, 60), (2.4, 2.6, 60), (0.0, 0.5, 64), (2.5, 3.0, 60))
    assert rows_of(piano_cover(notes)) == [(0.0, 0.5, 64), (0.5, 2.5, 60), (2.5, 3.0, 60)]


def test_a_cover_prefers_the_earlier_of_equally_long_notes() -> None:
    assert rows_of(piano_cover(notes_of((0.1, 1.1, 60), (0.0, 1.0, 60)))) == [(0.0, 1.0, 60)]


def test_notes_that_touch_inside_a_cell_are_both_kept_without_overlap() -> None:
    cover = piano_cover(notes_of((0.0, 1.004, 60), (0.996, 1.5, 60)))
    assert rows_of(cover) == [(0.0, 0.996, 60), (0.996, 1.5, 60)]


@pytest.mark.parametrize(
    ("program", "is_kept"),
    [
        (0, True),
        (31, True),
        (32, False),
        (103, False),
        (104, True),
        (108, True),
        (109, False),
        (113, False),
        (114, True),
    ]
    + [(115, False), (DRUM_PROGRAM, False)],
)
def test_a_cover_keeps_keyboards_and_plucked_strings(program: int, is_kept: bool) -> None:
    cover = piano_cover(notes_of((0.0, 1.0, 60), program=program))
    assert len(cover) == is_kept
    assert set(cover.programs.tolist()) <= {0}


def test_no_notes_make_an_empty_cover() -> None:
    assert len(piano_cover(notes_of())) == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.001, 2), st.integers(60, 62)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_cover_never_overlaps_is_its_own_cover_and_cannot_take_a_rejected_note(
    rows: list[tuple[float, float, int]],
) -> None:
    notes = notes_of(*[(start, start + length, pitch) for start, length, pitch in rows])
    cover = piano_cover(notes)
    assert_no_pitch_overlaps(cover)
    assert (cover.intervals_s[:, 1] > cover.intervals_s[:, 0]).all()
    for (start, end), pitch in zip(notes.intervals_s, notes.pitches, strict=True):
        same = cover.intervals_s[cover.pitches == pitch]
        assert ((same[:, 0] <= end + 0.011) & (same[:, 1] >= start - 0.011)).any()


def tone(level: float, n: int = 800, rate: int = 800) -> Audio:
    return Audio(level * np.sqrt(2) * np.sin(2 * np.pi * 50 * np.arange(n) / rate), rate)


def test_a_control_gets_the_level_of_the_context() -> None:
    assert rms(level_matched(tone(0.5), tone(0.02)).samples) == pytest.approx(0.02, rel=1e-5)


@pytest.mark.parametrize("around", [None, Audio(np.zeros(0), 800), Audio(np.zeros(800), 800)])
def test_a_control_without_context_gets_minus_20_dbfs(around: Audio | None) -> None:
    assert level_db(level_matched(tone(0.5), around).samples) == pytest.approx(-20, abs=1e-4)


def test_a_silent_control_stays_silent() -> None:
    assert not level_matched(Audio(np.zeros(800), 800), tone(0.1)).samples.any()


def test_the_level_is_that_of_the_visible_context_without_its_drums() -> None:
    mask = Mask(((10, 30),), 50)
    hidden = mask.inside(800)
    drums = np.where(hidden, 0.7, 0.25)
    masked = Audio(np.where(hidden, 0, 0.375), 800)
    around = visible_accompaniment(masked, Audio(drums, 800), mask)
    assert around is not None
    assert around.n_samples == 30 * 16
    assert rms(around.samples) == 0.125
    alone = visible_accompaniment(masked, None, mask)
    assert alone is not None
    assert rms(alone.samples) == 0.375


def test_without_any_context_there_is_no_level() -> None:
    assert visible_accompaniment(Audio(np.zeros(800), 800), None, Mask(((0, 50),), 50)) is None


@pytest.mark.parametrize("n", [44100, 40000, 50000])
def test_drums_come_mono_at_the_tasks_rate_and_exact_length(n: int) -> None:
    control = drums_control(Audio(np.full((2, n), 0.25), 44100), 1.0, 32000)
    assert control.kind == "drums"
    assert control.audio.samples.shape == (1, 32000)
    assert control.audio.sample_rate == 32000
    assert control.content is control.audio
    assert rms(control.audio.mono[8000:24000]) == pytest.approx(0.25, abs=1e-3)


def test_chords_come_with_their_beats_and_a_levelled_sound() -> None:
    chords = Chords(np.array([[-1.0, 1.0], [1.0, 9.0]]), ("C:maj", "N"))
    control = chords_control(chords, Beats(np.arange(5) / 2), Tone(), 2.0, 800, tone(0.05))
    assert control.kind == "chords"
    assert isinstance(control.content, Chords)
    assert control.content.intervals_s.tolist() == [[0.0, 1.0], [1.0, 2.0]]
    assert control.beats is not None
    assert control.beats.times_s.tolist() == [0.0, 0.5, 1.0, 1.5]
    assert control.audio.samples.shape == (1, 1600)
    assert rms(control.audio.samples) == pytest.approx(0.05, rel=1e-5)
    assert not control.audio.mono[800:].any()


def test_a_piano_control_is_the_cover_and_its_sound() -> None:
    control = piano_control(notes_of((0.5, 1.0, 60), (1.9, 4.0, 62), (2.5, 3.0, 64)), Tone(), 2.0, 800, None)
    assert control.kind == "piano"
    assert isinstance(control.content, Notes)
    assert rows_of(control.content) == [(0.5, 1.0, 60), (1.9, 2.0, 62)]
    assert level_db(control.audio.samples) == pytest.approx(-20, abs=1e-4)


def test_a_control_of_rests_is_silence() -> None:
    control = chords_control(Chords(np.array([[0.0, 2.0]]), ("N",)), NO_BEATS, Tone(), 2.0, 800, tone(0.1))
    assert not control.audio.samples.any()
