"""How far the outputs as a set are from the references: kernel audio distance on an embedding."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import t as student

from bench import plugins
from bench.audio import Audio
from bench.example import Example
from bench.protocols import Column, Extractor, SetMeasurement, SetMetric, Vectors

N_HALVES, LEAST_SONGS, SCALE = 32, 8, 100.0


class Kad:
    """Unbiased squared MMD with a Gaussian kernel, times 100 (Chung et al. 2025, "KAD", arXiv 2502.15602).

    Dimensions are standardised on the references; the bandwidth is the median distance between reference windows of
    different songs. Windows of one song are not independent, and output k shares its song with reference k, so every
    average runs over pairs of windows from different songs only: the U-statistic over songs. References against
    themselves then give exactly 0, draws from the references' own distribution 0 on average; a value may be negative.

    The interval rests on 32 seeded half-sets of songs without replacement, whose spread equals the full set's for
    statistics linear in the songs; none below 8 songs.
    """

    def __init__(self, embedding: str) -> None:
        self._extractor: Extractor = plugins.load("extractors", embedding)
        self.columns: tuple[Column, ...] = (
            Column(f"kad[{embedding}]", "", "lower", "hole", float("nan"), is_ranked=True),
        )
        self.identity = f"kad/1 x100 between songs | {self._extractor.identity}"

    def describe(self, example: Example, audio: Audio) -> Vectors:
        """Return the embedding windows of all holes, shape (windows, d)."""
        found = []
        for start, end in example.request.mask.holes_s:
            clip = audio.cut(start, end)
            least = clip.sample_rate
            if clip.n_samples < least:
                clip = Audio(np.resize(clip.mono, least), clip.sample_rate)
            found.append(self._extractor.extract(clip).values)  # type: ignore[union-attr]
        return np.concatenate(found).astype(np.float64)

    def compare(self, references: Sequence[Vectors], outputs: Sequence[Vectors]) -> dict[str, SetMeasurement]:
        """Return the distance; entry k of both lists holds the windows of song k."""
        name = self.columns[0].name
        n = len(references)
        if n < 2:
            return {name: SetMeasurement(float("nan"), float("nan"), float("nan"), 0.0, (), "too-few-songs")}
        sums = _kernel_means(references, outputs)
        value = _mmd(sums, np.arange(n))
        if np.isnan(sums).all():
            return {name: SetMeasurement(float("nan"), float("nan"), float("nan"), 0.0, (), "undefined-reference")}
        windows = float(sum(map(len, outputs)))
        if n < LEAST_SONGS:
            return {name: SetMeasurement(value, float("nan"), float("nan"), windows)}
        rng = np.random.default_rng(n)
        halves = [_mmd(sums, np.sort(rng.choice(n, n // 2, replace=False))) for _ in range(N_HALVES)]
        reach = float(student.ppf(0.975, N_HALVES - 1) * np.std(halves, ddof=1))
        return {name: SetMeasurement(value, value - reach, value + reach, windows, tuple(halves))}


def _kernel_means(references: Sequence[Vectors], outputs: Sequence[Vectors]) -> Vectors:
    """Return mean kernel values per pair of songs, (3, n, n): within references, within outputs, and across.

    All NaN where most references are alike: the bandwidth would be 0.
    """
    everything = np.concatenate(references)
    centre, spread = everything.mean(axis=0), everything.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    songs = [[(x - centre) / spread for x in side] for side in (references, outputs)]
    owner = np.repeat(np.arange(len(references)), [len(x) for x in references])
    apart = pdist(owner[:, None].astype(float)) > 0
    bandwidth = float(np.median(pdist(np.concatenate(songs[0]))[apart]))
    n = len(references)
    if bandwidth <= 0:
        return np.full((3, n, n), np.nan)
    means = np.zeros((3, n, n))
    for k, (one, other) in enumerate(((0, 0), (1, 1), (0, 1))):
        for i in range(n):
            for j in range(n):
                if i != j:
                    means[k, i, j] = _kernel(songs[one][i], songs[other][j], bandwidth).mean()
    return means


def _kernel(a: Vectors, b: Vectors, bandwidth: float) -> Vectors:
    square = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
    return np.asarray(np.exp(-np.maximum(square, 0) / (2 * bandwidth**2)))


def _mmd(means: Vectors, chosen: np.ndarray) -> float:
    """Return the U-statistic over a subset of songs, times 100."""
    n = len(chosen)
    pairs = n * (n - 1)
    part = means[:, chosen][:, :, chosen]
    return float(SCALE * (part[0].sum() + part[1].sum() - 2 * part[2].sum()) / pairs)


def build(embedding: str = "logmel-stats") -> SetMetric:
    """Return the metric.

    Args:
        embedding: An extractor of kind `embedding`.
    """
    return Kad(embedding)
