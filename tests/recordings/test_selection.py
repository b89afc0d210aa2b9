"""The selection rule: levels in closed form, and each of its conditions alone."""

import numpy as np
import pytest

from bench.recordings.selection import EARLY_S, STEP_S, TrackLevels, powers, start_of

LOUD, QUIET, SILENT = 1e-2, 3e-6, 1e-7
"""-20, -55 and -70 dBFS."""


def steps(duration_s, value=LOUD):
    return np.full(round(duration_s / STEP_S), value)


def levels(duration_s=120.0, **changes):
    parts = {"mix": steps(duration_s), "harmony": steps(duration_s), "drums": steps(duration_s), "beats_s": None}
    return TrackLevels(duration_s, **(parts | changes))


def starts(of, n=200):
    return {start_of(of, f"track {k}", 0)[0] for k in range(n)}


@pytest.mark.parametrize("rate", [16000, 44100, 22050])
def test_powers_are_mean_squares_of_a_tenth_of_a_second(rate):
    at = np.arange(rate * 2) / rate
    sine = np.sin(2 * np.pi * 100 * at) * np.where(at < 1, 1.0, 0.1)
    found = powers(np.stack([sine, np.zeros_like(sine)]).astype(np.float32), rate)
    assert found.shape == (20,)
    assert np.allclose(found[:10], 0.25, rtol=1e-2) and np.allclose(found[10:], 0.0025, rtol=1e-2)
    assert powers(np.ones(rate // 10 - 1, np.float32), rate).shape == (0,)
    assert powers(np.ones(rate // 10, np.float32), rate) == pytest.approx(1.0)


def test_every_whole_second_that_leaves_room_can_be_drawn_and_no_other():
    assert starts(levels(60.0), 2000) == {float(second) for second in range(1, 30)}
    assert starts(levels(25.0), 500) == {float(second) for second in range(1, 10)}


def test_the_draw_depends_on_track_and_seed_alone():
    assert start_of(levels(), "a", 0) == start_of(levels(), "a", 0)
    assert len({start_of(levels(), "a", seed)[0] for seed in range(20)}) > 5


def test_excerpts_begin_40_ms_before_a_beat_on_the_grid_of_frames():
    beats = np.arange(0.3, 120, 0.517)
    found = starts(levels(beats_s=beats))
    assert all(abs(start * 50 - round(start * 50)) < 1e-6 for start in found)
    before = np.array([beats[np.argmin(np.abs(beats - EARLY_S - start))] - start for start in found])
    assert before.min() >= EARLY_S - 1e-6 and before.max() < EARLY_S + 0.02
    assert start_of(levels(beats_s=np.array([0.5, 119.0])), "a", 0) == (None, "no beat where an excerpt may begin")


def test_a_second_of_silence_is_refused_and_less_is_not():
    mix = steps(120)
    mix[500:510] = SILENT
    found = starts(levels(mix=mix), 1000)
    assert found and all(start >= 51 or start + 15 <= 50.9 for start in found)
    mix[500] = LOUD
    assert any(40 < start < 50 for start in starts(levels(mix=mix), 1000))


@pytest.mark.parametrize("part", ["drums", "harmony"])
def test_both_parts_must_sound_inside_the_hole_and_outside(part):
    silent_at_first = steps(120)
    silent_at_first[:600] = QUIET
    found = starts(levels(**{part: silent_at_first}), 1000)
    # Of the eight whole seconds outside of the hole, four before and four behind it, six must sound.
    assert min(found) == 58.0 and max(found) == 89.0
    start, why = start_of(levels(**{part: steps(120, QUIET)}), "a", 0)
    assert start is None and why == f"none of 89 starts is accepted: 89 with too little {part}"


def test_unknown_drums_are_not_checked():
    assert start_of(levels(drums=None), "a", 0)[0] is not None


def test_a_short_track_says_how_short():
    assert start_of(levels(16.9), "a", 0) == (None, "16.9 s long, an excerpt takes 17 s with its edges")
    assert start_of(levels(17.0), "a", 0)[0] == 1.0
