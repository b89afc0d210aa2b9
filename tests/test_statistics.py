"""Statistics: closed forms, plain loops and simulations."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics import (
    Difference,
    coverage,
    difference,
    half_set_interval,
    half_sets,
    holm,
    interval,
    rank_intervals,
    replicate_difference,
    song_means,
)

NAN = float("nan")


def songs(values):
    return {f"song{k:03}": float(value) for k, value in enumerate(values)}


def student(values):
    """The t interval by scipy."""
    values = np.asarray(values, float)
    return stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))


def test_song_means_average_excerpts_and_leave_undefined_ones_out():
    values = {"b": 1.0, "a--2": 4.0, "a": 2.0, "c": NAN, "d": NAN, "d--2": 7.0}
    assert song_means(values) == {"a": 3.0, "b": 1.0, "d": 7.0}
    assert list(song_means(values)) == ["a", "b", "d"]
    assert song_means({}) == {}


def test_no_interval_below_eight_songs():
    assert np.isnan(interval([1, 2, 3, 4, 5, 6, 7])).all()
    assert np.isnan(interval([1, 2, 3, 4, 5, 6, 7, NAN])).all()
    assert not np.isnan(interval([1, 2, 3, 4, 5, 6, 7, 8])).any()
    assert np.isnan(interval([])).all()


@pytest.mark.parametrize("value", [0.0, 0.3, -5.0, 1e9])
def test_songs_that_agree_give_their_value(value):
    assert interval([value] * 9) == (pytest.approx(value), pytest.approx(value))


def test_too_many_resamples_without_spread_fall_back_to_student():
    values = [1.0] * 15 + [0.0]
    assert interval(values) == pytest.approx(student(values), rel=1e-12)


def test_interval_agrees_with_a_plain_loop():
    values = np.random.default_rng(5).exponential(size=20)
    rng = np.random.default_rng(99)
    t = []
    for _ in range(4000):
        drawn = rng.choice(values, 20)
        t.append(abs(drawn.mean() - values.mean()) / (drawn.std(ddof=1) / 20**0.5))
    half = np.quantile(t, 0.95) * values.std(ddof=1) / 20**0.5
    low, high = interval(values)
    assert (low + high) / 2 == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)


def test_interval_is_that_of_student_on_many_normal_songs():
    values = np.random.default_rng(1).normal(size=300)
    assert interval(values) == pytest.approx(student(values), abs=0.02)


def test_interval_is_the_same_every_time():
    values = np.random.default_rng(2).normal(size=16)
    assert interval(values) == interval(values)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-50, 50), min_size=8, max_size=20),
    st.sampled_from([0.5, 2.0, -4.0]),
    st.integers(-100, 100),
)
def test_interval_moves_and_stretches_with_its_values(values, factor, shift):
    low, high = interval(values)
    ends = sorted((low * factor + shift, high * factor + shift))
    assert interval([value * factor + shift for value in values]) == pytest.approx(ends, abs=1e-7)
    assert low <= np.mean(values) + 1e-9 and high >= np.mean(values) - 1e-9


@pytest.mark.parametrize("n", [8, 11, 12])
def test_sign_flip_is_exact_on_few_songs(n):
    values = np.random.default_rng(n).normal(0.4, 1, n)
    flipped = [abs(np.dot(signs, values)) for signs in product((1, -1), repeat=n)]
    expected = np.mean([total >= abs(values.sum()) - 1e-9 for total in flipped])
    assert difference(songs(values), songs([0] * n)).p == pytest.approx(expected, abs=1e-12)


def test_sign_flip_by_hand():
    """All eight differences agree in sign: only the two uniform flips are as far out."""
    assert difference(songs(range(1, 9)), songs([0] * 8)).p == 2 / 2**8


def test_sign_flip_on_many_songs_agrees_with_the_t_test_and_is_never_zero():
    values = np.random.default_rng(3).normal(0.3, 1, 60)
    assert difference(songs(values), songs([0] * 60)).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)
    assert difference(songs([1.0] * 60), songs([0] * 60)).p == pytest.approx(1 / 10_001)


def test_difference_pairs_common_songs():
    a = {**songs(range(10)), "only-a": 100.0, "x": NAN}
    b = {**{song: value - 2 for song, value in songs(range(10)).items()}, "only-b": 5.0, "x": 1.0}
    found = difference(a, b)
    assert (found.mean, found.low, found.high, found.n) == (2.0, 2.0, 2.0, 10)
    assert found.p == 2 / 2**10


def test_difference_of_equal_systems_is_0():
    assert difference(songs(range(9)), songs(range(9))) == Difference(0.0, 0.0, 0.0, 1.0, 9, 0.0)


def test_difference_below_eight_songs_is_only_a_mean():
    found = difference(songs(range(7)), songs([0] * 7))
    assert found.mean == 3.0
    assert found.n == 7
    assert np.isnan([found.low, found.high, found.p]).all()
    assert difference({"a": 1.0}, {"b": 1.0}).n == 0


def test_difference_changes_sign_with_its_arguments():
    a, b = songs(np.random.default_rng(4).normal(size=14)), songs(np.random.default_rng(5).normal(size=14))
    there, back = difference(a, b), difference(b, a)
    assert back.mean == pytest.approx(-there.mean)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert back.p == there.p


def test_null_p_values_are_uniform():
    rng = np.random.default_rng(7)
    found = [difference(songs(rng.normal(size=16)), songs(rng.normal(size=16))).p for _ in range(1500)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.02)
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_replicate_difference_in_closed_form():
    a, b = np.arange(32.0), np.zeros(32)
    found = replicate_difference(20.0, 3.0, a, b)
    error = a.std(ddof=1)
    assert found.mean == 17.0
    assert found.p == pytest.approx(2 * stats.t.sf(17 / error, 31))
    assert (found.low, found.high) == pytest.approx(
        (17 - stats.t.ppf(0.975, 31) * error, 17 + stats.t.ppf(0.975, 31) * error)
    )


def test_replicate_difference_uses_pairs_with_both_values():
    a, b = [NAN, *np.arange(10.0)], [1.0, NAN, *np.zeros(9)]
    assert replicate_difference(1, 0, a, b).n == 9
    assert np.isnan(replicate_difference(1, 0, a[:8], b[:8]).p)
    assert np.isnan(replicate_difference(NAN, 0, a, b).p)


def test_replicate_difference_without_spread():
    assert replicate_difference(1.0, 1.0, [2.0] * 32, [2.0] * 32).p == 1.0
    assert replicate_difference(1.0, 0.0, [2.0] * 32, [1.0] * 32) == Difference(1.0, 1.0, 1.0, 0.0, 32, 0.0)


def test_half_sets_measure_the_error_of_a_mean():
    """The documented assumption, where it is exact: for a mean, half-sets spread as the full mean does."""
    rng = np.random.default_rng(8)
    n, rejected = 24, 0
    for _ in range(300):
        values = rng.normal(size=n)
        halves = [values[rng.permutation(n)[: n // 2]].mean() for _ in range(32)]
        rejected += replicate_difference(values.mean(), 0.0, halves, [0.0] * 32).p < 0.05
    assert rejected / 300 == pytest.approx(0.05, abs=0.04)


def test_holm_by_hand():
    """Sorted 0.005 0.01 0.03 0.04 times 4 3 2 1 is 0.02 0.03 0.06 0.04, and no smaller than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_undefined_ones_out_and_stops_at_one():
    assert holm([0.6, NAN, 0.7]) == pytest.approx([1.0, NAN, 1.0], nan_ok=True)
    assert holm([0.02, NAN]) == pytest.approx([0.02, NAN], nan_ok=True)
    assert len(holm([])) == 0
    assert np.isnan(holm([NAN])).all()


def test_rank_intervals_by_hand():
    """a beats c and d, b beats d; a and b, b and c, c and d cannot be told apart."""
    better = np.zeros((4, 4), bool)
    better[0, 2] = better[0, 3] = better[1, 3] = True
    assert rank_intervals(better) == [(1, 2), (1, 3), (2, 4), (3, 4)]


def test_rank_intervals_of_a_strict_order_and_of_one():
    assert rank_intervals(np.triu(np.ones((3, 3), bool), 1)) == [(1, 1), (2, 2), (3, 3)]
    assert rank_intervals(np.zeros((1, 1), bool)) == [(1, 1)]


@pytest.mark.parametrize(
    ("law", "mean"),
    [
        (lambda rng, n: rng.normal(size=n), 0.0),
        (lambda rng, n: rng.exponential(size=n), 1.0),
        (lambda rng, n: rng.beta(0.5, 0.5, size=n), 0.5),
    ],
    ids=["normal", "skewed", "bounded"],
)
def test_intervals_have_about_their_nominal_coverage(law, mean):
    """Standard error 1.1 points; benchmarks/intervals.py measures it well."""
    assert 0.91 <= coverage(16, law, mean, runs=400, seed=11) <= 0.99


def test_coverage_counts_misses():
    assert coverage(16, lambda rng, n: rng.normal(size=n), 5.0, runs=5) == 0.0


def test_half_sets_are_halves_without_replacement_and_depend_on_n_only():
    halves = half_sets(9)
    assert len(halves) == 32 and all(len(set(half)) == 4 and list(half) == sorted(half) for half in halves)
    assert len({tuple(half) for half in halves}) > 20
    assert [list(half) for half in half_sets(9)] == [list(half) for half in halves]


def test_the_interval_of_a_distance_is_students_over_the_halves_spread():
    halves = np.random.default_rng(0).normal(5, 2, 32)
    low, high = half_set_interval(1.0, halves)
    assert (low + high) / 2 == pytest.approx(1.0)
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 31) * np.std(halves, ddof=1))


def test_songs_to_tell_agree_with_the_classical_formula_and_give_the_power():
    rng = np.random.default_rng(1)
    values = rng.normal(0.5, 1, 40)
    found = difference(songs(values), songs([0] * 40))
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    needed = found.songs_to_tell(40)
    assert needed == np.ceil((z * values.std(ddof=1) / values.mean()) ** 2)
    mean, spread = values.mean(), values.std(ddof=1)
    power = np.mean([stats.ttest_1samp(rng.normal(mean, spread, int(needed)), 0).pvalue < 0.05 for _ in range(2000)])
    assert 0.74 < power < 0.84


def test_songs_to_tell_are_infinite_for_no_difference_and_unknown_for_few_songs():
    same = difference(songs(range(9)), songs(range(9)))
    assert same.songs_to_tell(9) == float("inf")
    assert np.isnan(difference(songs(range(7)), songs([0] * 7)).songs_to_tell(7))
    assert np.isnan(Difference(1.0, 0.0, 2.0, 0.1, 9).songs_to_tell(9))


def test_one_different_song_does_not_blow_up_the_interval():
    values = np.concatenate([np.random.default_rng(0).normal(0, 1e-3, 15), [0.5]])
    low, high = interval(values)
    half_of_student = stats.t.ppf(0.975, 15) * values.std(ddof=1) / 4
    assert (high - low) / 2 == pytest.approx(3 * half_of_student)
    smooth = np.random.default_rng(1).normal(size=16)
    assert interval(smooth)[1] - smooth.mean() < 1.3 * stats.t.ppf(0.975, 15) * smooth.std(ddof=1) / 4
