"""Pooled matching against an independent matcher, and the chance shifts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from bench.music.matching import pooled_f, shifted_f

events = st.lists(st.floats(0, 4).map(lambda x: round(x, 3)), max_size=12).map(lambda x: np.array(sorted(x)))


def by_assignment(reference: np.ndarray, estimate: np.ndarray, window: float) -> int:
    if not len(reference) or not len(estimate):
        return 0
    near = np.abs(reference[:, None] - estimate[None]) <= window + 1e-12
    rows, columns = linear_sum_assignment(near, maximize=True)
    return int(near[rows, columns].sum())


@settings(max_examples=80, deadline=None)
@given(events, events, events, events)
def test_hits_are_a_largest_matching_pooled_over_holes(a, b, c, d) -> None:
    total = sum(map(len, (a, b, c, d)))
    value = pooled_f([a, c], [b, d], 0.0505)
    if not total:
        assert np.isnan(value)
    else:
        hits = by_assignment(a, b, 0.0505) + by_assignment(c, d, 0.0505)
        assert value == pytest.approx(2 * hits / total)


def test_shifts_are_seeded_circular_and_never_small() -> None:
    one = [np.array([1.0, 2.0, 3.5])]
    assert shifted_f(one, one, [(0.0, 4.0)], 0.05, 1) == shifted_f(one, one, [(0.0, 4.0)], 0.05, 1)
    lone = [np.array([2.0])]
    assert shifted_f(lone, lone, [(0.0, 4.0)], 0.2, 3) == 0
    dense = [np.arange(0, 4, 0.08)]
    assert shifted_f(dense, dense, [(0.0, 4.0)], 0.05, 1) > 0.9


def test_chance_stays_inside_the_hole() -> None:
    reference = [np.arange(2.0, 3.0, 0.1), np.array([])]
    estimate = [np.array([]), np.arange(6.0, 7.0, 0.1)]
    assert shifted_f(reference, estimate, [(2.0, 3.0), (6.0, 7.0)], 0.05, 1) == 0
