"""Likeness: compare two sounds at the best gain and lag, and find a piece of one in another."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EQUAL_DB = -40.0
"""Two sounds count as the same if their difference, at the best gain and lag, is at most this level."""
MOST_LAG_S = 0.1
_TINY = 1e-20

Sound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Resemblance:
    """How alike two sounds are at the best gain and lag.

    Attributes:
        residual_db: Level of the difference relative to the first sound; -inf for the same samples, 0 for unrelated
            sounds.
        gain: Factor from the first sound to the second; below 0 where it is inverted.
        lag_s: Seconds by which the second sound is later than the first.
    """

    residual_db: float
    gain: float
    lag_s: float

    @property
    def is_equal(self) -> bool:
        """Whether they count as the same sound."""
        return self.residual_db <= EQUAL_DB


def resemblance(first: Sound, second: Sound, sample_rate: int) -> Resemblance:
    """Compare two sounds over lags of +-0.1 s (whole samples) and any gain.

    The residual of the best fit is 10 log10(1 - rho^2), where rho is the highest normalised correlation: after a gain,
    a delay or an inversion it is -inf, after rounding to 16 bits -60 dB or less, with added noise the noise's level.

    Args:
        first: (n,).
        second: (n,).
        sample_rate: Of both, in Hz.

    Returns:
        The best fit; a residual of 0 dB if either sound is silent.
    """
    most = min(round(MOST_LAG_S * sample_rate), len(first) - 1)
    if not np.any(first) or not np.any(second):
        return Resemblance(0.0, 0.0, 0.0)
    products = _correlation(second, first)
    lags = np.arange(-most, most + 1)
    # Normalise by the energies of the overlapping stretches, so that a delay costs nothing.
    rises = [np.concatenate([[0.0], np.cumsum(x**2)]) for x in (first, second)]
    n = len(first)
    of_first = rises[0][n - np.maximum(lags, 0)] - rises[0][np.maximum(-lags, 0)]
    of_second = rises[1][n - np.maximum(-lags, 0)] - rises[1][np.maximum(lags, 0)]
    correlations = products[lags] / np.sqrt(np.maximum(of_first * of_second, _TINY))
    best = int(np.argmax(np.abs(correlations)))
    rho, lag = float(np.clip(correlations[best], -1, 1)), int(lags[best])
    left = max(1 - rho**2, 0.0)
    gain = float(products[lag] / max(of_first[best], _TINY))
    return Resemblance(float(10 * np.log10(left)) if left > 0 else -np.inf, gain, lag / sample_rate)


def highest_correlation(piece: Sound, sound: Sound) -> float:
    """Return the highest |correlation| of a piece with any stretch of a sound that has the piece's length, 0 to 1.

    It is 0 where the piece is silent or longer than the sound.
    """
    if len(sound) < len(piece) or not np.any(piece):
        return 0.0
    products = np.abs(_correlation(sound, piece)[: len(sound) - len(piece) + 1])
    rises = np.concatenate([[0.0], np.cumsum(sound**2)])
    energies = rises[len(piece) :] - rises[: len(rises) - len(piece)]
    floor = max(float(energies.max()) * 1e-6, _TINY)
    return float(np.max(products / np.sqrt(np.maximum(energies, floor) * float(piece @ piece))))


def centred(sound: npt.NDArray[np.float32]) -> Sound:
    """Return the sound without its mean, since two sounds may share an offset."""
    values = sound.astype(np.float64)
    return values - values.mean() if len(values) else values


def _correlation(long: Sound, short: Sound) -> Sound:
    """Return sum over t of long[t + lag] short[t] at index `lag`; negative lags are at the end, in FFT order."""
    import scipy.fft

    size = scipy.fft.next_fast_len(len(long) + len(short), real=True)
    spectrum = scipy.fft.rfft(long, size) * np.conj(scipy.fft.rfft(short, size))
    return np.asarray(scipy.fft.irfft(spectrum, size))
