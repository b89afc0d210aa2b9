"""Loudness against ITU-R BS.1770-4 written out with the coefficients that the standard prints, and closed forms."""

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import lfilter

from bench.audio import Audio
from bench.music.loudness import FLOOR_LUFS, loudness

RATE = 48000
SHELF = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585])
HIGH_PASS = ([1.0, -2.0, 1.0], [1, -1.99004745483398, 0.99007225036621])


def by_the_standard(sound: np.ndarray) -> float:
    """Annex 1 at 48 kHz, one channel: both filters, blocks of 400 ms with 75 % overlap, both gates."""
    weighted = lfilter(*HIGH_PASS, lfilter(*SHELF, sound.astype(np.float64)))
    size, step = RATE * 4 // 10, RATE // 10
    power = np.array([np.mean(weighted[k : k + size] ** 2) for k in range(0, len(sound) - size + 1, step)])
    level = -0.691 + 10 * np.log10(np.maximum(power, 1e-30))
    absolute = power[level > -70]
    if not len(absolute):
        return -np.inf
    relative = -0.691 + 10 * np.log10(absolute.mean()) - 10
    return float(-0.691 + 10 * np.log10(power[(level > -70) & (level > relative)].mean()))


def sine(hz: float, dbfs: float = 0.0, seconds: float = 5.0, rate: int = RATE) -> Audio:
    t = np.arange(round(seconds * rate)) / rate
    return Audio(10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * t), rate)


@pytest.mark.parametrize("dbfs", [0.0, -20.0, -40.0])
@pytest.mark.parametrize(("rate", "within"), [(16000, 0.1), (32000, 0.06), (44100, 0.06), (48000, 0.06)])
def test_a_sine_of_997_hz_lies_3_01_lu_under_its_peak(rate: int, within: float, dbfs: float) -> None:
    """EBU Tech 3341 allows a meter 0.1 LU; pyloudnorm's shelf costs 0.04 at 48 kHz, 0.07 at 16 kHz, and cancels in differences."""
    assert loudness(sine(997, dbfs, rate=rate)) == pytest.approx(dbfs - 3.01, abs=within)


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_standard_on_music_like_noise_with_pauses(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sound = lfilter([1], [1, -0.9], rng.normal(0, 0.02, 4 * RATE)) * np.repeat(rng.choice([0.001, 0.3, 1], 40), 4800)
    assert loudness(Audio(sound, RATE)) == pytest.approx(by_the_standard(sound), abs=0.05)


@pytest.mark.parametrize("rate", [16000, 32000, 48000])
def test_agrees_with_pyloudnorm_where_it_is_defined(rate: int) -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 2 * rate).astype(np.float32)
    wanted = pyloudnorm.Meter(rate).integrated_loudness(sound.astype(np.float64))
    assert loudness(Audio(sound, rate)) == wanted


def test_the_quiet_half_is_gated_away() -> None:
    loud = sine(997, -20)
    both = Audio(np.concatenate([loud.mono, 0.01 * loud.mono]), RATE)
    assert loudness(both) == pytest.approx(loudness(loud), abs=0.3)


@pytest.mark.parametrize("gain_db", [-30.0, -6.0, 12.0])
def test_gain_shifts_by_its_db_and_inversion_by_nothing(gain_db: float) -> None:
    sound = np.random.default_rng(0).normal(0, 0.05, 2 * RATE)
    before = loudness(Audio(sound, RATE))
    assert loudness(Audio(10 ** (gain_db / 20) * sound, RATE)) == pytest.approx(before + gain_db, abs=1e-4)
    assert loudness(Audio(-sound, RATE)) == pytest.approx(before, abs=1e-9)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.39, 0.4, 0.41])
def test_stretches_about_one_block_long_have_the_level_of_the_sound(seconds: float) -> None:
    assert loudness(sine(1000, -20, seconds)) == pytest.approx(loudness(sine(1000, -20, 4.0)), abs=1.0)


def test_channels_are_mixed_to_one() -> None:
    left = sine(997).mono
    assert loudness(Audio(np.stack([left, left]), RATE)) == loudness(Audio(left, RATE))
    assert loudness(Audio(np.stack([left, -left]), RATE)) == FLOOR_LUFS


@pytest.mark.parametrize(
    "sound", [np.zeros(0), np.zeros(100), np.zeros(2 * RATE), 1e-5 * np.ones(2 * RATE), sine(997, -80).mono]
)
def test_nothing_lies_under_the_floor(sound: np.ndarray) -> None:
    assert loudness(Audio(sound, RATE)) == FLOOR_LUFS
