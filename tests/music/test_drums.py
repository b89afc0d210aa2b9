"""Which sounds can be a drum kit: the low end of a kick or the high end of a cymbal."""

import numpy as np
import pytest

from bench.music.drums import is_kit

RATE = 32000
T = np.arange(2 * RATE) / RATE


def sine(hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * T).astype(np.float32)


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(1.0, 0.0, True), (0.0, 1.0, True), (0.0, 0.0, False), (0.2, 0.0, False)]
)
def test_a_share_of_lows_or_highs_makes_a_kit(low: float, high: float, expected: bool) -> None:
    assert is_kit(sine(1000) + low * sine(60) + high * sine(8000), RATE) is expected


def test_limits_are_minus_10_and_minus_25_db_of_the_whole() -> None:
    for hz, limit_db in ((60, -10.0), (8000, -25.0)):
        for beyond, expected in ((0.5, True), (-0.5, False)):
            share = 10 ** ((limit_db + beyond) / 10)
            assert is_kit(np.sqrt(1 - share) * sine(1000) + np.sqrt(share) * sine(hz), RATE) is expected


def test_silence_is_not_a_kit() -> None:
    assert not is_kit(np.zeros(1000, np.float32), RATE)
