"""Fill gap against the level written out; planted copies are in `test_seams`."""

import numpy as np
import pytest

from bench.audio import Audio
from bench.metrics.fill_gap import build
from tests.metrics.fakes import RATE, TWO_HOLES, example, heard, holes_of, noise


def measured(reference, output, drums_in, drums_out, controls):
    one = example(reference, TWO_HOLES, controls)
    found = {"reference drums": holes_of(drums_in, TWO_HOLES), "output drums": holes_of(drums_out, TWO_HOLES)}
    return build().measure(one, heard(one, output, found))["fill-gap"]


def power(x: np.ndarray) -> float:
    return float(sum(v * v for v in x.astype(np.float64)) / len(x))


@pytest.mark.parametrize("controls", [("drums",), ("chords",), ("piano",), ("drums", "piano")])
def test_agrees_with_the_power_of_the_part_that_the_control_does_not_give(controls: tuple[str, ...]) -> None:
    reference, output, drums_in, drums_out = (noise(k, level=0.02 * (k + 1)) for k in range(4))
    inside = TWO_HOLES.inside(RATE)
    if "drums" in controls:
        parts = (output.mono - drums_out.mono)[inside], (reference.mono - drums_in.mono)[inside]
    else:
        parts = drums_out.mono[inside], drums_in.mono[inside]
    found = measured(reference, output, drums_in, drums_out, controls)
    assert found.value == pytest.approx(10 * np.log10(power(parts[0]) / power(parts[1])), abs=1e-4)
    assert found.n == 4


@pytest.mark.parametrize(("gain", "value"), [(1e-5, -60.0), (1e5, 60.0)])
def test_it_is_clipped_to_60_db_both_ways(gain: float, value: float) -> None:
    quiet = noise(0, level=0.01)
    assert (
        measured(quiet, Audio(gain * quiet.mono, RATE), quiet, Audio(gain * quiet.mono, RATE), ("chords",)).value
        == value
    )


def test_silence_scores_the_worst_value() -> None:
    silence = Audio(np.zeros(8 * RATE), RATE)
    found = measured(noise(0), silence, noise(1), silence, ("chords",))
    assert (found.value, found.state) == (-60.0, "silent")


@pytest.mark.parametrize("controls", [("drums",), ("chords",)])
def test_a_silent_reference_is_undefined_whatever_a_separator_finds_there(controls: tuple[str, ...]) -> None:
    silence = Audio(np.zeros(8 * RATE), RATE)
    found = measured(silence, noise(0), noise(1, level=0.01), noise(2), controls)
    assert np.isnan(found.value) and found.state == "undefined-reference"
