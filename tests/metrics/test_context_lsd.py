"""Context LSD against loops."""

import numpy as np
import pytest
from scipy.signal import get_window

from bench.audio import Audio
from bench.mask import Mask
from bench.metrics.context_lsd import build
from tests.metrics.fakes import EVERYTHING, ONE_HOLE, RATE, TWO_HOLES, example, heard, noise


def measured(reference: Audio, output: Audio, mask: Mask = ONE_HOLE):
    return build().measure(example(reference, mask), heard(example(reference, mask), output))["context-lsd"]


def by_loops(reference: np.ndarray, output: np.ndarray, mask: Mask) -> tuple[float, int]:
    window = get_window("hann", 2048)
    frames = []
    for start in range(0, len(reference) - 2048 + 1, 512):
        first, last = start, start + 2048 - 1
        if all(last < (a - 0.05) * RATE or first >= (b + 0.05) * RATE for a, b in mask.holes_s):
            frames.append(start)
    power = [
        [np.abs(np.fft.rfft(x[s : s + 2048].astype(float) * window)) ** 2 for s in frames] for x in (reference, output)
    ]
    floor = max(p.max() for p in power[0]) * 1e-8
    values = []
    for r, o in zip(*power, strict=True):
        gap = 10 * np.log10(np.maximum(r, floor)) - 10 * np.log10(np.maximum(o, floor))
        values.append(np.sqrt(np.mean(gap**2)))
    return float(np.mean(values)), len(frames)


@pytest.mark.parametrize("mask", [ONE_HOLE, TWO_HOLES])
def test_agrees_with_loops(mask: Mask) -> None:
    reference, output = noise(0), noise(1)
    value, n = by_loops(reference.mono, output.mono, mask)
    found = measured(reference, output, mask)
    assert found.value == pytest.approx(value, rel=1e-9)
    assert abs(found.n - n) <= 2 * len(mask.holes)


def test_an_unchanged_context_is_0_whatever_is_in_the_hole() -> None:
    reference = noise(0)
    inside = ONE_HOLE.inside(RATE)
    changed = Audio(np.where(inside, noise(5).mono, reference.mono), RATE)
    assert measured(reference, changed).value == 0


def test_a_gain_of_6_db_is_6_db() -> None:
    reference = noise(0)
    assert measured(reference, Audio(2 * reference.mono, RATE)).value == pytest.approx(20 * np.log10(2), abs=1e-6)


def test_a_silent_context_is_held_at_the_floor() -> None:
    value = measured(noise(0), Audio(np.zeros(8 * RATE), RATE)).value
    assert 55 < value < 80


def test_no_context_and_a_silent_reference_are_undefined() -> None:
    assert measured(noise(0), noise(1), EVERYTHING).state == "no-context"
    assert measured(Audio(np.zeros(8 * RATE), RATE), noise(1)).state == "undefined-reference"
