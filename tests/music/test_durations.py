"""Durations of notes and chords that were detected by their onset only."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.music.durations import held, tiled


def test_a_note_lasts_until_its_next_onset_half_a_second_or_the_end() -> None:
    found = held(np.array([2.0, 0.0, 0.2, 0.3, 3.0]), np.array([60, 60, 62, 60, 60]), 80, 2.3)
    np.testing.assert_allclose(found.intervals_s, [[0, 0.3], [0.2, 0.7], [0.3, 0.8], [2.0, 2.3]])
    assert found.pitches.tolist() == [60, 62, 60, 60]
    assert found.velocities.tolist() == [80] * 4


def test_velocities_stay_with_their_notes() -> None:
    found = held(np.array([1.0, 0.0]), np.array([60, 61]), [90, 30], 5.0)
    assert found.velocities.tolist() == [30, 90]


def test_no_onsets_give_no_notes() -> None:
    assert not len(held(np.zeros(0), np.zeros(0), 80, 1.0))


def test_chords_fill_the_whole_stretch() -> None:
    found = tiled(np.array([0.3, 1.0, 2.0, 9.0]), ["C:maj", "N", "A:min", "F:maj"], 3.0)
    np.testing.assert_allclose(found.intervals_s, [[0, 1], [1, 2], [2, 3]])
    assert found.labels == ("C:maj", "N", "A:min")


def test_equal_neighbours_are_one_chord() -> None:
    found = tiled(np.array([0.0, 1.0, 2.0]), ["C:maj", "C:maj", "N"], 3.0)
    np.testing.assert_allclose(found.intervals_s, [[0, 2], [2, 3]])


def test_no_starts_give_one_no_chord() -> None:
    assert tiled(np.zeros(0), [], 2.0).labels == ("N",)
    assert not tiled(np.zeros(0), [], 0.0).labels


@given(st.lists(st.floats(-1, 10), max_size=12), st.floats(0.01, 8))
def test_there_are_never_gaps(starts: list[float], end_s: float) -> None:
    starts = sorted(set(starts))
    found = tiled(np.array(starts), [f"{k}" for k in range(len(starts))], end_s)
    assert found.intervals_s[0, 0] == 0 and found.intervals_s[-1, 1] == end_s
    np.testing.assert_array_equal(found.intervals_s[1:, 0], found.intervals_s[:-1, 1])
