"""Tests of bench.listening.anchor."""

import numpy as np
import pytest

from bench.audio import Audio
from bench.listening.anchor import low_passed, taps


@pytest.mark.parametrize("rate", [16000, 32000, 44100, 48000])
def test_the_filter_is_flat_to_3500_hz_and_blocks_from_4000(rate):
    from scipy.signal import freqz

    found = taps(rate)
    pass_hz, stop_hz = np.linspace(0, 3500, 400), np.linspace(4000, rate / 2, 400)
    assert np.abs(20 * np.log10(np.abs(freqz(found, 1, pass_hz, fs=rate)[1]))).max() < 0.05
    assert 20 * np.log10(np.abs(freqz(found, 1, stop_hz, fs=rate)[1]).max()) < -55


def test_the_filter_has_no_delay():
    at = np.arange(32000) / 32000
    low, high = np.sin(2 * np.pi * 1000 * at), np.sin(2 * np.pi * 6000 * at)
    made = low_passed(Audio((0.3 * (low + high)).astype(np.float32), 32000)).mono
    assert np.abs(made - 0.3 * low)[2000:-2000].max() < 1e-3


def test_low_sample_rates_are_unchanged():
    audio = Audio(np.ones(100, np.float32), 8000)
    assert low_passed(audio) is audio
