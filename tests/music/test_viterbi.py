"""The Viterbi path against every other path."""

import itertools

import numpy as np
import pytest

from bench.music.viterbi import path


def score(states, scores, cost):
    return sum(scores[t, s] for t, s in enumerate(states)) - cost * sum(a != b for a, b in itertools.pairwise(states))


@pytest.mark.parametrize("cost", [0.0, 0.5, 2.0])
def test_no_other_path_scores_more(cost):
    scores = np.random.default_rng(3).normal(size=(6, 3))
    best = max(itertools.product(range(3), repeat=6), key=lambda states: score(states, scores, cost))
    assert path(scores, cost).tolist() == list(best)
