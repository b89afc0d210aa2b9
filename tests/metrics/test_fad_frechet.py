"""Fréchet distance against closed forms and the matrix square root; extrapolation against a line known beforehand."""

import numpy as np
import pytest
import scipy.linalg

from bench.metrics.fad import extrapolate, frechet, frechet_of


def toolkits_form(a: np.ndarray, b: np.ndarray) -> float:
    """The published formula with a general matrix square root, as most toolkits have it."""
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    gap = a.mean(0) - b.mean(0)
    return float(gap @ gap + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(np.real(root)))


def clouds(n: int, m: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mix_a, mix_b = rng.normal(size=(2, d, d)) / d**0.5
    return rng.normal(size=(n, d)) @ mix_a, rng.normal(0.2, 1.1, (m, d)) @ mix_b


@pytest.mark.parametrize(("n", "m", "d"), [(500, 400, 16), (300, 900, 64)])
def test_agrees_with_the_matrix_square_root(n: int, m: int, d: int) -> None:
    a, b = clouds(n, m, d)
    assert frechet_of(a, b) == pytest.approx(toolkits_form(a, b), abs=1e-6)


@pytest.mark.parametrize(("n", "m", "d"), [(20, 30, 64), (10, 200, 64), (200, 10, 64), (64, 64, 64), (2, 2, 5)])
def test_few_vectors_go_another_way_to_the_same_number(n: int, m: int, d: int) -> None:
    a, b = clouds(n, m, d)
    straight = frechet(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert frechet_of(a, b) == pytest.approx(straight, abs=1e-6 * max(straight, 1))


def test_diagonal_gaussians_have_a_closed_form() -> None:
    rng = np.random.default_rng(1)
    mean_a, mean_b = rng.normal(size=(2, 7))
    var_a, var_b = rng.uniform(0.1, 4, (2, 7))
    wanted = np.sum((mean_a - mean_b) ** 2) + np.sum((var_a**0.5 - var_b**0.5) ** 2)
    assert frechet(mean_a, np.diag(var_a), mean_b, np.diag(var_b)) == pytest.approx(wanted, abs=1e-12)


def test_itself_is_0_a_shift_is_its_square_and_a_scale_is_known() -> None:
    a, _ = clouds(400, 1, 8)
    assert frechet_of(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_of(a, a + 0.5) == pytest.approx(8 * 0.25, abs=1e-9)
    centred = a - a.mean(0)
    assert frechet_of(centred, 3 * centred) == pytest.approx(4 * np.trace(np.cov(a.T)), abs=1e-9)


def test_symmetric_and_blind_to_rotation_and_order() -> None:
    a, b = clouds(90, 70, 6)
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))
    value = frechet_of(a, b)
    assert frechet_of(b, a) == pytest.approx(value, abs=1e-9)
    assert frechet_of(a @ turn, b @ turn) == pytest.approx(value, abs=1e-9)
    assert frechet_of(a[::-1], b[::-1]) == pytest.approx(value, abs=1e-9)


def test_one_dimension_and_constant_dimensions_work() -> None:
    a, b = clouds(50, 60, 1)
    assert frechet_of(a, b) == pytest.approx((a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2)
    flat = [np.hstack([x, np.full((len(x), 1), 2.0)]) for x in clouds(50, 60, 3)]
    assert frechet_of(*flat) == pytest.approx(frechet_of(*clouds(50, 60, 3)), abs=1e-9)


@pytest.mark.parametrize("shapes", [((1, 3), (5, 3)), ((5, 3), (5, 4))])
def test_what_has_no_covariance_is_refused(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="two or more vectors"):
        frechet_of(*(np.zeros(shape) for shape in shapes))


def test_a_line_is_found_exactly() -> None:
    sizes = [10, 10, 20, 40, 80]
    line = extrapolate(sizes, [0.3 + 5 / n for n in sizes])
    assert (line.value, line.slope, line.r_squared) == pytest.approx((0.3, 5, 1), abs=1e-12)
    assert line.error == pytest.approx(0, abs=1e-9)


def test_the_intercepts_error_is_that_of_least_squares() -> None:
    from scipy.stats import linregress

    rng = np.random.default_rng(4)
    sizes = np.repeat([100, 150, 200, 400], 5)
    found = 1 + 30 / sizes + rng.normal(0, 0.02, len(sizes))
    other = linregress(1 / sizes, found)
    line = extrapolate(sizes, found)
    assert (line.value, line.error) == pytest.approx((other.intercept, other.intercept_stderr), abs=1e-10)
    assert line.r_squared == pytest.approx(other.rvalue**2, abs=1e-10)


@pytest.mark.parametrize(("sizes", "found"), [([10, 20], [1.0, 2.0]), ([10, 10, 10], [1.0, 2.0, 3.0])])
def test_no_line_through_too_little(sizes: list[int], found: list[float]) -> None:
    with pytest.raises(ValueError, match="three or more distances"):
        extrapolate(sizes, found)
