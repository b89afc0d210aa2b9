"""Fréchet distance against frechet-audio-distance on shared embeddings."""

import os
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from bench.metrics.fad import frechet_of

REQUIRED = os.environ.get("STEERBENCH_REQUIRE_AGREEMENT") == "1"
pytestmark = pytest.mark.skipif(
    find_spec("frechet_audio_distance") is None and not REQUIRED, reason="frechet_audio_distance: tox -e py"
)


@pytest.mark.parametrize(("n", "d"), [(1000, 128), (300, 64), (2000, 512), (100, 128)])
def test_shared_embeddings_are_equally_far(n: int, d: int) -> None:
    from tests.agreement.stand_ins import install

    install()
    from frechet_audio_distance.fad import FrechetAudioDistance

    rng = np.random.default_rng(n)
    mix = rng.normal(size=(2, d, d)) / d**0.5
    a, b = rng.normal(size=(n, d)) @ mix[0], rng.normal(0.1, 1.1, (n, d)) @ mix[1]
    theirs = FrechetAudioDistance.calculate_frechet_distance(
        SimpleNamespace(), a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T)
    )
    # Where windows are fewer than dimensions, their square root of a singular matrix is no better than this.
    assert frechet_of(a, b) == pytest.approx(theirs, abs=1e-6 if n > d else 1e-3)
