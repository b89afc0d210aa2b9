"""How far the outputs as a set are from the references: Fréchet audio distance on an embedding.

Both sets of vectors are each taken for a Gaussian. For means m and covariances S (divisor n - 1):
|m_a - m_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2). The last term is the sum of the square roots of the eigenvalues
of a symmetric matrix, so nothing complex ever appears; with fewer vectors than dimensions it is a sum of singular
values, which costs n^3 instead of d^3 (Heusel et al., GANs trained by a two time-scale update rule, 2017, section 4;
Kilgour et al., Fréchet audio distance, 2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy.special import stdtrit

from bench.music.embedding import embedding_of, in_one_unit, unit_of
from bench.protocols import Column, Extractor, SetMeasurement, SetMetric, Vectors
from bench.statistics import CONFIDENCE, half_set_interval, half_sets

N_SPLITS, N_DRAWS, N_SIZES = 8, 8, 6
LEAST_SONGS, LEAST_PER_DIMENSION, UNBIASED_PER_DIMENSION, LEAST_SPAN = 16, 2, 10, 1.5

Matrix = npt.NDArray[np.float64]


class Fad:
    """Fréchet distance of the windows of all outputs from those of all references (Kilgour et al. 2019).

    Refused (NaN) under 16 songs or under 2 windows per dimension on either side; state `biased` under 10 effective
    ones. Windows of one song are alike, and n songs of w windows weigh as n w / (1 + (w - 1) r) independent ones, r
    being their intraclass correlation. The bias of a finite sample grows with d/n and is about the same for every
    system of a table, so it hides small differences; the ceiling shows it: the mean distance between two halves of the
    reference songs, 8 seeded splits.

    `fad-inf` extrapolates to endless samples: subsets of songs without replacement, the same songs on both sides, 8
    seeded draws at each of 6 sizes from 2 effective windows per dimension up to all songs, a line over 1/songs. Its
    interval is that of the line's intercept, `fad-inf-fit` its R^2. Refused where the sizes span less than a factor of
    1.5, since the line is not straight below.

    The interval of `fad` rests on 32 seeded half-sets of songs, as in `kad`: their spread, not their level.
    """

    def __init__(self, embedding: str) -> None:
        self._name = embedding
        self.columns: tuple[Column, ...] = (
            Column(f"fad[{embedding}]", "", "lower", "hole", nan, is_ranked=True),
            Column(f"fad-inf[{embedding}]", "", "lower", "hole", nan),
            Column(f"fad-inf-fit[{embedding}]", "", "higher", "hole", nan, is_shown=False),
        )

    @cached_property
    def embedding(self) -> Extractor:
        """The extractor whose windows are compared."""
        return embedding_of(self._name)

    @cached_property
    def identity(self) -> str:
        """What must be equal for two distances to be compared."""
        return f"fad/1 eigenvalues, float64, {unit_of(self.embedding)} | {self.embedding.identity}"

    def compare(self, references: Sequence[Vectors], outputs: Sequence[Vectors]) -> dict[str, SetMeasurement]:
        """Return the three columns; entry k of both lists holds the windows of song k."""
        references, outputs = in_one_unit(self.embedding, references, outputs)
        n = float(sum(map(len, outputs)))
        names = [column.name for column in self.columns]
        if refusal := _refusal(references, outputs):
            return {name: SetMeasurement(nan, nan, nan, n, (), refusal) for name in names}
        songs, d = len(references), references[0].shape[1]
        value = frechet_of(np.concatenate(references), np.concatenate(outputs))
        halves = tuple(_part(references, outputs, half) for half in half_sets(songs))
        windows = min(_effective(side) for side in (references, outputs))
        state = "biased" if windows < UNBIASED_PER_DIMENSION * d else "ok"
        plain = SetMeasurement(value, *half_set_interval(value, halves), n, halves, state)
        return dict(zip(names, (plain, *_endless(references, outputs, windows, n)), strict=True))

    def ceiling(self, references: Sequence[Vectors]) -> dict[str, float]:
        """Return what two halves of the references score against each other, for `fad`: a distance that is all bias."""
        references, _ = in_one_unit(self.embedding, references, references)
        if _refusal(references, references):
            return {}
        rng, songs = np.random.default_rng(len(references)), len(references)
        found = []
        for _ in range(N_SPLITS):
            order = rng.permutation(songs)
            sides = (order[: songs // 2], order[songs // 2 :])
            found.append(frechet_of(*(np.concatenate([references[k] for k in side]) for side in sides)))
        return {self.columns[0].name: float(np.mean(found))}


def _refusal(references: Sequence[Vectors], outputs: Sequence[Vectors]) -> str:
    """Return why no distance can be given, or nothing."""
    if len(references) < LEAST_SONGS:
        return "too-few-songs"
    windows = min(sum(map(len, side)) for side in (references, outputs))
    return "too-few-windows" if windows < LEAST_PER_DIMENSION * references[0].shape[1] else ""


def _part(references: Sequence[Vectors], outputs: Sequence[Vectors], chosen: np.ndarray) -> float:
    """Return the distance over some of the songs."""
    return frechet_of(*(np.concatenate([side[k] for k in chosen]) for side in (references, outputs)))


def _effective(songs: Sequence[Vectors]) -> float:
    """Return how many independent windows these weigh as (one-way analysis of variance over songs, all dimensions).

    Source:
        Kish, Survey Sampling (1965), section 5.4 (design effect); Donner, Int. Stat. Rev. 54 (1986) for unequal sizes.
    """
    sizes = np.array([len(x) for x in songs], np.float64)
    total, n = sizes.sum(), len(songs)
    if total <= n:
        return float(total)
    means = np.array([x.mean(axis=0) for x in songs])
    centre = sizes @ means / total
    between = float(sizes @ np.sum((means - centre) ** 2, axis=1)) / (n - 1)
    within = float(sum(np.sum((x - m) ** 2) for x, m in zip(songs, means, strict=True))) / (total - n)
    typical = (total - float(sizes @ sizes) / total) / (n - 1)
    spread = between + (typical - 1) * within
    alike = min(max((between - within) / spread, 0.0), 1.0) if spread > 0 else 1.0
    return float(total / (1 + (total / n - 1) * alike))


def _endless(
    references: Sequence[Vectors], outputs: Sequence[Vectors], windows: float, n: float
) -> tuple[SetMeasurement, SetMeasurement]:
    """Return the distance for endless samples and how well its line fits."""
    songs, d = len(references), references[0].shape[1]
    least = max(int(np.ceil(LEAST_PER_DIMENSION * d * songs / windows)), 2)
    if songs < LEAST_SPAN * least:
        refused = SetMeasurement(nan, nan, nan, n, (), "too-few-windows")
        return refused, refused
    rng = np.random.default_rng(songs)
    sizes = np.repeat(np.unique(np.linspace(least, songs, N_SIZES).round().astype(int)), N_DRAWS)
    found = [_part(references, outputs, rng.choice(songs, size, replace=False)) for size in sizes]
    line = extrapolate(sizes, found)
    reach = float(stdtrit(len(sizes) - 2, (1 + CONFIDENCE) / 2)) * line.error
    fit = SetMeasurement(line.r_squared, nan, nan, n)
    return SetMeasurement(line.value, line.value - reach, line.value + reach, n), fit


def frechet(mean_a: Matrix, cov_a: Matrix, mean_b: Matrix, cov_b: Matrix) -> float:
    """Return the distance of two Gaussians.

    Args:
        mean_a: (d,).
        cov_a: (d, d), symmetric and positive semi-definite up to rounding.
        mean_b: (d,).
        cov_b: (d, d).

    Returns:
        A number from 0; rounding below 0 is cut off.
    """
    values, vectors = scipy.linalg.eigh(cov_a, driver="evd", check_finite=False)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    shared = scipy.linalg.eigh(root @ cov_b @ root.T, eigvals_only=True, driver="evd", check_finite=False)
    # What rounding leaves of a zero eigenvalue would count by its square root.
    least = max(float(shared[-1]), 0.0) * len(shared) * np.finfo(np.float64).eps
    cross = float(np.sqrt(shared[shared > least]).sum())
    return _distance(mean_a - mean_b, float(np.trace(cov_a)), float(np.trace(cov_b)), cross)


def frechet_of(a: Matrix, b: Matrix) -> float:
    """Return the distance of two samples.

    Args:
        a: (n, d) vectors, n from 2.
        b: (m, d) vectors, m from 2.

    Raises:
        ValueError: fewer than two vectors, or different d.
    """
    if min(len(a), len(b)) < 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"want two or more vectors of one dimension, found shapes {a.shape} and {b.shape}")
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    if min(len(a), len(b)) > a.shape[1]:
        return frechet(mean_a, np.cov(a.T).reshape(a.shape[1], -1), mean_b, np.cov(b.T).reshape(a.shape[1], -1))
    a, b = (a - mean_a) / (len(a) - 1) ** 0.5, (b - mean_b) / (len(b) - 1) ** 0.5
    cross = float(scipy.linalg.svdvals(a @ b.T, check_finite=False).sum())
    return _distance(mean_a - mean_b, float(np.sum(a**2)), float(np.sum(b**2)), cross)


def _distance(gap: Matrix, trace_a: float, trace_b: float, cross: float) -> float:
    return max(float(gap @ gap) + trace_a + trace_b - 2 * cross, 0.0)


@dataclass(frozen=True)
class Line:
    """A straight line through distances over 1/n.

    Attributes:
        value: Where it meets 1/n = 0: the distance for endless samples. May lie below 0.
        error: Standard error of that value.
        slope: Bias times n.
        r_squared: Share of the distances' variance that the line explains, 0 to 1; NaN where they have none.
    """

    value: float
    error: float
    slope: float
    r_squared: float


def extrapolate(sizes: Sequence[int] | npt.NDArray[np.int64], distances: Sequence[float] | Matrix) -> Line:
    """Fit distance = value + slope / n by least squares and read it off at n = infinity.

    Args:
        sizes: (k,) how much each distance rests on; at least two different ones, three or more entries.
        distances: (k,) the distances.

    Source:
        Chong and Forsyth, Effectively unbiased FID and inception score (CVPR 2020), section 3; Gui et al., Adapting
        Fréchet audio distance for generative music evaluation (ICASSP 2024), section 3. Both draw with replacement,
        which keeps the bias they mean to remove; whoever calls this should not.

    Raises:
        ValueError: too few entries or sizes.
    """
    x, y = 1.0 / np.asarray(sizes, np.float64), np.asarray(distances, np.float64)
    if len(x) < 3 or len(np.unique(x)) < 2:
        raise ValueError(f"want three or more distances at two or more sizes, found {len(x)} at {len(np.unique(x))}")
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread
    value = float(y.mean()) - slope * float(x.mean())
    residual = y - value - slope * x
    variance = float(residual @ residual) / (len(x) - 2)
    total = float(np.sum((y - y.mean()) ** 2))
    r_squared = 1 - float(residual @ residual) / total if total > 0 else nan
    return Line(value, (variance * (1 / len(x) + float(x.mean()) ** 2 / spread)) ** 0.5, slope, r_squared)


def build(embedding: str = "musicnn") -> SetMetric:
    """Return the metric.

    Args:
        embedding: An extractor of kind `embedding`.
    """
    return Fad(embedding)
