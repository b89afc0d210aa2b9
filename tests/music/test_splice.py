"""Splicing: exact context, equal power, and a prediction that carries a tone over the edge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.audio import Audio
from bench.mask import Mask, from_flags
from bench.music.splice import Piece, are_seen, assembled, filled, merged, seen_counts, spliced, stitched, tiled

RATE = 16000


def test_content_goes_into_the_holes_alone() -> None:
    mask = Mask(((10, 20),), 50)
    out = filled(Audio(np.full(RATE, 0.25), RATE), mask, np.full(RATE, 0.5))
    assert np.array_equal(out.mono == 0.5, mask.inside(RATE))
    assert out.samples.dtype == np.float32


@given(st.lists(st.booleans(), min_size=50, max_size=50), st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_whatever_the_mask_and_fade_the_context_stays_bit_for_bit(flags: list[bool], fade: int) -> None:
    mask = from_flags(np.array(flags))
    rng = np.random.default_rng(0)
    hidden = mask.inside(RATE)
    masked = Audio(np.where(hidden, 0, rng.standard_normal(RATE)), RATE)
    out = spliced(masked, mask, rng.standard_normal(RATE), fade).mono
    assert np.array_equal(out[~hidden], masked.mono[~hidden])
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 20


@pytest.mark.parametrize("hz", [110.0, 440.0, 3000.0])
def test_a_tone_goes_on_over_both_edges(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)
    mask = Mask(((20, 30),), 50)
    masked = Audio(np.where(mask.inside(RATE), 0, tone), RATE)
    out = spliced(masked, mask, np.zeros(RATE), fade=800).mono
    for place in (20 * 320, 30 * 320 - 60):
        assert np.allclose(out[place : place + 60], tone[place : place + 60], atol=0.25)
    assert np.abs(np.diff(out)[20 * 320 - 5 : 20 * 320 + 5]).max() <= 1.3 * np.abs(np.diff(tone)).max()
    assert not out[20 * 320 + 800 : 30 * 320 - 800].any()


def test_silent_context_is_predicted_silent() -> None:
    mask = Mask(((20, 30),), 50)
    out = spliced(Audio(np.zeros(RATE), RATE), mask, np.ones(RATE), fade=800).mono
    assert out[20 * 320] < 0.01
    assert (out[20 * 320 + 800 : 30 * 320 - 800] == 1).all()


def test_at_the_ends_of_the_excerpt_nothing_is_faded() -> None:
    masked = Audio(np.zeros(RATE), RATE)
    assert (spliced(masked, Mask(((0, 50),), 50), np.ones(RATE), fade=800).mono == 1).all()


def test_pieces_with_equal_lags_are_joined() -> None:
    pieces = [Piece(0, 10, 100), Piece(10, 20, 111), Piece(20, 30, 300), Piece(40, 50, 320)]
    assert merged(pieces, tolerance=1) == [Piece(0, 20, 100), Piece(20, 30, 300), Piece(40, 50, 320)]
    assert merged(pieces, tolerance=0) == pieces


def test_pieces_are_cross_faded_at_equal_power() -> None:
    rng = np.random.default_rng(1)
    sound = rng.standard_normal(40000).astype(np.float32)
    visible = np.arange(40000) < 24000
    out = assembled(sound, visible, [Piece(24000, 32000, 100), Piece(32000, 40000, 12000)], fade=4000)
    assert np.array_equal(out[26000:30000], sound[2100:6100].astype(float))
    assert np.array_equal(out[34000:], sound[14000:20000].astype(float))
    assert float(np.mean(out[30000:34000] ** 2)) == pytest.approx(1, abs=0.08)
    assert not out[:22000].any()


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(-5, 65), st.integers(1, 12))
def test_a_stretch_is_seen_if_every_sample_is(flags: list[bool], start: int, length: int) -> None:
    visible = np.array(flags)
    expected = start >= 0 and start + length <= len(flags) and bool(visible[start : start + length].all())
    assert bool(are_seen(seen_counts(visible), np.array([start]), length)[0]) == expected


def test_tiles_repeat_the_longest_visible_stretch() -> None:
    visible = np.array([1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    assert tiled(visible, 7, 11) == [Piece(7, 10, 4), Piece(10, 11, 4)]
    assert tiled(np.zeros(5, dtype=bool), 0, 5) == []


def test_stitching_keeps_the_hole_and_gives_the_context_back() -> None:
    mask = Mask(((10, 20), (30, 35)), 50)
    hidden = mask.inside(RATE)
    given = Audio(np.where(hidden, 0.0, 0.25), RATE)
    out = stitched(given, mask, Audio(np.full(RATE, 0.75), RATE)).mono
    assert (out[hidden] == 0.75).all()
    n_fade = RATE // 50
    start, end = 10 * RATE // 50, 20 * RATE // 50
    assert (out[: start - n_fade] == 0.25).all() and (out[end + n_fade : 30 * RATE // 50 - n_fade] == 0.25).all()
    rise = 0.25 + 0.5 * np.arange(1, n_fade + 1) / (n_fade + 1)
    assert out[start - n_fade : start] == pytest.approx(rise, abs=1e-6)
    assert out[end : end + n_fade] == pytest.approx(rise[::-1], abs=1e-6)


def test_stitching_an_exact_context_or_no_context_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(RATE).astype(np.float32)
    mask = Mask(((10, 20),), 50)
    given = Audio(np.where(mask.inside(RATE), 0, sound), RATE)
    assert stitched(given, mask, Audio(sound, RATE)).mono == pytest.approx(sound, abs=1e-6)
    everything = Mask(((0, 50),), 50)
    assert np.array_equal(stitched(Audio(np.zeros(RATE), RATE), everything, Audio(sound, RATE)).mono, sound)
