"""Seam loudness against pyloudnorm edge by edge; planted steps are in `test_seams`."""

import numpy as np
import pyloudnorm
import pytest

from bench.audio import Audio
from bench.mask import Mask
from bench.metrics.seam_loudness import build
from tests.metrics.fakes import ONE_HOLE, RATE, TWO_HOLES, example, heard, noise

SIDE = round(0.4 * RATE)


def measured(reference: Audio, output: Audio, mask: Mask = ONE_HOLE):
    one = example(reference, mask)
    return build().measure(one, heard(one, output))["seam-loudness"]


def step(sound: np.ndarray, edge_s: float) -> float:
    meter, edge = pyloudnorm.Meter(RATE), round(edge_s * RATE)
    before, after = (sound[k : k + SIDE].astype(np.float64) for k in (edge - SIDE, edge))
    return float(meter.integrated_loudness(after) - meter.integrated_loudness(before))


@pytest.mark.parametrize("mask", [ONE_HOLE, TWO_HOLES])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_pyloudnorm_edge_by_edge(seed: int, mask: Mask) -> None:
    rng = np.random.default_rng(seed)
    reference, output = (
        Audio(noise(seed + k).mono * np.repeat(rng.uniform(0.1, 2, 16), RATE // 2), RATE) for k in (0, 30)
    )
    edges = [t for hole in mask.holes_s for t in hole]
    wanted = np.mean([abs(step(output.mono, t) - step(reference.mono, t)) for t in edges])
    found = measured(reference, output, mask)
    assert found.value == pytest.approx(wanted, abs=0.02)
    assert found.n == len(edges)


def test_edges_nearer_than_400_ms_to_an_end_do_not_count() -> None:
    assert measured(noise(0), noise(1), Mask(((19, 200),), 400)).n == 1
    assert measured(noise(0), noise(1), Mask(((20, 380),), 400)).n == 2
    assert measured(noise(0), noise(1), Mask(((10, 390),), 400)).state == "no-seam"


def test_steps_at_two_edges_do_not_cancel() -> None:
    gain = np.repeat([1.0, 2.0, 1.0], [2 * RATE, 4 * RATE, 2 * RATE])
    assert measured(noise(0), Audio(gain * noise(0).mono, RATE)).value == pytest.approx(6.02, abs=0.05)


def test_a_silent_hole_is_counted_down_to_the_floor() -> None:
    hushed = Audio(np.where(ONE_HOLE.inside(RATE), 0, noise(0).mono), RATE)
    level = pyloudnorm.Meter(RATE).integrated_loudness(noise(0).mono.astype(np.float64))
    assert measured(noise(0), hushed).value == pytest.approx(level + 70, abs=0.3)
