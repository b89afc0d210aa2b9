"""The front end on a logarithmic frequency axis: where a sine lies, its level, its time."""

import pytest
import torch

from bench.mini.pitch import LOWEST_PITCH, N_BINS, PER_SEMITONE, SAMPLE_RATE, LogFrequency

FRONT = LogFrequency()


def sine(pitch: float, seconds: float = 2.0, gain: float = 0.1):
    t = torch.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return gain * torch.sin(2 * torch.pi * 440 * 2 ** ((pitch - 69) / 12) * t)[None]


@pytest.mark.parametrize("pitch", [33, 45, 60, 69, 81, 96, 108])
def test_a_sine_peaks_in_the_bin_of_its_pitch(pitch):
    maps = FRONT(sine(pitch))
    assert maps.shape == (1, 2, 2 * 50 + 1, N_BINS)
    assert abs(int(maps[0, 0, 50].argmax()) - PER_SEMITONE * (pitch - LOWEST_PITCH + 1)) <= (1 if pitch < 40 else 0)


def test_a_gain_changes_nothing():
    torch.testing.assert_close(FRONT(sine(60, gain=0.5)), FRONT(sine(60, gain=0.001)), rtol=0, atol=1e-4)


def test_both_maps_have_the_level_of_a_steady_sine():
    # A sine of RMS 1 relative to the sound's level is log(1) / 4 + 0.5, up to the interpolation between bins.
    peaks = FRONT(sine(69))[0, :, 50].amax(-1)
    assert peaks.tolist() == pytest.approx([0.5, 0.5], abs=0.15)


def test_the_short_windows_show_an_onset_in_time():
    sound = torch.cat([torch.zeros(1, SAMPLE_RATE), sine(69, 1.0)], dim=1)
    bin_ = PER_SEMITONE * (69 - LOWEST_PITCH + 1)
    rise = FRONT(sound)[0, 1, :, bin_].diff().argmax()
    assert abs(int(rise) - 50) <= 2


def test_silence_is_the_floor():
    maps = FRONT(torch.zeros(1, SAMPLE_RATE))
    assert torch.isfinite(maps).all() and float(maps.max()) == float(maps.min())
