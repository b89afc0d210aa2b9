"""KAD against a naive estimator and closed forms."""

import numpy as np
import pytest

from bench.metrics import kad as module
from bench.metrics.kad import Kad, build

NAME = "kad[logmel-stats]"


@pytest.fixture(scope="module")
def metric() -> Kad:
    return build("logmel-stats")


def draw(rng, songs: int, windows: int = 6, d: int = 5, shift: float = 0.0) -> list[np.ndarray]:
    return [rng.normal(shift, 1, (windows, d)) + rng.normal(0, 0.5, d) for _ in range(songs)]


def naive(references, outputs) -> float:
    """Loop over every pair of windows from different songs."""
    stacked = np.concatenate(references)
    r, o = ([(x - stacked.mean(0)) / stacked.std(0) for x in side] for side in (references, outputs))
    gaps = [np.linalg.norm(a - b) for i in range(len(r)) for j in range(i) for a in r[i] for b in r[j]]
    width = np.median(gaps)

    def mean(one, other) -> float:
        per_pair = [
            np.mean([np.exp(-np.sum((a - b) ** 2) / (2 * width**2)) for a in one[i] for b in other[j]])
            for i in range(len(one))
            for j in range(len(other))
            if i != j
        ]
        return float(np.mean(per_pair))

    return 100 * (mean(r, r) + mean(o, o) - 2 * mean(r, o))


def test_agrees_with_a_naive_loop(metric: Kad) -> None:
    rng = np.random.default_rng(0)
    references, outputs = draw(rng, 5), draw(rng, 5, shift=0.4)
    assert metric.compare(references, outputs)[NAME].value == pytest.approx(naive(references, outputs), abs=1e-9)


def test_references_against_themselves_are_exactly_0(metric: Kad) -> None:
    references = draw(np.random.default_rng(1), 10)
    found = metric.compare(references, [x.copy() for x in references])[NAME]
    assert found.value == 0
    assert set(found.replicates) == {0.0}


def test_two_points_have_a_closed_form(metric: Kad) -> None:
    """References at +-1, outputs at +-3 (standardised, bandwidth 2): three kernel values by hand."""
    references, outputs = [np.array([[1.0]]), np.array([[-1.0]])], [np.array([[3.0]]), np.array([[-3.0]])]
    kernel = lambda gap: np.exp(-(gap**2) / (2 * 2.0**2))  # noqa: E731
    wanted = 100 * (kernel(2) + kernel(6) - 2 * kernel(4))
    assert metric.compare(references, outputs)[NAME].value == pytest.approx(wanted, abs=1e-9)


def test_sets_of_one_distribution_are_0_on_average_and_a_shift_is_not(metric: Kad) -> None:
    rng = np.random.default_rng(2)
    same = [metric.compare(draw(rng, 12), draw(rng, 12))[NAME].value for _ in range(60)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(len(same))
    assert min(same) < 0 < max(same)
    shifted = [metric.compare(draw(rng, 12), draw(rng, 12, shift=s))[NAME].value for s in (0.5, 1.0, 2.0)]
    assert np.mean(same) < shifted[0] < shifted[1] < shifted[2]


def test_intervals_need_eight_songs_and_use_the_same_halves_for_all_systems(metric: Kad, monkeypatch) -> None:
    rng = np.random.default_rng(3)
    few = metric.compare(draw(rng, 7), draw(rng, 7))[NAME]
    assert np.isnan(few.low) and few.replicates == ()
    seen = []
    original = module._mmd
    monkeypatch.setattr(module, "_mmd", lambda means, chosen: (seen.append(tuple(chosen)), original(means, chosen))[1])
    references = draw(rng, 9)
    one = metric.compare(references, draw(rng, 9))[NAME]
    first = list(seen)
    seen.clear()
    metric.compare(references, draw(rng, 9))
    assert first == seen
    assert len(one.replicates) == 32 and {len(half) for half in first[1:]} == {4}
    assert all(len(set(half)) == len(half) for half in first)
    assert one.low < one.value < one.high


def test_half_sets_spread_as_much_as_the_full_set_does(metric: Kad) -> None:
    """Against the truth, the same law drawn anew; over 200 draws told and true spread are 1.12 to 1."""
    rng = np.random.default_rng(1)
    found = [metric.compare(draw(rng, 16), draw(rng, 16, shift=0.5))[NAME] for _ in range(80)]
    told = np.mean([(one.high - one.low) / 2 for one in found]) / 2.04
    assert 0.8 < told / np.std([one.value for one in found], ddof=1) < 1.5


def test_references_exchanged_lie_a_little_below_0(metric: Kad) -> None:
    """As another song in the hole does: the outputs are the references, so one cross pair a song is a copy."""
    rng = np.random.default_rng(8)
    values = []
    for songs in (6, 24):
        sets = [draw(rng, songs) for _ in range(10)]
        values.append(np.mean([metric.compare(x, x[1:] + x[:1])[NAME].value for x in sets]))
    assert values[0] < values[1] < 0


def test_neither_the_order_of_songs_nor_a_change_of_units_matters(metric: Kad) -> None:
    rng = np.random.default_rng(9)
    references, outputs = draw(rng, 6), draw(rng, 6, shift=0.5)
    value = metric.compare(references, outputs)[NAME].value
    assert metric.compare(references[::-1], outputs[::-1])[NAME].value == pytest.approx(value, abs=1e-9)
    scale, offset = rng.uniform(0.1, 30, 5), rng.normal(0, 9, 5)
    moved = [[x * scale + offset for x in side] for side in (references, outputs)]
    assert metric.compare(*moved)[NAME].value == pytest.approx(value, abs=1e-9)


def test_songs_of_unequal_length_agree_with_the_naive_loop(metric: Kad) -> None:
    rng = np.random.default_rng(10)
    references, outputs = ([rng.normal(m, 1, (n, 3)) for n in (1, 4, 2, 7)] for m in (0, 0.6))
    assert metric.compare(references, outputs)[NAME].value == pytest.approx(naive(references, outputs), abs=1e-9)


def test_equal_references_give_no_bandwidth(metric: Kad) -> None:
    alike = [np.ones((3, 4))] * 9
    found = metric.compare(alike, draw(np.random.default_rng(11), 9, d=4))[NAME]
    assert found.state == "undefined-reference" and np.isnan(found.value) and found.replicates == ()


def test_the_bandwidth_is_stored_and_depends_on_the_references_only(metric: Kad) -> None:
    rng = np.random.default_rng(12)
    references = draw(rng, 9)
    widths = [metric.compare(references, draw(rng, 9, shift=s))["kad-bandwidth[logmel-stats]"] for s in (0, 3)]
    assert widths[0].value == widths[1].value > 0
    stacked = np.concatenate(references)
    scaled = [(x - stacked.mean(0)) / stacked.std(0) for x in references]
    gaps = [np.linalg.norm(a - b) for i in range(9) for j in range(i) for a in scaled[i] for b in scaled[j]]
    assert widths[0].value == pytest.approx(np.median(gaps), abs=1e-12)


def test_an_embedding_with_one_unit_is_not_standardised(metric: Kad, monkeypatch) -> None:
    rng = np.random.default_rng(13)
    references, outputs = draw(rng, 9), draw(rng, 9, shift=0.5)
    stretched = [[x * np.array([9, 1, 1, 1, 1]) for x in side] for side in (references, outputs)]
    assert metric.compare(*stretched)[NAME].value == pytest.approx(metric.compare(references, outputs)[NAME].value)
    monkeypatch.setattr(type(metric.embedding), "is_standardised", False)
    assert metric.compare(*stretched)[NAME].value != pytest.approx(metric.compare(references, outputs)[NAME].value)


def test_one_song_is_too_few(metric: Kad) -> None:
    one = draw(np.random.default_rng(4), 1)
    found = metric.compare(one, one)[NAME]
    assert found.state == "too-few-songs" and np.isnan(found.value)


def test_a_constant_dimension_does_no_harm(metric: Kad) -> None:
    rng = np.random.default_rng(5)
    flat = [np.hstack([x, np.ones((len(x), 1))]) for x in draw(rng, 8)]
    assert np.isfinite(metric.compare(flat, flat)[NAME].value)


def test_windows_are_counted(metric: Kad) -> None:
    rng = np.random.default_rng(6)
    assert metric.compare(draw(rng, 8, windows=3), draw(rng, 8, windows=5))[NAME].n == 40
