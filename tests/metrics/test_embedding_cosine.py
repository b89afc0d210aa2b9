"""Embedding cosine: cosines of means by hand, holes by length, the order of windows, silence."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.spatial.distance

from bench import plugins
from bench.audio import Audio
from bench.mask import Mask
from bench.metrics.embedding_cosine import WORST, EmbeddingCosine, build
from bench.protocols import Measurement
from tests.metrics.fakes import ONE_HOLE, RATE, TWO_HOLES, example, heard, noise

NAME = "embedding-cosine[x]"
UNEQUAL = Mask(((50, 100), (200, 350)), 400)


class Heard:
    """Gives back the windows that it is told, hole by hole."""

    def __init__(self, output: list, reference: list, sound: Audio | None = None) -> None:
        self._windows = {"output": output, "reference": reference}
        self.output = sound or noise(1)

    def embedded(self, who: str, embedding: object) -> list[np.ndarray]:
        return [np.array(windows, float) for windows in self._windows[who]]


@pytest.fixture
def metric() -> EmbeddingCosine:
    made = build("x")
    made.embedding = SimpleNamespace(identity="x v1")  # type: ignore
    return made  # type: ignore[return-value]


def measured(metric: EmbeddingCosine, heard: Heard, mask: Mask, reference: Audio | None = None) -> Measurement:
    return metric.measure(example(reference or noise(0), mask), heard)[NAME]  # type: ignore[arg-type]


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2, np.pi])
def test_it_is_the_cosine_of_the_angle_between_means(metric: EmbeddingCosine, angle: float) -> None:
    """Windows lie evenly on both sides of their mean; lengths differ."""
    at = lambda middle, size: [[size * np.cos(middle + d), size * np.sin(middle + d)] for d in (-0.4, 0.0, 0.4)]  # noqa: E731
    found = measured(metric, Heard([at(angle, 3.0)], [at(0.0, 1.0)]), ONE_HOLE)
    assert found.value == pytest.approx(np.cos(angle), abs=1e-12) and (found.n, found.state) == (4.0, "ok")


def test_holes_count_by_their_length_and_may_have_different_numbers_of_windows(metric: EmbeddingCosine) -> None:
    rng = np.random.default_rng(4)
    outputs, references = ([rng.normal(size=(n, 6)) for n in sizes] for sizes in ((2, 5), (3, 4)))
    by_hand = [
        1 - scipy.spatial.distance.cosine(a.mean(axis=0), b.mean(axis=0))
        for a, b in zip(outputs, references, strict=True)
    ]
    found = measured(metric, Heard(outputs, references), UNEQUAL)
    assert found.value == pytest.approx((1 * by_hand[0] + 3 * by_hand[1]) / 4, abs=1e-12) and found.n == 4.0


def test_the_order_of_windows_and_the_scale_of_vectors_do_not_matter(metric: EmbeddingCosine) -> None:
    rng = np.random.default_rng(5)
    output, reference = rng.normal(1, 1, (7, 5)), rng.normal(1, 1, (7, 5))
    plain = measured(metric, Heard([output], [reference]), ONE_HOLE).value
    assert measured(metric, Heard([output[rng.permutation(7)]], [3 * reference]), ONE_HOLE).value == pytest.approx(
        plain
    )
    assert 0 < plain < 1


def test_a_silent_reference_is_left_out_hole_by_hole(metric: EmbeddingCosine) -> None:
    half = noise(0).mono.copy()
    half[: 3 * RATE] = 0
    windows = Heard([[[1, 0]], [[1, 1]]], [[[0, 1]], [[1, 0]]])
    found = measured(metric, windows, TWO_HOLES, Audio(half, RATE))
    assert found.value == pytest.approx(0.5**0.5) and found.n == 2.0
    none = measured(metric, windows, TWO_HOLES, Audio(np.zeros(8 * RATE), RATE))
    assert none.state == "undefined-reference" and np.isnan(none.value) and none.n == 0


def test_a_silent_hole_of_the_output_scores_the_worst(metric: EmbeddingCosine) -> None:
    half = noise(1).mono.copy()
    half[: 3 * RATE] = 0
    same = [[[1, 0]], [[1, 0]]]
    assert measured(metric, Heard(same, same, Audio(half, RATE)), TWO_HOLES).value == pytest.approx((WORST + 1) / 2)
    assert measured(metric, Heard(same, same, Audio(np.zeros(8 * RATE), RATE)), TWO_HOLES).value == WORST
    assert metric.columns[0].worst == WORST and not metric.columns[0].is_ranked


def test_a_vector_of_zeros_scores_0(metric: EmbeddingCosine) -> None:
    assert measured(metric, Heard([[[0, 0]]], [[[1, 0]]]), ONE_HOLE).value == 0


def test_the_reference_scores_1_and_other_sound_less_by_the_default_embedding() -> None:
    metric = plugins.load("metrics", "embedding-cosine")
    t = np.arange(8 * RATE) / RATE
    tone = Audio(sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 6)) / 20, RATE)
    one = example(tone, TWO_HOLES)
    name = "embedding-cosine[musicnn]"
    assert metric.measure(one, heard(one, tone))[name].value == pytest.approx(1, abs=1e-12)
    assert metric.measure(one, heard(one, Audio(0.3 * tone.mono, RATE)))[name].value == pytest.approx(1, abs=1e-6)
    assert metric.measure(one, heard(one, noise(2)))[name].value < 0.5
    assert metric.identity.startswith("embedding-cosine/1 of means") and "musicnn v1" in metric.identity
