"""Effects of a recording: level, polarity, silence, reverb and saturation."""

import numpy as np
import pytest

from bench.music.effects import Effects, draw

RATE = 32000
NOISE = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)


def rms(sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def test_an_equaliser_keeps_the_level_and_changes_the_balance_of_frequencies():
    treated = Effects(5).apply(NOISE, RATE)
    assert rms(treated) == pytest.approx(rms(NOISE), rel=1e-4)
    before, after = (np.abs(np.fft.rfft(sound)) for sound in (NOISE, treated))
    ratios = 20 * np.log10([(after / before)[a : a + 500].mean() for a in (200, 2000, 8000)])
    assert np.ptp(ratios) > 1


def test_polarity_is_inverted():
    np.testing.assert_allclose(Effects(5, sign=-1).apply(NOISE, RATE), -Effects(5).apply(NOISE, RATE), atol=1e-7)


def test_silence_stays_silence():
    assert not Effects(1, 1.0, -8.0, 0.8).apply(np.zeros(1000, np.float32), RATE).any()


def test_reverb_sounds_on_after_a_click_and_decays():
    click = np.zeros(RATE, dtype=np.float32)
    click[100] = 1.0
    dry, wet = (Effects(3, decay_s).apply(click, RATE) for decay_s in (0.0, 0.5))
    assert rms(wet[2000:6000]) > 100 * rms(dry[2000:6000])
    # 0.2 s are 24 dB of a decay of 60 dB in 0.5 s.
    fall_db = 20 * np.log10(rms(wet[2000:3600]) / rms(wet[2000 + 6400 : 3600 + 6400]))
    assert fall_db == pytest.approx(24, abs=2)


def test_saturation_flattens_peaks():
    loud = np.sin(np.arange(RATE) / 10).astype(np.float32)
    plain, driven = (np.abs(Effects(3, drive=drive).apply(loud, RATE)) for drive in (0.0, 0.8))
    assert driven.max() / np.median(driven) < plain.max() / np.median(plain)


def test_draws_cover_all_effects():
    drawn = [draw(np.random.default_rng(seed)) for seed in range(200)]
    assert {one.sign for one in drawn} == {-1, 1}
    assert 0.4 < np.mean([one.decay_s > 0 for one in drawn]) < 0.6
    assert 0.1 < np.mean([one.drive > 0 for one in drawn]) < 0.3
    assert draw(np.random.default_rng(1)) == draw(np.random.default_rng(1))
