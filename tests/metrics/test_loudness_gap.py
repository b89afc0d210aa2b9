"""Loudness gap against pyloudnorm of the joined holes; gains of known size are in `test_seams`."""

import numpy as np
import pyloudnorm
import pytest

from bench.audio import Audio
from bench.mask import Mask
from bench.metrics.loudness_gap import build
from tests.metrics.fakes import ONE_HOLE, RATE, TWO_HOLES, example, heard, noise


def measured(reference: Audio, output: Audio, mask: Mask = ONE_HOLE):
    one = example(reference, mask)
    return build().measure(one, heard(one, output))["loudness-gap"]


def joined(audio: Audio, mask: Mask) -> np.ndarray:
    return np.concatenate([audio.mono[round(a * RATE) : round(b * RATE)] for a, b in mask.holes_s]).astype(np.float64)


@pytest.mark.parametrize("mask", [ONE_HOLE, TWO_HOLES])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_pyloudnorm_of_the_joined_holes(seed: int, mask: Mask) -> None:
    rng, meter = np.random.default_rng(seed), pyloudnorm.Meter(RATE)
    reference, output = (
        Audio(noise(seed + k).mono * np.repeat(rng.uniform(0.05, 2, 16), RATE // 2), RATE) for k in (0, 30)
    )
    wanted = meter.integrated_loudness(joined(output, mask)) - meter.integrated_loudness(joined(reference, mask))
    assert measured(reference, output, mask).value == pytest.approx(wanted, abs=1e-9)


def test_holes_are_joined_and_not_averaged() -> None:
    """One hole 20 dB down is gated away by the loud one: averaging would read -10."""
    gain = np.repeat([1.0, 0.1], 4 * RATE)
    assert measured(noise(0), Audio(gain * noise(0).mono, RATE), TWO_HOLES).value > -4


def test_the_context_does_not_count() -> None:
    loud = Audio(np.where(ONE_HOLE.inside(RATE), 1, 5) * noise(0).mono, RATE)
    assert measured(noise(0), loud).value == 0
