"""Metre: a known tempo, phase and bar are found with half of the sound masked."""

import numpy as np
import pytest

from bench.mask import centre
from bench.music.metre import (
    FEATURE_RATE,
    Grid,
    bar_length,
    clear_lag,
    fitted_grid,
    likeness_at_lags,
    log_bands,
    onset_strength,
    sharpened,
    tempo_of,
    visible_frames,
)
from bench.symbols import Beats

RATE, DURATION_S = 16000, 15.0
HOLES_S = centre(750).holes_s


def clicks(period_s: float, phase_s: float, per_bar: int = 4) -> np.ndarray:
    """Return noise bursts on the beats, each place of the bar at a pitch of its own."""
    rng = np.random.default_rng(7)
    sound = np.zeros(round(DURATION_S * RATE))
    n = 1600
    for k in range(int((DURATION_S - phase_s - n / RATE) / period_s) + 1):
        at = round((phase_s + k * period_s) * RATE)
        tone = np.sin(2 * np.pi * 300 * 2 ** (k % per_bar) * np.arange(n) / RATE)
        sound[at : at + n] += (tone + 0.3 * rng.standard_normal(n)) * np.exp(-np.arange(n) / 400)
    return sound


def seen(n_frames: int) -> np.ndarray:
    return visible_frames(HOLES_S, n_frames)


@pytest.mark.parametrize(("bpm", "phase_s"), [(72.3, 0.1), (93.0, 0.5), (120.0, 0.0), (137.7, 0.31)])
@pytest.mark.parametrize("error", [0.96, 1.0, 1.05])
def test_one_grid_fits_both_sides_of_a_hole(bpm: float, phase_s: float, error: float) -> None:
    sound = clicks(60 / bpm, phase_s)
    hidden = (np.arange(len(sound)) >= HOLES_S[0][0] * RATE) & (np.arange(len(sound)) < HOLES_S[0][1] * RATE)
    bands = log_bands(np.where(hidden, 0, sound), RATE)
    grid = fitted_grid(bands, seen(len(bands)), hint_s=error * 60 / bpm)
    assert grid.period_s == pytest.approx(60 / bpm, rel=0.002)
    beats = grid.times_s(DURATION_S)
    truth = phase_s + 60 / bpm * np.arange(5)
    assert max(float(np.abs(beats - time).min()) for time in truth) < 0.02


@pytest.mark.parametrize("per_bar", [3, 4])
def test_the_bar_is_the_length_that_repeats(per_bar: int) -> None:
    bands = log_bands(clicks(0.5, 0.0, per_bar), RATE)
    assert bar_length(bands, seen(len(bands)), Grid(0.5, 0.0)) == per_bar


def test_silence_has_the_hints_grid_and_bars_of_four() -> None:
    bands = log_bands(np.zeros(RATE), RATE)
    assert not bands.any()
    visible = np.ones(len(bands), dtype=bool)
    assert fitted_grid(bands, visible, 0.6) == Grid(0.6, 0.0)
    assert bar_length(bands, visible, Grid(0.6, 0.0)) == 4


def test_bands_do_not_depend_on_gain() -> None:
    sound = np.random.default_rng(0).standard_normal(RATE)
    bands = log_bands(sound, RATE)
    assert bands.shape == (FEATURE_RATE + 1, 32)
    assert 0 <= bands.min() <= bands.max() <= 80.0001
    assert np.allclose(bands, log_bands(sound / 100, RATE), atol=1e-3)


def test_onsets_are_where_the_sound_begins() -> None:
    sound = np.zeros(RATE)
    sound[6400:8000] = np.random.default_rng(0).standard_normal(1600)
    assert abs(int(np.argmax(onset_strength(log_bands(sound, RATE)))) / FEATURE_RATE - 0.4) <= 0.015


def test_likeness_is_the_normalised_autocorrelation_of_what_is_visible() -> None:
    rng = np.random.default_rng(2)
    sound = rng.standard_normal(300)
    visible = rng.random(300) < 0.7
    likeness = likeness_at_lags(np.where(visible, sound, 99.0), visible)
    for lag in (1, 17, 100):
        both = visible[lag:] & visible[:-lag]
        early, late = sound[:-lag][both], sound[lag:][both]
        expected = (early * late).sum() / np.sqrt((early**2).sum() * (late**2).sum())
        assert likeness[lag] == pytest.approx(expected, abs=1e-9)


def test_a_repetition_corrects_lag_and_period() -> None:
    bar = np.random.default_rng(3).standard_normal(8050)
    sound = np.tile(bar, 6)
    likeness = likeness_at_lags(sound, np.ones(len(sound), dtype=bool))
    assert clear_lag(likeness, 8000, RATE) == 8050
    assert clear_lag(likeness, 4000, RATE) == 4000
    grid = sharpened(Grid(2000 / RATE, 0.0), likeness, RATE)
    assert grid.period_s * RATE == pytest.approx(8050 / 4, abs=1e-6)


def test_a_grid_covers_the_excerpt_and_more() -> None:
    times = Grid(0.7, 0.3).times_s(15.0)
    assert times[0] < 0 < 15 < times[-1]
    assert np.allclose(np.diff(times), 0.7)


def test_the_tempo_of_too_few_beats_is_120_bpm() -> None:
    assert tempo_of(Beats(np.array([1.0, 2.0]))) == 0.5
    assert tempo_of(Beats(np.array([0.0, 0.6, 1.2, 1.8]))) == pytest.approx(0.6)
    assert tempo_of(Beats(np.arange(9) / 10)) == 0.25
