"""Note F1 against mir_eval."""

import mir_eval.transcription
import mir_eval.util
import numpy as np
import pytest

from bench.metrics.note_f1 import build
from tests.metrics.fakes import ONE_HOLE, TWO_HOLES, example, heard, notes


def measured(references, estimates, mask=ONE_HOLE):
    ears = heard(example(mask=mask), found={"output notes": estimates}, wanted={"notes": references})
    return build().measure(example(mask=mask), ears)["note-f1"]


@pytest.mark.parametrize("seed", range(8))
def test_one_hole_is_mir_evals_onset_and_pitch_f(seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.uniform(2, 5, 15))
    rows = [(s, s + 0.4, int(p)) for s, p in zip(starts, rng.integers(50, 60, 15), strict=True)]
    moved = [(s + rng.normal(0, 0.04), e + 1, p + int(rng.integers(0, 2))) for s, e, p in rows]
    reference, estimate = notes(*rows), notes(*sorted(moved))
    hz = [mir_eval.util.midi_to_hz(x.pitches.astype(float)) for x in (reference, estimate)]
    _, _, value, _ = mir_eval.transcription.precision_recall_f1_overlap(
        reference.intervals_s, hz[0], estimate.intervals_s, hz[1], onset_tolerance=0.05, offset_ratio=None
    )
    assert measured([reference], [estimate]).value == pytest.approx(value, abs=1e-12)


def test_pitch_and_onset_must_both_be_right() -> None:
    one = notes((3.0, 3.5, 60))
    assert measured([one], [notes((3.04, 5.0, 60))]).value == 1
    assert measured([one], [notes((3.0, 3.5, 61))]).value == 0
    assert measured([one], [notes((3.06, 3.5, 60))]).value == 0


def test_holes_are_pooled_and_empty_cases_are_defined() -> None:
    found = measured([notes((1.5, 2, 60)), notes((4.5, 5, 62))], [notes(), notes((4.5, 5, 62))], TWO_HOLES)
    assert found.value == pytest.approx(2 / 3) and found.n == 2
    assert measured([notes()], [notes((3, 4, 60))]).state == "undefined-reference"
    nothing = measured([notes((3, 4, 60))], [notes()])
    assert nothing.value == 0 and nothing.state == "silent"


def test_a_note_without_length_is_still_a_note() -> None:
    assert measured([notes((3.0, 3.0, 60))], [notes((3.0, 3.0, 60))]).value == 1
