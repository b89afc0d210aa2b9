"""How far the outputs as a set are from the references: Fréchet audio distance on an embedding."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from bench.frechet import extrapolate, frechet_of
from bench.music.embedding import embedding_of, in_one_unit, unit_of
from bench.protocols import Column, Extractor, SetMeasurement, SetMetric, Vectors
from bench.statistics import CONFIDENCE, half_set_interval, half_sets

N_SPLITS, N_DRAWS, N_SIZES = 8, 8, 6
LEAST_SONGS, LEAST_PER_DIMENSION, UNBIASED_PER_DIMENSION, LEAST_SPAN = 16, 2, 10, 1.5
NAN = float("nan")


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
            Column(f"fad[{embedding}]", "", "lower", "hole", NAN, is_ranked=True),
            Column(f"fad-inf[{embedding}]", "", "lower", "hole", NAN),
            Column(f"fad-inf-fit[{embedding}]", "", "higher", "hole", NAN, is_shown=False),
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
            return {name: SetMeasurement(NAN, NAN, NAN, n, (), refusal) for name in names}
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
        refused = SetMeasurement(NAN, NAN, NAN, n, (), "too-few-windows")
        return refused, refused
    rng = np.random.default_rng(songs)
    sizes = np.repeat(np.unique(np.linspace(least, songs, N_SIZES).round().astype(int)), N_DRAWS)
    found = [_part(references, outputs, rng.choice(songs, size, replace=False)) for size in sizes]
    line = extrapolate(sizes, found)
    reach = float(stdtrit(len(sizes) - 2, (1 + CONFIDENCE) / 2)) * line.error
    fit = SetMeasurement(line.r_squared, NAN, NAN, n)
    return SetMeasurement(line.value, line.value - reach, line.value + reach, n), fit


def build(embedding: str = "logmel-stats") -> SetMetric:
    """Return the metric.

    Args:
        embedding: An extractor of kind `embedding`.
    """
    return Fad(embedding)
