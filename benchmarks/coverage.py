"""Measure how often the intervals of `bench.statistics` hold the true mean, and print the table of docs/statistics.md.

Run with `python benchmarks/coverage.py [RUNS]`; 4000 runs a cell take well under a minute on one core.
"""

import sys
import time

import numpy as np

from bench.statistics import Law, coverage

LAWS: dict[str, tuple[Law, float]] = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "exponential": (lambda rng, n: rng.exponential(size=n), 1.0),
    "lognormal, sigma 0.5": (lambda rng, n: rng.lognormal(0, 0.5, size=n), float(np.exp(0.125))),
    "lognormal, sigma 1": (lambda rng, n: rng.lognormal(0, 1, size=n), float(np.exp(0.5))),
    "beta(0.5, 0.5), U-shaped": (lambda rng, n: rng.beta(0.5, 0.5, size=n), 0.5),
    "beta(0.2, 0.2), steeper U": (lambda rng, n: rng.beta(0.2, 0.2, size=n), 0.5),
    "beta(5, 0.5), near a ceiling": (lambda rng, n: rng.beta(5, 0.5, size=n), 5 / 5.5),
    "Bernoulli(0.9), hit or miss": (lambda rng, n: (rng.random(n) < 0.9).astype(float), 0.9),
}
SONGS = (16, 48)


def main(runs: int) -> None:
    """Print the Markdown table, in per cent, cells outside 93 to 97 marked."""
    started = time.perf_counter()
    print(f"| law of the song values | {' | '.join(f'n = {n}' for n in SONGS)} |\n|---|{'---|' * len(SONGS)}")
    for name, (law, mean) in LAWS.items():
        shares = [coverage(n, law, mean, runs) for n in SONGS]
        cells = [f"{100 * share:.1f}" + ("" if 0.93 <= share <= 0.97 else " (misses)") for share in shares]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    error = 100 * (0.95 * 0.05 / runs) ** 0.5
    seconds = time.perf_counter() - started
    print(f"\n{runs} sets a cell, standard error {error:.2f} points, {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
