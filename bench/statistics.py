"""Statistics: confidence intervals, paired differences, corrected p-values, rank intervals.

The unit is the song: excerpts of one song are averaged first, then songs are resampled or their signs flipped.
Everything is seeded by constants, so the same values give the same bytes. Coverage of the intervals:
docs/statistics.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan

import numpy as np
import numpy.typing as npt

from bench.manifest import song_of

MIN_SONGS = 8
"""With fewer songs, no interval is given and no difference is tested."""
CONFIDENCE = 0.95
RESAMPLES = 1999
FLIPS = 10_000
EXACT_SONGS = 12
"""Up to this many songs, all 2^n sign flips are counted; beyond it, `FLIPS` drawn ones."""
N_HALVES = 32
_SEED = 240209508
_NOTHING = 1e-12
_MOST_STUDENTS = 3.0
_POWER = 0.8
"""Power of the test that the number of songs is forecast for."""

Vector = npt.NDArray[np.float64]
Law = Callable[[np.random.Generator, int], Vector]


@dataclass(frozen=True)
class Difference:
    """A paired difference, first minus second.

    Attributes:
        mean: The difference, in the metric's unit; NaN without a common song.
        low: Lower end of its 95 % interval; NaN below 8 songs (or replicates).
        high: Upper end.
        p: Two-sided p-value, 0 to 1, not corrected for other comparisons; NaN below 8 songs (or replicates).
        n: Number of common songs; for a distance over the set, number of replicates.
        error: Standard error of the difference; NaN where unknown.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int
    error: float = nan

    def songs_to_tell(self, n_songs: int, comparisons: int = 1) -> float:
        """Forecast the number of songs that a difference of this size needs for 80 % power at the 5 % level.

        (z(1 - 0.025 / comparisons) + z(0.8))^2 (error / mean)^2 n_songs, since the standard error shrinks with the
        square root of the number of songs. The observed difference is taken as the true one. NaN below 8 songs or
        where no error is known, infinite where the difference is 0.

        Args:
            n_songs: Number of songs that the error was computed from.
            comparisons: Number of comparisons that the level is corrected for.
        """
        from scipy.special import ndtri

        if np.isnan(self.error) or n_songs < MIN_SONGS:
            return nan
        if abs(self.mean) <= _NOTHING:
            return float("inf")
        reach = float(ndtri(1 - (1 - CONFIDENCE) / 2 / comparisons) + ndtri(_POWER))
        return float(np.ceil((reach * self.error / self.mean) ** 2 * n_songs))


def song_means(values_by_example: Mapping[str, float]) -> dict[str, float]:
    """Average the excerpts of every song.

    Args:
        values_by_example: A value per excerpt id; NaN where it is undefined.

    Returns:
        The mean per song over its defined values, songs sorted by name; a song without any is left out.
    """
    songs: dict[str, list[float]] = {}
    for example in sorted(values_by_example):
        if not np.isnan(values_by_example[example]):
            songs.setdefault(song_of(example), []).append(values_by_example[example])
    return {song: float(np.mean(values)) for song, values in songs.items()}


def interval(song_values: Sequence[float] | Vector) -> tuple[float, float]:
    """Return the 95 % interval of the mean over songs: a symmetric studentised bootstrap.

    The half-width is s/sqrt(n) times the 95 % quantile of |t*| over 1999 resamples of the songs, t* being each
    resample's own studentised distance from the mean. Symmetric rather than equal-tailed because that form keeps its
    coverage on values piled up at both ends of a bounded range, where the equal-tailed one reaches 98 to 99 % at 16
    songs. The quantile is capped at three times Student's t quantile, and replaced by it where it is not finite (too
    many resamples without spread). Ends are not clipped to the metric's range.

    Args:
        song_values: (n,) one value per song; NaN are left out.

    Returns:
        (low, high); both NaN below 8 songs, both equal to the mean where all songs have the same value.

    Source:
        P. Hall, On symmetric bootstrap confidence intervals, J. R. Stat. Soc. B 50 (1988), section 2; Efron and
        Tibshirani, An Introduction to the Bootstrap (1993), section 12.5.
    """
    values = np.asarray(song_values, np.float64)
    values = values[~np.isnan(values)]
    n = len(values)
    if n < MIN_SONGS:
        return nan, nan
    mean = float(values.mean())
    deviations = values - mean
    scale = float(np.abs(deviations).max())
    if scale <= _NOTHING * max(abs(mean), _NOTHING):
        return mean, mean
    error = float(deviations.std(ddof=1)) / n**0.5
    half = _studentised_quantile(deviations / scale) * error
    return mean - half, mean + half


def difference(a: Mapping[str, float], b: Mapping[str, float]) -> Difference:
    """Compare two systems over their common songs.

    The p-value is the share of sign flips of the songs' differences whose mean is at least as far from 0 as the
    observed one: all 2^n flips up to 12 songs, else 10 000 drawn ones with one added to both counts. The interval is
    that of `interval` over the differences. The two are different methods and may disagree where p is near 0.05; ranks
    use p.

    Args:
        a: Song means of the first system.
        b: Song means of the second.

    Source:
        E. Edgington, Randomization Tests (1980), section 5; the added one: Phipson and Smyth, Permutation p-values
        should never be zero, Stat. Appl. Genet. Mol. Biol. 9 (2010).
    """
    songs = [song for song in sorted(a) if song in b and not np.isnan(a[song] - b[song])]
    values = np.array([a[song] - b[song] for song in songs])
    if not songs:
        return Difference(nan, nan, nan, nan, 0)
    low, high = interval(values)
    p = _sign_flip(values) if len(songs) >= MIN_SONGS else nan
    error = float(values.std(ddof=1)) / len(songs) ** 0.5 if len(songs) > 1 else nan
    return Difference(float(values.mean()), low, high, p, len(songs), error)


def half_sets(n: int) -> list[npt.NDArray[np.int64]]:
    """Return 32 seeded halves of n songs, each (n // 2,) sorted indices drawn without replacement.

    They depend on n alone, so that all systems are measured on the same halves.
    """
    rng = np.random.default_rng(n)
    return [np.sort(rng.choice(n, n // 2, replace=False)) for _ in range(N_HALVES)]


def half_set_interval(value: float, halves: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a distance over the whole set: the value +- t times the spread of its half-sets.

    `replicate_difference` explains why this spread estimates the full set's standard error.

    Args:
        value: The distance over all songs.
        halves: The distance on each half-set.
    """
    from scipy.special import stdtrit

    reach = float(stdtrit(len(halves) - 1, (1 + CONFIDENCE) / 2) * np.std(halves, ddof=1))
    return value - reach, value + reach


def replicate_difference(
    value_a: float, value_b: float, replicates_a: Sequence[float], replicates_b: Sequence[float]
) -> Difference:
    """Compare two systems by a distance that exists for the whole set only.

    Replicate k of both systems is the distance on the same half of the songs, drawn without replacement. For a
    statistic that is linear in the songs, a half-set's variance around the full value, (1/(n/2) - 1/n) s^2, equals that
    of the full value around the truth, s^2/n, so the spread of the replicate differences estimates the standard error
    of the difference. That is an assumption: a kernel distance is linear only away from 0; near 0 its half-sets spread
    more than the full set does, which makes the test conservative, as does an odd number of songs, whose halves are
    smaller than half. t has one degree of freedom less than there are replicates.

    Args:
        value_a: The first system's distance over all songs.
        value_b: The second's.
        replicates_a: The first system's distances on the half-sets, NaN where undefined.
        replicates_b: The second's, aligned with the first's.

    Returns:
        The difference, its `n` the number of replicates. Without spread, p is 1 for equal values and 0 otherwise.

    Source:
        Politis, Romano and Wolf, Subsampling (1999), section 2.2.
    """
    from scipy.special import stdtr, stdtrit

    length = min(len(replicates_a), len(replicates_b))
    spread = np.asarray(replicates_a[:length], np.float64) - np.asarray(replicates_b[:length], np.float64)
    spread = spread[~np.isnan(spread)]
    mean, n = float(value_a - value_b), len(spread)
    if n < MIN_SONGS or np.isnan(mean):
        return Difference(mean, nan, nan, nan, n)
    error = float(spread.std(ddof=1))
    if error <= _NOTHING * max(abs(value_a), abs(value_b), _NOTHING):
        return Difference(mean, mean, mean, float(abs(mean) <= _NOTHING), n, error)
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error
    return Difference(mean, mean - half, mean + half, 2 * float(stdtr(n - 1, -abs(mean) / error)), n, error)


def holm(p_values: Sequence[float] | Vector) -> Vector:
    """Correct p-values for multiple comparisons by Holm's step-down method, which controls the family-wise error rate.

    Args:
        p_values: (k,) in [0, 1]; NaN where a comparison could not be made: it stays NaN and does not count.

    Returns:
        (k,) adjusted values, at most 1, in the given order.

    Source:
        S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6 (1979), section 2.
    """
    values = np.asarray(p_values, np.float64)
    adjusted = np.full(len(values), nan)
    order = np.argsort(values, kind="stable")[: int(np.sum(~np.isnan(values)))]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0) if len(order) else 0.0
    return adjusted


def rank_intervals(better: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the lowest and the highest rank that each system may have.

    Args:
        better: (k, k), True at [i, j] where system i is significantly better than system j.

    Returns:
        (1 + number of systems significantly better, k - number significantly worse) per system. The first number is its
        rank; it is tied if the second is larger. Ties are not transitive, so one number would be misleading.
    """
    better = np.asarray(better, bool)
    above, below = better.sum(axis=0), better.sum(axis=1)
    return [(int(1 + up), int(len(better) - down)) for up, down in zip(above, below, strict=True)]


def coverage(n: int, law: Law, mean: float, runs: int = 2000, seed: int = 0) -> float:
    """Return the share of simulated song sets whose interval contains the true mean.

    Args:
        n: Songs per set.
        law: Draws n values from a generator.
        mean: Mean of the law.
        runs: Number of sets; the standard error of the result c is sqrt(c (1 - c) / runs).
        seed: Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    covered = 0
    for _ in range(runs):
        low, high = interval(law(rng, n))
        covered += low <= mean <= high
    return covered / runs


def _studentised_quantile(deviations: Vector) -> float:
    """Return the 95 % quantile of |t*|, at most three times Student's, and Student's where it is infinite.

    Where one song differs and all others agree, most resamples miss that song and t* explodes: intervals a hundred
    times too wide say nothing. On no simulated law does the bound cost more than a third of a point of coverage.
    """
    from scipy.special import stdtrit

    n = len(deviations)
    drawn = deviations[_resamples(n)]
    errors = drawn.std(axis=1, ddof=1) / n**0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > _NOTHING, np.abs(drawn.mean(axis=1)) / errors, np.inf)
    quantile = float(np.sort(t)[int(np.ceil(CONFIDENCE * (RESAMPLES + 1))) - 1])
    student = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    return min(quantile, _MOST_STUDENTS * student) if np.isfinite(quantile) else student


def _sign_flip(values: Vector) -> float:
    """Return the two-sided p-value of the songs' differences under sign flips."""
    observed = abs(float(values.sum())) * (1 - 1e-9)  # sums in another order differ in the last bits
    if len(values) <= EXACT_SONGS:
        return float(np.mean(np.abs(_all_signs(len(values)) @ values) >= observed))
    return float((np.sum(np.abs(_drawn_signs(len(values)) @ values) >= observed) + 1) / (FLIPS + 1))


@lru_cache(maxsize=4)
def _resamples(n: int) -> npt.NDArray[np.intp]:
    return np.random.default_rng((_SEED, n)).integers(n, size=(RESAMPLES, n))


@lru_cache(maxsize=4)
def _all_signs(n: int) -> Vector:
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return np.asarray(1 - 2 * bits, np.float64)


@lru_cache(maxsize=4)
def _drawn_signs(n: int) -> Vector:
    return np.asarray(1 - 2 * np.random.default_rng((_SEED, n, 1)).integers(2, size=(FLIPS, n)), np.float64)
