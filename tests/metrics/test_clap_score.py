"""CLAP score: cosines by hand, windows of the same time, prompts, silence."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bench.audio import Audio
from bench.metrics.clap_score import ClapScore, build
from tests.metrics.fakes import RATE, TWO_HOLES, example, noise

SCORE, TEXT = "clap-score[x]", "clap-text[x]"


class Heard:
    """Two windows a hole, turned by an angle in the output."""

    def __init__(self, angle: float) -> None:
        self.angle = angle

    def embedded(self, who: str, embedding: object) -> list[np.ndarray]:
        turn = self.angle if who == "output" else 0.0
        steps = np.arange(4).reshape(2, 2)
        return [np.stack([np.cos(hole + turn), np.sin(hole + turn)], axis=1) for hole in steps]


@pytest.fixture
def metric() -> ClapScore:
    made = build("x")
    made.embedding = SimpleNamespace(identity="x v1", embed_text=lambda text: np.array([1.0, 0.0]))  # type: ignore
    return made  # type: ignore[return-value]


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2, np.pi])
def test_it_is_the_cosine_of_windows_of_the_same_time(metric: ClapScore, angle: float) -> None:
    found = metric.measure(example(noise(0), TWO_HOLES), Heard(angle))[SCORE]  # type: ignore[arg-type]
    assert found.value == pytest.approx(np.cos(angle), abs=1e-12) and found.n == 4


def test_a_prompt_is_compared_with_the_output_only(metric: ClapScore) -> None:
    one = example(noise(0), TWO_HOLES)
    assert metric.measure(one, Heard(0.3))[TEXT].state == "no-prompt"  # type: ignore[arg-type]
    asked = replace(one, request=replace(one.request, prompt="a piano"))
    found = metric.measure(asked, Heard(0.3))[TEXT]  # type: ignore[arg-type]
    assert found.value == pytest.approx(np.mean(np.cos(np.arange(4) + 0.3)), abs=1e-12)


def test_an_embedding_without_text_ignores_the_prompt(metric: ClapScore) -> None:
    metric.embedding = SimpleNamespace(identity="x")  # type: ignore[assignment]
    one = example(noise(0), TWO_HOLES)
    asked = replace(one, request=replace(one.request, prompt="a piano"))
    assert metric.measure(asked, Heard(0))[TEXT].state == "no-prompt"  # type: ignore[arg-type]


def test_a_silent_reference_is_undefined_and_zero_vectors_score_0(metric: ClapScore) -> None:
    silent = example(Audio(np.zeros(8 * RATE), RATE), TWO_HOLES)
    assert metric.measure(silent, Heard(0))[SCORE].state == "undefined-reference"  # type: ignore[arg-type]
    nothing = SimpleNamespace(embedded=lambda who, _: [np.zeros((1, 2)) if who == "output" else np.ones((1, 2))])
    assert metric.measure(example(noise(0)), nothing)[SCORE].value == 0  # type: ignore[arg-type]
