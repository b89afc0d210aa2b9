"""Chroma cosine against a loop over numpy.corrcoef."""

import numpy as np
import pytest

from bench.metrics.chroma_cosine import build
from bench.symbols import Frames
from tests.metrics.fakes import ONE_HOLE, TWO_HOLES, example, heard


def measured(reference, output, mask=ONE_HOLE):
    found = {
        "reference chroma": [Frames(x, 43.0) for x in reference],
        "output chroma": [Frames(x, 43.0) for x in output],
    }
    return build().measure(example(mask=mask), heard(example(mask=mask), found=found))


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_correlation_frame_by_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, output = rng.uniform(0, 1, (40, 12)), rng.uniform(0, 1, (40, 12))
    weights = [float(np.dot(x, x)) for x in reference]
    centred = sum(w * np.corrcoef(a, b)[0, 1] for w, a, b in zip(weights, reference, output, strict=True)) / sum(
        weights
    )
    plain = sum(
        w * np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
        for w, a, b in zip(weights, reference, output, strict=True)
    ) / sum(weights)
    found = measured([reference], [output])
    assert found["chroma-cosine"].value == pytest.approx(centred, abs=1e-12)
    assert found["chroma-cosine-plain"].value == pytest.approx(plain, abs=1e-12)


def test_random_chroma_scores_0_centred_and_much_more_plain() -> None:
    rng = np.random.default_rng(0)
    found = measured([rng.uniform(0, 1, (4000, 12))], [rng.uniform(0, 1, (4000, 12))])
    assert abs(found["chroma-cosine"].value) < 0.02
    assert found["chroma-cosine-plain"].value > 0.7


def test_gain_changes_nothing_and_identity_is_1() -> None:
    chroma = np.random.default_rng(1).uniform(0, 1, (30, 12))
    assert measured([chroma], [chroma])["chroma-cosine"].value == pytest.approx(1)
    assert measured([chroma], [4 * chroma])["chroma-cosine"].value == pytest.approx(1)


def test_quiet_frames_of_the_reference_are_left_out() -> None:
    rng = np.random.default_rng(2)
    reference, output = rng.uniform(0, 1, (20, 12)), rng.uniform(0, 1, (20, 12))
    reference[10:] *= 1e-4
    assert measured([reference], [output])["chroma-cosine"].n == 10
    assert measured([reference], [output])["chroma-cosine"].value == pytest.approx(
        measured([reference[:10]], [output[:10]])["chroma-cosine"].value
    )


def test_a_flat_or_silent_output_scores_0_and_a_silent_reference_is_undefined() -> None:
    chroma = np.random.default_rng(3).uniform(0, 1, (20, 12))
    assert measured([chroma], [np.zeros((20, 12))])["chroma-cosine"].value == 0
    assert measured([chroma], [np.ones((20, 12))])["chroma-cosine"].value == 0
    assert measured([np.zeros((20, 12))], [chroma])["chroma-cosine"].state == "undefined-reference"


def test_louder_frames_weigh_more() -> None:
    one, other = np.eye(12)[0], np.eye(12)[5]
    found = measured([np.array([3 * one]), np.array([one])], [np.array([one]), np.array([other])], TWO_HOLES)
    wrong = np.corrcoef(one, other)[0, 1]
    assert found["chroma-cosine"].value == pytest.approx((9 * 1 + 1 * wrong) / 10)
