"""The F columns over several holes against counts made with another matcher (an assignment problem), pooled by hand."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from bench import plugins
from bench.mask import Mask
from tests.metrics.fakes import TWO_HOLES, example, heard, notes, times

THREE_HOLES = Mask(((20, 100), (130, 240), (300, 390)), 400)


def hits(near: np.ndarray) -> int:
    rows, columns = linear_sum_assignment(near.astype(int), maximize=True)
    return int(near[rows, columns].sum())


def within(a: np.ndarray, b: np.ndarray, window: float) -> np.ndarray:
    return np.abs(a[:, None] - b[None]) <= window


def pooled(counts: list[tuple[int, int, int]]) -> float:
    """F of (hits, in the reference, in the estimate) added up over holes: precision and recall written out."""
    matched, wanted, found = (sum(column) for column in zip(*counts, strict=True))
    precision, recall = matched / found, matched / wanted
    return 2 * precision * recall / (precision + recall) if matched else 0.0


def crowded(rng: np.random.Generator, mask: Mask) -> list[np.ndarray]:
    """Events so dense that greedy matching would go wrong, a different number in every hole."""
    return [np.sort(rng.uniform(a, b, 3 + 9 * k + int(rng.integers(6)))) for k, (a, b) in enumerate(mask.holes_s)]


CASES = pytest.mark.parametrize(("seed", "mask"), [(k, mask) for k in range(5) for mask in (TWO_HOLES, THREE_HOLES)])


@CASES
@pytest.mark.parametrize(("name", "kind", "window"), [("drum-onset-f1", "onsets", 0.05), ("beat-f1", "beats", 0.07)])
def test_times(name: str, kind: str, window: float, seed: int, mask: Mask) -> None:
    rng = np.random.default_rng(seed)
    references, estimates = crowded(rng, mask), crowded(rng, mask)
    counts = [(hits(within(r, e, window)), len(r), len(e)) for r, e in zip(references, estimates, strict=True)]
    one = example(mask=mask)
    found = {f"output {kind}": [times(*e) for e in estimates]}
    ears = heard(one, found=found, wanted={kind: [times(*r) for r in references]})
    value = plugins.load("metrics", name).measure(one, ears)[name].value
    assert value == pytest.approx(pooled(counts), abs=1e-12)


@CASES
def test_downbeats(seed: int, mask: Mask) -> None:
    rng = np.random.default_rng(seed)
    references, estimates = crowded(rng, mask), crowded(rng, mask)
    places = [[rng.integers(1, 3, len(x)) for x in side] for side in (references, estimates)]
    firsts = [
        [x[p == 1] for x, p in zip(side, place, strict=True)]
        for side, place in zip((references, estimates), places, strict=True)
    ]
    counts = [
        (hits(within(r, e, 0.05)) if len(r) and len(e) else 0, len(r), len(e)) for r, e in zip(*firsts, strict=True)
    ]
    both = [
        [times(*x, positions=p) for x, p in zip(side, place, strict=True)]
        for side, place in zip((references, estimates), places, strict=True)
    ]
    one = example(mask=mask)
    found = plugins.load("metrics", "beat-f1").measure(
        one, heard(one, found={"output beats": both[1]}, wanted={"beats": both[0]})
    )["downbeat-f1"]
    assert found.value == pytest.approx(pooled(counts), abs=1e-12)
    assert found.n == sum(r for _, r, _ in counts)


@CASES
def test_notes(seed: int, mask: Mask) -> None:
    rng = np.random.default_rng(seed)
    references, estimates = crowded(rng, mask), crowded(rng, mask)
    pitches = [[rng.integers(60, 63, len(x)) for x in side] for side in (references, estimates)]
    counts = [
        (hits(within(r, e, 0.05) & (p[:, None] == q[None])), len(r), len(e))
        for r, e, p, q in zip(references, estimates, *pitches, strict=True)
    ]
    both = [
        [notes(*((t, t + 0.2, int(n)) for t, n in zip(x, p, strict=True))) for x, p in zip(side, pitch, strict=True)]
        for side, pitch in zip((references, estimates), pitches, strict=True)
    ]
    one = example(mask=mask)
    ears = heard(one, found={"output notes": both[1]}, wanted={"notes": both[0]})
    value = plugins.load("metrics", "note-f1").measure(one, ears)["note-f1"].value
    assert value == pytest.approx(pooled(counts), abs=1e-12)
