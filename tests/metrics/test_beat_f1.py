"""Beat F1 against mir_eval without its trimming."""

import mir_eval.beat
import numpy as np
import pytest

from bench.metrics.beat_f1 import build
from tests.metrics.fakes import ONE_HOLE, TWO_HOLES, example, heard, times


def measured(references, estimates, mask=ONE_HOLE):
    return build().measure(
        example(mask=mask), heard(example(mask=mask), found={"output beats": estimates}, wanted={"beats": references})
    )


@pytest.mark.parametrize("seed", range(8))
def test_one_hole_is_mir_evals_untrimmed_f_measure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = np.arange(2.1, 6, 0.5)
    estimate = np.sort(reference + rng.normal(0, 0.06, len(reference)))
    found = measured([times(*reference)], [times(*estimate)])["beat-f1"].value
    assert found == pytest.approx(mir_eval.beat.f_measure(reference, estimate), abs=1e-12)


def test_beats_before_5_s_count() -> None:
    assert measured([times(2.5, 3.0, 3.5)], [times(2.5, 3.0, 3.5)])["beat-f1"].value == 1


def test_downbeats_are_first_beats_of_bars_within_50_ms() -> None:
    reference = times(2.0, 2.5, 3.0, 3.5, 4.0, positions=[1, 2, 3, 4, 1])
    late = times(2.04, 2.54, 3.04, 3.54, 4.06, positions=[1, 2, 3, 4, 1])
    found = measured([reference], [late])
    assert found["beat-f1"].value == 1
    assert found["downbeat-f1"].value == pytest.approx(0.5)
    assert found["downbeat-f1"].n == 2


def test_beats_within_70_ms() -> None:
    assert measured([times(3.0)], [times(3.069)])["beat-f1"].value == 1
    assert measured([times(3.0)], [times(3.071)])["beat-f1"].value == 0


def test_holes_are_pooled_and_empty_cases_are_defined() -> None:
    found = measured([times(1.5), times(4.2, 4.7, 5.2)], [times(), times(4.2, 4.7, 5.2)], TWO_HOLES)["beat-f1"]
    assert found.value == pytest.approx(2 * 3 / 7)
    assert measured([times()], [times(3.0)])["beat-f1"].state == "undefined-reference"
    assert measured([times(3.0)], [times()])["beat-f1"].value == 0
    assert measured([times(3.0)], [times(3.0)])["downbeat-f1"].state == "undefined-reference"
