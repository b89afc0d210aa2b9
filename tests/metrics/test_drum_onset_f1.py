"""Drum onset F1 against mir_eval, and its chance level against simulation."""

import mir_eval.onset
import numpy as np
import pytest

from bench.metrics.drum_onset_f1 import build
from tests.metrics.fakes import ONE_HOLE, TWO_HOLES, example, heard, times


def measured(references, estimates, mask=ONE_HOLE):
    return build().measure(
        example(mask=mask), heard(example(mask=mask), found={"output onsets": estimates}, wanted={"onsets": references})
    )


@pytest.mark.parametrize("seed", range(10))
def test_one_hole_is_mir_evals_f_measure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = np.sort(rng.uniform(2, 6, 20))
    estimate = np.sort(np.concatenate([reference[:12] + rng.normal(0, 0.03, 12), rng.uniform(2, 6, 9)]))
    value, _, _ = mir_eval.onset.f_measure(reference, estimate, window=0.05)
    assert measured([times(*reference)], [times(*estimate)])["drum-onset-f1"].value == pytest.approx(value, abs=1e-12)


def test_counts_are_pooled_over_holes_not_averaged() -> None:
    found = measured([times(1.5), times(4.2, 4.6, 5.0)], [times(2.4), times(4.2, 4.6, 5.0)], TWO_HOLES)
    assert found["drum-onset-f1"].value == pytest.approx(2 * 3 / 8)
    assert found["drum-onset-f1"].n == 4


def test_hits_within_50_ms_count_and_beyond_do_not() -> None:
    assert measured([times(3.0)], [times(3.049)])["drum-onset-f1"].value == 1
    assert measured([times(3.0)], [times(3.051)])["drum-onset-f1"].value == 0


def test_no_onset_in_the_reference_is_undefined_and_none_in_the_output_scores_0() -> None:
    assert measured([times()], [times(3.0)])["drum-onset-f1"].state == "undefined-reference"
    found = measured([times(3.0)], [times()])
    assert {m.value for m in found.values()} == {0.0}
    assert {m.state for m in found.values()} == {"silent"}


def test_chance_is_the_score_of_random_hits_of_the_same_density() -> None:
    rng = np.random.default_rng(0)
    reference, estimate = np.sort(rng.uniform(2, 6, 32)), np.sort(rng.uniform(2, 6, 32))
    simulated = np.mean(
        [mir_eval.onset.f_measure(reference, np.sort(rng.uniform(2, 6, 32)), window=0.05)[0] for _ in range(200)]
    )
    assert measured([times(*reference)], [times(*estimate)])["drum-onset-f1"].chance == pytest.approx(
        simulated, abs=0.06
    )


def test_the_adjusted_value_is_1_for_the_reference_and_about_0_for_chance() -> None:
    rng = np.random.default_rng(1)
    reference = np.sort(rng.uniform(2, 6, 16))
    assert measured([times(*reference)], [times(*reference)])["drum-onset-f1-adj"].value == pytest.approx(1)
    values = [
        measured([times(*reference)], [times(*np.sort(rng.uniform(2, 6, 16)))])["drum-onset-f1-adj"].value
        for _ in range(40)
    ]
    assert abs(np.mean(values)) < 0.08


def test_the_adjusted_value_is_corrected_for_chance() -> None:
    found = measured([times(2.5, 3.0, 3.7, 4.4)], [times(2.5, 3.0, 3.9, 5.1)])
    value, chance = found["drum-onset-f1"].value, found["drum-onset-f1"].chance
    assert found["drum-onset-f1-adj"].value == pytest.approx((value - chance) / (1 - chance))
