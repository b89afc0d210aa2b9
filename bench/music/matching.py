"""Matching: F measure of two lists of events within a window, pooled over holes, and its chance level."""

from collections.abc import Sequence
from math import nan

import numpy as np

from bench.symbols import Floats

N_SHIFTS = 32
LEAST_SHIFT_S = 0.25


def pooled_f(references: Sequence[Floats], estimates: Sequence[Floats], window_s: float) -> float:
    """Return the F measure of events matched one to one within +-`window_s`, counts pooled over holes.

    Args:
        references: Times in seconds per hole, sorted.
        estimates: Times in seconds per hole, sorted.
        window_s: Largest distance of a match (inclusive, as in mir_eval).

    Returns:
        2 * hits / (n_reference + n_estimate), 0 to 1; 0 where one list is empty, NaN where both are.
    """
    import mir_eval.util

    hits = sum(
        len(mir_eval.util.match_events(r, e, window_s))
        for r, e in zip(references, estimates, strict=True)
        if len(r) and len(e)
    )
    total = sum(map(len, references)) + sum(map(len, estimates))
    return 2 * hits / total if total else nan


def shifted_f(
    references: Sequence[Floats],
    estimates: Sequence[Floats],
    holes_s: Sequence[tuple[float, float]],
    window_s: float,
    seed: int,
) -> float:
    """Return the chance level of `pooled_f`: its mean over 32 seeded circular shifts of the estimates in their holes.

    Every shift is at least 0.25 s in either direction, so that no event is matched with its original; in holes under
    0.5 s it is always 0.25 s.
    """
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(N_SHIFTS):
        moved = []
        for times, (start, end) in zip(estimates, holes_s, strict=True):
            length = end - start
            shift = float(rng.uniform(LEAST_SHIFT_S, max(length - LEAST_SHIFT_S, LEAST_SHIFT_S)))
            moved.append(np.sort(start + (times - start + shift) % length))
        values.append(pooled_f(references, moved, window_s))
    return float(np.mean(values))
