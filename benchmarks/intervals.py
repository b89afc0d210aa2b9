"""Measure how often the intervals of `bench.statistics` hold, and print the tables of docs/statistics.md.

Run with `PYTHONPATH=. python benchmarks/intervals.py [RUNS]`; 4000 runs a cell take about two minutes on one core.
"""

import sys

import numpy as np
import numpy.typing as npt

from bench.statistics import Law, coverage, replicate_difference

LAWS: dict[str, tuple[Law, float]] = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "exponential": (lambda rng, n: rng.exponential(size=n), 1.0),
    "lognormal, sigma 0.5": (lambda rng, n: rng.lognormal(0, 0.5, size=n), float(np.exp(0.125))),
    "lognormal, sigma 1": (lambda rng, n: rng.lognormal(0, 1, size=n), float(np.exp(0.5))),
    "beta(0.5, 0.5), U-shaped": (lambda rng, n: rng.beta(0.5, 0.5, size=n), 0.5),
    "beta(0.2, 0.2), steeper U": (lambda rng, n: rng.beta(0.2, 0.2, size=n), 0.5),
    "beta(5, 0.5), near a ceiling": (lambda rng, n: rng.beta(5, 0.5, size=n), 5 / 5.5),
    "0 on 60 %, else uniform": (lambda rng, n: np.where(rng.random(n) < 0.4, rng.random(n), 0.0), 0.2),
    "0 on 85 %, else uniform": (lambda rng, n: np.where(rng.random(n) < 0.15, rng.random(n), 0.0), 0.075),
    "Bernoulli(0.9), hit or miss": (lambda rng, n: (rng.random(n) < 0.9).astype(float), 0.9),
}
SONGS = (16, 48)
SHIFTS = (0.0, 0.5, 2.0)
WINDOWS, WIDTH, HALVES = 7, 8, 32

Matrix = npt.NDArray[np.float64]


def main(runs: int) -> None:
    """Print both tables, in per cent; coverage outside 93 to 97 is marked."""
    print(f"| law of the song values | {' | '.join(f'n = {n}' for n in SONGS)} |\n|---|{'---|' * len(SONGS)}")
    for name, (law, mean) in LAWS.items():
        shares = [coverage(n, law, mean, runs) for n in SONGS]
        cells = [f"{100 * share:.1f}" + ("" if 0.93 <= share <= 0.97 else " (misses)") for share in shares]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\n| distance from the reference | {' | '.join(f'n = {n}' for n in SONGS)} |\n|---|{'---|' * len(SONGS)}")
    for shift in SHIFTS:
        shares = [false_findings(n, shift, max(runs // 10, 1)) for n in SONGS]
        print(f"| {shift} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |", flush=True)


def false_findings(n: int, shift: float, runs: int) -> float:
    """Return how often two systems of the same law differ at p < 0.05 in a kernel distance.

    Args:
        n: Songs, each of 7 windows of 8 dimensions that share the song's own mean.
        shift: How far both systems lie from the reference, in standard deviations of a song's mean.
        runs: Pairs of systems drawn.
    """
    rng = np.random.default_rng(n)
    found = 0
    for _ in range(runs):
        sets = [_songs(rng, n) + offset for offset in (0.0, shift, shift)]
        halves = [rng.permutation(n)[: n // 2] for _ in range(HALVES)]
        values = [_distance(sets[0], other) for other in sets[1:]]
        parts = [[_distance(sets[0][half], other[half]) for half in halves] for other in sets[1:]]
        found += replicate_difference(values[0], values[1], parts[0], parts[1]).p < 0.05
    return found / runs


def _songs(rng: np.random.Generator, n: int) -> Matrix:
    return rng.normal(size=(n, 1, WIDTH)) + rng.normal(size=(n, WINDOWS, WIDTH))


def _distance(a: Matrix, b: Matrix) -> float:
    """Return the unbiased squared maximum mean discrepancy of all windows, Gaussian kernel of width 4."""
    x, y = a.reshape(-1, WIDTH), b.reshape(-1, WIDTH)
    n = len(x)
    within = sum((_kernel(z, z).sum() - n) / (n * (n - 1)) for z in (x, y))
    return float(within - 2 * _kernel(x, y).mean())


def _kernel(x: Matrix, y: Matrix) -> Matrix:
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T
    return np.asarray(np.exp(-squares / (2 * 4.0**2)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
