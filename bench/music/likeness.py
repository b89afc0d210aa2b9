"""Likeness: how alike two sounds are, whatever their level, and where a piece of one lies in another."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EQUAL_DB = -40.0
"""Level of what is left of an output, at the best gain and lag, from which it counts as the same sound."""


MOST_LAG_S = 0.1


_TINY = 1e-20


Sound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Resemblance:
    """How like two sounds are at the best gain and lag.

    Attributes:
        residual_db: Level of the difference against the first sound; -inf for the same samples, 0 for unrelated sounds.
        gain: Factor on the second sound; below 0 where it is inverted.
        lag_s: By how much the second comes later.
    """

    residual_db: float
    gain: float
    lag_s: float

    @property
    def is_equal(self) -> bool:
        """Whether they count as one sound."""
        return self.residual_db <= EQUAL_DB


def resemblance(first: Sound, second: Sound, sample_rate: int) -> Resemblance:
    """Compare two sounds over lags of +-0.1 s (whole samples) and any gain.

    The residual of the best fit is 10 log10(1 - rho^2), rho being their highest normalised correlation: a gain, a delay
    or an inversion leaves nothing, rounding to 16 bits -60 dB or less, noise its own level.

    Args:
        first: (n,).
        second: (n,).
        sample_rate: Of both, in Hz.
    """
    most = min(round(MOST_LAG_S * sample_rate), len(first) - 1)
    if not np.any(first) or not np.any(second):
        return Resemblance(0.0, 0.0, 0.0)
    products = _correlation(second, first)
    lags = np.arange(-most, most + 1)
    # Energies of the stretches that overlap at a lag, so that a delay costs nothing.
    rises = [np.concatenate([[0.0], np.cumsum(x**2)]) for x in (first, second)]
    n = len(first)
    of_first = rises[0][n - np.maximum(lags, 0)] - rises[0][np.maximum(-lags, 0)]
    of_second = rises[1][n - np.maximum(-lags, 0)] - rises[1][np.maximum(lags, 0)]
    found = products[lags] / np.sqrt(np.maximum(of_first * of_second, _TINY))
    best = int(np.argmax(np.abs(found)))
    rho, lag = float(np.clip(found[best], -1, 1)), int(lags[best])
    left = max(1 - rho**2, 0.0)
    gain = float(products[lag] / max(of_first[best], _TINY))
    return Resemblance(float(10 * np.log10(left)) if left > 0 else -np.inf, gain, lag / sample_rate)


def highest_correlation(piece: Sound, sound: Sound) -> float:
    """Return the highest |correlation| of a piece with any stretch of a sound of its length, 0 to 1."""
    if len(sound) < len(piece) or not np.any(piece):
        return 0.0
    products = np.abs(_correlation(sound, piece)[: len(sound) - len(piece) + 1])
    rises = np.concatenate([[0.0], np.cumsum(sound**2)])
    energies = rises[len(piece) :] - rises[: len(rises) - len(piece)]
    floor = max(float(energies.max()) * 1e-6, _TINY)
    return float(np.max(products / np.sqrt(np.maximum(energies, floor) * float(piece @ piece))))


def _level(sound: npt.NDArray[np.float32]) -> Sound:
    """Take an offset away, which two sounds may share."""
    values = sound.astype(np.float64)
    return values - values.mean() if len(values) else values


def _correlation(long: Sound, short: Sound) -> Sound:
    """Return sum over t of long[t + lag] short[t] at index `lag`; lags below 0 at the end, as FFTs have it."""
    import scipy.fft

    size = scipy.fft.next_fast_len(len(long) + len(short), real=True)
    spectrum = scipy.fft.rfft(long, size) * np.conj(scipy.fft.rfft(short, size))
    return np.asarray(scipy.fft.irfft(spectrum, size))
