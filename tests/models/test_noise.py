"""Noise: the context's loudness, white, and from the request's seed alone."""

import numpy as np
import pyloudnorm
import pytest

from bench import plugins
from bench.audio import Audio
from bench.example import Request
from bench.mask import Mask, centre, everything

RATE = 32000


def filled(level: float, mask: Mask, seed: int = 3) -> np.ndarray:
    n = mask.n_frames * RATE // 50
    tone = level * np.sin(2 * np.pi * 440 * np.arange(n) / RATE)
    masked = Audio(np.where(mask.inside(RATE), 0, tone), RATE)
    request = Request("song", "t", 1, masked, mask, seed=seed)
    output: Audio = plugins.load("models", "noise").edit([request])[0]
    return output.mono[mask.inside(RATE)]


def lufs(samples: np.ndarray) -> float:
    return float(pyloudnorm.Meter(RATE).integrated_loudness(samples.astype(float)))


@pytest.mark.parametrize("level", [0.5, 0.05])
def test_the_hole_is_as_loud_as_the_context(level: float) -> None:
    tone = level * np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)
    assert lufs(filled(level, centre(500))) == pytest.approx(lufs(tone), abs=0.1)


def test_without_context_the_noise_is_at_programme_level() -> None:
    assert lufs(filled(0.5, everything(500))) == pytest.approx(-23, abs=0.05)


def test_a_context_too_short_to_have_a_loudness_counts_as_none() -> None:
    assert lufs(filled(0.5, Mask(((10, 500),), 500))) == pytest.approx(-23, abs=0.1)


def test_the_noise_is_white() -> None:
    power = np.abs(np.fft.rfft(filled(0.5, centre(500)))) ** 2
    octaves = [float(power[len(power) // 2 ** (k + 1) : len(power) // 2**k].mean()) for k in range(6)]
    assert max(octaves) / min(octaves) < 1.2


def test_another_seed_gives_other_noise() -> None:
    assert np.abs(np.corrcoef(filled(0.5, centre(500), 1), filled(0.5, centre(500), 2))[0, 1]) < 0.02


@pytest.mark.parametrize("level", [0.0, 3e-5])
def test_a_silent_context_gives_silence(level: float) -> None:
    assert not filled(level, centre(500)).any()
