"""How far set distances can be trusted: KAD's zero, and what is left of FAD's bias after extrapolation.

`PYTHONPATH=. python benchmarks/distances.py [DRAWS]` prints the tables of docs/statistics.md, section "Distances over
the whole set". Songs are drawn from a law whose true distance is known: windows of one song share a random offset, so
that they are not independent, as windows of music are not.
"""

import sys
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt

from bench.metrics.fad import build as fad
from bench.metrics.kad import build as kad

WINDOWS = 14
"""Per song: a hole of 7.5 s in `logmel-stats`."""
Vectors = npt.NDArray[np.float64]


def songs(rng: np.random.Generator, n: int, d: int, shift: float = 0.0, shared: float = 0.5) -> list[Vectors]:
    """Return n songs of (14, d) windows with unit variance a dimension, a share of it common to the song."""
    own, common = (1 - shared) ** 0.5, shared**0.5
    return [rng.normal(0, own, (WINDOWS, d)) + rng.normal(0, common, d) + shift for _ in range(n)]


def _metric(build: object, name: str) -> object:
    made = build("x")  # type: ignore[operator]
    made.embedding = SimpleNamespace(identity=name, kind="embedding")
    return made


def kad_of_nothing(draws: int) -> list[str]:
    """Share of 95 % intervals that hold 0 where references and outputs follow one law."""
    lines = [
        "| dimensions | songs | mean of KAD | standard deviation | below 0 | intervals that hold 0 |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for d in (16, 192):
        for n in (16, 48):
            rng, metric = np.random.default_rng(n * d), _metric(kad, "x")
            found = [
                metric.compare(songs(rng, n, d), songs(rng, n, d))["kad[x]"]  # type: ignore[attr-defined]
                for _ in range(draws)
            ]
            values = np.array([one.value for one in found])
            held = np.mean([one.low <= 0 <= one.high for one in found])
            lines.append(
                f"| {d} | {n} | {values.mean():.3f} | {values.std():.3f} | {np.mean(values < 0):.0%} | {held:.1%} |"
            )
    return lines


def fad_of_nothing(draws: int) -> list[str]:
    """Plain and extrapolated FAD where the true distance is 0, and where it is known otherwise."""
    lines = [
        "| dimensions | songs | windows of a song share | truth | FAD | FAD-∞ | its standard deviation | R² |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for d, n, shared, shift in (
        (16, 48, 0.0, 0.0), (16, 48, 0.5, 0.0), (16, 48, 0.5, 0.5), (64, 48, 0.0, 0.0), (64, 200, 0.5, 0.0),
        (128, 214, 0.0, 0.0), (128, 428, 0.5, 0.0), (192, 48, 0.5, 0.0),
    ):  # fmt: skip
        rng, metric = np.random.default_rng(d * n), _metric(fad, "x")
        found = [  # a refused FAD-∞ is NaN
            metric.compare(songs(rng, n, d, 0.0, shared), songs(rng, n, d, shift, shared))  # type: ignore[attr-defined]
            for _ in range(max(draws // (20 if d > 64 else 5), 4))
        ]
        plain, endless, fit = (
            np.array([one[name].value for one in found]) for name in ("fad[x]", "fad-inf[x]", "fad-inf-fit[x]")
        )
        told = "refused" if np.isnan(endless).all() else f"{np.nanmean(endless):.3f}"
        spread, straight = (
            ("", "") if told == "refused" else (f"{np.nanstd(endless, ddof=1):.3f}", f"{np.nanmean(fit):.2f}")
        )
        lines.append(
            f"| {d} | {n} | {shared:.0%} | {d * shift**2:.3g} | {plain.mean():.3f} | {told} | {spread} | {straight} |"
        )
    return lines


def main(arguments: list[str]) -> None:
    """Print both tables."""
    draws = int(arguments[0]) if arguments else 400
    sys.stdout.write("\n".join([*kad_of_nothing(draws), "", *fad_of_nothing(draws)]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
