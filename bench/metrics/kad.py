"""How far the set of outputs is from the set of references: kernel audio distance on an embedding."""

from collections.abc import Sequence
from functools import cached_property
from math import nan

import numpy as np
from scipy.spatial.distance import pdist

from bench.music.embedding import embedding_of, in_one_unit, unit_of
from bench.protocols import Column, Extractor, SetMeasurement, SetMetric, Vectors
from bench.statistics import MIN_SONGS, half_set_interval, half_sets

SCALE = 100.0


class Kad:
    """Unbiased squared MMD with a Gaussian kernel, times 100 (Chung et al. 2025, "KAD", arXiv 2502.15602).

    The bandwidth is the median distance between reference windows of different songs; `kad-bandwidth` stores it, in
    standard deviations of the references where the embedding is standardised (`logmel-stats` is). Windows of one song
    are not independent, and output k shares its song with reference k, so every average runs over pairs of windows from
    different songs only: the U-statistic over songs. References against themselves then give exactly 0, and outputs
    drawn from the references' own distribution give 0 on average; a value may be negative.

    The interval comes from 32 seeded half-sets of songs drawn without replacement, whose spread equals the full set's
    standard error for statistics linear in the songs; none is given below 8 songs. One song, or equal references, give
    no value.
    """

    def __init__(self, embedding: str) -> None:
        self._name = embedding
        self.columns: tuple[Column, ...] = (
            Column(f"kad[{embedding}]", "", "lower", "hole", nan, is_ranked=True),
            Column(f"kad-bandwidth[{embedding}]", "", "lower", "hole", nan, is_shown=False),
        )

    @cached_property
    def embedding(self) -> Extractor:
        """The extractor whose windows are compared."""
        return embedding_of(self._name)

    @cached_property
    def identity(self) -> str:
        """Everything that must be equal for two distances to be comparable."""
        return f"kad/1 x100 between songs, {unit_of(self.embedding)} | {self.embedding.identity}"

    def compare(self, references: Sequence[Vectors], outputs: Sequence[Vectors]) -> dict[str, SetMeasurement]:
        """Return the distance and its bandwidth; entry k of both lists holds the windows of song k."""
        n, windows = len(references), float(sum(map(len, outputs)))
        if n < 2:
            return self._both(_without("too-few-songs", 0.0), _without("too-few-songs", 0.0))
        references, outputs = in_one_unit(self.embedding, references, outputs)
        bandwidth = _bandwidth(references)
        if bandwidth <= 0:
            return self._both(_without("undefined-reference", 0.0), _without("undefined-reference", 0.0))
        sums = _kernel_means(references, outputs, bandwidth)
        value, width = _mmd(sums, np.arange(n)), SetMeasurement(bandwidth, nan, nan, windows)
        if n < MIN_SONGS:
            return self._both(SetMeasurement(value, nan, nan, windows), width)
        halves = tuple(_mmd(sums, half) for half in half_sets(n))
        return self._both(SetMeasurement(value, *half_set_interval(value, halves), windows, halves), width)

    def _both(self, distance: SetMeasurement, width: SetMeasurement) -> dict[str, SetMeasurement]:
        return dict(zip([column.name for column in self.columns], (distance, width), strict=True))


def _without(state: str, n: float) -> SetMeasurement:
    return SetMeasurement(nan, nan, nan, n, (), state)


def _bandwidth(references: Sequence[Vectors]) -> float:
    """Return the median distance between windows of different songs; 0 where most of them are equal."""
    owner = np.repeat(np.arange(len(references)), [len(x) for x in references])
    apart = pdist(owner[:, None].astype(float)) > 0
    return float(np.median(pdist(np.concatenate(references))[apart]))


def _kernel_means(references: Sequence[Vectors], outputs: Sequence[Vectors], bandwidth: float) -> Vectors:
    """Return the mean kernel value per pair of songs, (3, n, n): references, outputs, across; diagonals are 0."""
    sides = [(np.concatenate(side), np.array([len(x) for x in side])) for side in (references, outputs)]
    means = np.zeros((3, len(references), len(references)))
    for k, (one, other) in enumerate(((0, 0), (1, 1), (0, 1))):
        (a, n_a), (b, n_b) = sides[one], sides[other]
        firsts = [np.cumsum(n) - n for n in (n_a, n_b)]
        sums = np.add.reduceat(np.add.reduceat(_kernel(a, b, bandwidth), firsts[0], axis=0), firsts[1], axis=1)
        means[k] = sums / np.outer(n_a, n_b)
        np.fill_diagonal(means[k], 0.0)
    return means


def _kernel(a: Vectors, b: Vectors, bandwidth: float) -> Vectors:
    square = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
    return np.asarray(np.exp(-np.maximum(square, 0) / (2 * bandwidth**2)))


def _mmd(means: Vectors, chosen: np.ndarray) -> float:
    """Return the U-statistic over the chosen songs, times 100."""
    n = len(chosen)
    pairs = n * (n - 1)
    part = means[:, chosen][:, :, chosen]
    return float(SCALE * (part[0].sum() + part[1].sum() - 2 * part[2].sum()) / pairs)


def build(embedding: str = "musicnn") -> SetMetric:
    """Return the metric.

    Args:
        embedding: An extractor of kind `embedding`.
    """
    return Kad(embedding)
