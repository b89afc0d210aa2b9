"""Fréchet distance between two clouds of vectors, each taken for a Gaussian, and its value for endless samples.

For means m and covariances S (divisor n - 1): |m_a - m_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2). The last term is
the sum of the square roots of the eigenvalues of a symmetric matrix, so nothing complex ever appears; with fewer
vectors than dimensions it is a sum of singular values, which costs n^3 instead of d^3 (Heusel et al., GANs trained by a
two time-scale update rule, 2017, section 4; Kilgour et al., Fréchet audio distance, 2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

Matrix = npt.NDArray[np.float64]
NAN = float("nan")


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
    r_squared = 1 - float(residual @ residual) / total if total > 0 else NAN
    return Line(value, (variance * (1 / len(x) + float(x.mean()) ** 2 / spread)) ** 0.5, slope, r_squared)
