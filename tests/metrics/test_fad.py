"""FAD of a set: refusals, bias marked and seen in the ceiling, the bias gone at infinity."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench.metrics.fad import Fad, _effective, build, frechet_of

PLAIN, ENDLESS, FIT = "fad[x]", "fad-inf[x]", "fad-inf-fit[x]"


@pytest.fixture
def metric() -> Fad:
    made = build("x")
    made.embedding = SimpleNamespace(identity="x v1", kind="embedding")  # type: ignore[attr-defined, assignment]
    return made  # type: ignore[return-value]


def draw(rng, songs: int, windows: int = 10, d: int = 8, shift: float = 0.0) -> list[np.ndarray]:
    return [rng.normal(shift, 1, (windows, d)) for _ in range(songs)]


def test_it_is_the_distance_of_all_windows(metric: Fad) -> None:
    rng = np.random.default_rng(0)
    references, outputs = draw(rng, 20), draw(rng, 20, shift=0.5)
    found = metric.compare(references, outputs)[PLAIN]
    assert found.value == frechet_of(np.concatenate(references), np.concatenate(outputs))
    assert found.low < found.value < found.high and len(found.replicates) == 32 and found.n == 200


def test_references_against_themselves_are_0_and_the_order_of_songs_does_not_matter(metric: Fad) -> None:
    rng = np.random.default_rng(1)
    references, outputs = draw(rng, 20), draw(rng, 20, shift=0.3)
    assert metric.compare(references, references)[PLAIN].value == pytest.approx(0, abs=1e-9)
    value = metric.compare(references, outputs)[PLAIN].value
    assert metric.compare(references[::-1], outputs[::-1])[PLAIN].value == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(("songs", "windows", "state"), [(15, 90, "too-few-songs"), (16, 0.9, "too-few-windows")])
def test_too_little_is_refused_with_its_reason(metric: Fad, songs: int, windows: float, state: str) -> None:
    rng = np.random.default_rng(2)
    sets = draw(rng, songs, max(int(windows), 1), d=8 if windows > 1 else 12)
    for found in metric.compare(sets, sets).values():
        assert found.state == state and np.isnan(found.value) and found.replicates == ()
    assert metric.ceiling(sets) == {}


def test_few_windows_a_dimension_are_marked_as_bias(metric: Fad) -> None:
    rng = np.random.default_rng(3)
    states = [metric.compare(draw(rng, 20, k), draw(rng, 20, k))[PLAIN].state for k in (1, 3, 8)]
    assert states == ["biased", "biased", "ok"]


def test_the_ceiling_shows_the_bias_of_half_the_songs(metric: Fad) -> None:
    rng = np.random.default_rng(4)
    found = metric.ceiling(draw(rng, 40))[PLAIN]
    fresh = np.mean([frechet_of(*(rng.normal(size=(200, 8)) for _ in range(2))) for _ in range(50)])
    assert found == pytest.approx(fresh, rel=0.3)


def test_at_infinity_the_bias_is_gone_and_a_true_distance_stays(metric: Fad) -> None:
    rng = np.random.default_rng(5)
    plain, endless, told = [], [], []
    for _ in range(12):
        found = metric.compare(draw(rng, 48), draw(rng, 48))
        plain.append(found[PLAIN].value)
        endless.append(found[ENDLESS].value)
        told.append(found[FIT].value)
    assert abs(np.mean(endless)) < 0.35 * np.mean(plain)
    assert np.mean(told) > 0.5
    far = metric.compare(draw(rng, 48), draw(rng, 48, shift=0.5))
    assert far[ENDLESS].value == pytest.approx(8 * 0.25, rel=0.2)
    assert far[ENDLESS].low < far[ENDLESS].value < far[ENDLESS].high


def test_a_short_lever_is_no_extrapolation(metric: Fad) -> None:
    rng = np.random.default_rng(6)
    found = metric.compare(draw(rng, 20, windows=1), draw(rng, 20, windows=1))
    assert found[PLAIN].state == "biased"
    assert {found[name].state for name in (ENDLESS, FIT)} == {"too-few-windows"}


def test_asked_twice_it_says_the_same(metric: Fad) -> None:
    rng = np.random.default_rng(7)
    sets = draw(rng, 32), draw(rng, 32, shift=0.2)
    assert repr(metric.compare(*sets)) == repr(metric.compare(*sets))


def test_an_embedding_of_many_units_is_standardised(metric: Fad) -> None:
    rng = np.random.default_rng(8)
    sets = draw(rng, 32), draw(rng, 32, shift=0.2)
    scale = rng.uniform(0.1, 10, 8)
    stretched = [[x * scale for x in side] for side in sets]
    assert metric.compare(*stretched)[PLAIN].value != pytest.approx(metric.compare(*sets)[PLAIN].value, rel=0.01)
    assert "as embedded" in metric.identity
    other = build("x")
    other.embedding = SimpleNamespace(identity="x", kind="embedding", is_standardised=True)  # type: ignore[assignment]
    assert other.compare(*stretched)[PLAIN].value == pytest.approx(other.compare(*sets)[PLAIN].value, abs=1e-9)
    assert "standardised" in other.identity


def test_windows_that_are_alike_count_as_few(metric: Fad) -> None:
    """Twenty windows of one song that are all the same weigh as one."""
    rng = np.random.default_rng(9)
    alike = [np.repeat(rng.normal(0, 1, (1, 8)), 20, axis=0) for _ in range(40)]
    loose = draw(rng, 40, 20)
    assert _effective(alike) == pytest.approx(40, rel=0.01)
    assert _effective(loose) == pytest.approx(800, rel=0.15)
    half = [(a + b) / 2**0.5 for a, b in zip(alike, loose, strict=True)]
    assert _effective(half) == pytest.approx(800 / (1 + 19 * 0.5), rel=0.2)
    assert metric.compare(loose, loose)[PLAIN].state == "ok"
    assert metric.compare(alike, loose)[PLAIN].state == "biased"
