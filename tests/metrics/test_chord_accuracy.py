"""Chord accuracy against mir_eval's own evaluation of the same spans."""

import mir_eval.chord
import mir_eval.util
import numpy as np
import pytest

from bench.metrics.chord_accuracy import REDUCTIONS, build
from tests.metrics.fakes import ONE_HOLE, TWO_HOLES, chords, example, heard

LABELS = ("C:maj", "A:min", "G:7", "F:maj7", "D:min7", "Eb:maj", "N")


def measured(references, estimates, mask=ONE_HOLE):
    return build().measure(
        example(mask=mask), heard(example(mask=mask), found={"output chords": estimates}, wanted={"chords": references})
    )


def random_chords(rng, n):
    cuts = np.sort(np.concatenate([[2.0, 6.0], rng.uniform(2, 6, n - 1)]))
    labels = [str(rng.choice(LABELS)) for _ in range(n)]
    return chords(*((a, b, label) for a, b, label in zip(cuts, cuts[1:], labels, strict=False)))


def by_brute_force(compare, reference, estimate) -> float:
    """Ask mir_eval at every millisecond that is 0.1 s off the reference's borders."""
    right = total = 0.0
    for at in np.arange(2.0005, 6, 0.001):
        k = int(np.flatnonzero((reference.intervals_s[:, 0] <= at) & (at < reference.intervals_s[:, 1]))[0])
        start, end = reference.intervals_s[k]
        j = int(np.flatnonzero((estimate.intervals_s[:, 0] <= at) & (at < estimate.intervals_s[:, 1]))[0])
        if start + 0.1 <= at < end - 0.1:
            score = float(compare([reference.labels[k]], [estimate.labels[j]])[0])
            if score >= 0:
                right, total = right + score, total + 1
    return right / total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["chord-accuracy", "chord-accuracy-root", "chord-accuracy-sevenths"])
def test_agrees_with_mir_eval_asked_every_millisecond(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    reference, estimate = random_chords(rng, 5), random_chords(rng, 7)
    assert measured([reference], [estimate])[name].value == pytest.approx(
        by_brute_force(REDUCTIONS[name], reference, estimate), abs=0.01
    )


def test_the_reference_against_itself_is_1_in_every_reduction() -> None:
    reference = chords((2, 4, "C:maj7"), (4, 6, "A:min"))
    found = measured([reference], [reference])
    assert [found[name].value for name in REDUCTIONS] == [1.0] * 6
    assert found["chord-accuracy"].n == pytest.approx(4 - 4 * 0.1)


def test_each_reduction_ignores_what_it_should() -> None:
    found = measured([chords((2, 6, "C:maj7"))], [chords((2, 6, "C:7"))])
    values = {name: m.value for name, m in found.items()}
    assert values["chord-accuracy"] == values["chord-accuracy-root"] == values["chord-accuracy-thirds"] == 1
    assert values["chord-accuracy-triads"] == 1
    assert values["chord-accuracy-sevenths"] == values["chord-accuracy-tetrads"] == 0


def test_an_estimated_x_is_wrong_and_not_skipped() -> None:
    found = measured([chords((2, 6, "C:maj"))], [chords((2, 4, "X"), (4, 6, "C:maj"))])
    assert found["chord-accuracy"].value == pytest.approx(0.5)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_an_estimated_x_is_wrong_in_every_reduction_even_where_no_chord_sounds(name: str) -> None:
    reference = chords((2, 4, "C:maj"), (4, 6, "N"))
    assert measured([reference], [chords((2, 6, "X"))])[name].value == 0
    assert measured([reference], [chords((2, 6, "N"))])[name].value == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", REDUCTIONS)
def test_agrees_with_mir_evals_weighted_accuracy_of_merged_intervals(seed: int, name: str) -> None:
    """mir_eval merges and weighs by itself what lies 0.1 s off the reference's borders."""
    rng = np.random.default_rng(seed + 50)
    reference, estimate = random_chords(rng, 5), random_chords(rng, 6)
    kept = [
        (start + 0.1, end - 0.1, label)
        for (start, end), label in zip(reference.intervals_s, reference.labels, strict=True)
        if end - start > 0.2
    ]
    value = found = 0.0
    for start, end, label in kept:
        cut = estimate.cut(start, end)
        merged, ref, est = mir_eval.util.merge_labeled_intervals(
            np.array([[start, end]]), [label], cut.intervals_s, list(cut.labels)
        )
        scores = REDUCTIONS[name](ref, est)
        seconds = mir_eval.util.intervals_to_durations(merged)[scores >= 0].sum()
        if seconds > 0:
            value += seconds * mir_eval.chord.weighted_accuracy(scores, mir_eval.util.intervals_to_durations(merged))
            found += seconds
    ours = measured([reference], [estimate])[name]
    assert ours.n == pytest.approx(found, abs=1e-9)
    assert ours.value == pytest.approx(value / found, abs=1e-9)


def test_time_without_an_estimated_chord_counts_as_no_chord() -> None:
    assert measured([chords((2, 6, "C:maj"))], [chords((2, 4, "C:maj"))])["chord-accuracy"].value == pytest.approx(0.5)


def test_what_is_outside_the_vocabulary_is_left_out_of_the_mean() -> None:
    reference = chords((2, 4, "C:sus4"), (4, 6, "C:maj"))
    found = measured([reference], [chords((2, 6, "C:maj"))])["chord-accuracy"]
    assert found.value == 1 and found.n == pytest.approx(1.8)


def test_borders_of_the_reference_are_left_out() -> None:
    reference, late = chords((2, 4, "C:maj"), (4, 6, "G:maj")), chords((2, 4.09, "C:maj"), (4.09, 6, "G:maj"))
    assert measured([reference], [late])["chord-accuracy"].value == 1
    later = chords((2, 4.2, "C:maj"), (4.2, 6, "G:maj"))
    assert measured([reference], [later])["chord-accuracy"].value == pytest.approx(1 - 0.1 / 3.6)


def test_nothing_comparable_or_no_chords_is_undefined_never_0() -> None:
    for label in ("C:sus4", "N", "X"):
        found = measured([chords((2, 6, label))], [chords((2, 6, "C:maj"))])["chord-accuracy"]
        assert found.state == "undefined-reference" and np.isnan(found.value)


def test_seconds_are_pooled_over_holes() -> None:
    found = measured(
        [chords((1, 3, "C:maj")), chords((4, 6, "C:maj"))],
        [chords((1, 3, "C:maj")), chords((4, 6, "D:maj"))],
        TWO_HOLES,
    )
    assert found["chord-accuracy"].value == pytest.approx(0.5)
    assert found["chord-coverage"].value == pytest.approx(100 * 3.6 / 4)
