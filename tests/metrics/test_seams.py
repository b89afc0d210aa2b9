"""Seam jump, seam loudness, loudness gap and fill gap: planted defects of known size."""

import numpy as np
import pyloudnorm
import pytest

from bench.audio import Audio
from bench.mask import Mask
from bench.metrics import fill_gap, loudness_gap, seam_jump, seam_loudness
from bench.music.loudness import FLOOR_LUFS, loudness
from tests.metrics.fakes import EVERYTHING, ONE_HOLE, RATE, TWO_HOLES, example, heard, holes_of, noise

SILENCE = Audio(np.zeros(8 * RATE), RATE)


def of(module, name: str, reference: Audio, output: Audio, mask: Mask = ONE_HOLE):
    one = example(reference, mask)
    return module.build().measure(one, heard(one, output))[name]


def scaled_inside(audio: Audio, gain: float, mask: Mask = ONE_HOLE) -> Audio:
    return Audio(np.where(mask.inside(RATE), gain * audio.mono, audio.mono), RATE)


class TestSeamJump:
    def test_the_reference_has_none(self) -> None:
        assert of(seam_jump, "seam-jump", noise(0), noise(0)).value == 0
        assert of(seam_jump, "seam-jump", noise(0), noise(0)).n == 2
        assert of(seam_jump, "seam-jump", noise(0), noise(0), TWO_HOLES).n == 4

    def test_a_click_at_an_edge_is_heard_and_one_in_the_hole_is_not(self) -> None:
        reference = noise(0)
        at_edge, inside = reference.mono.copy(), reference.mono.copy()
        at_edge[2 * RATE : 2 * RATE + 40] += 0.9
        inside[4 * RATE : 4 * RATE + 40] += 0.9
        assert of(seam_jump, "seam-jump", reference, Audio(at_edge, RATE)).value > 1
        assert of(seam_jump, "seam-jump", reference, Audio(inside, RATE)).value == pytest.approx(0, abs=1e-9)

    def test_its_unit_is_the_references_own_spread(self) -> None:
        """Against a closed form: a step of every band by the same dB is that many dB over the spread."""
        reference = noise(0)
        louder = scaled_inside(reference, 10.0)
        flux, floor = seam_jump._flux(reference.mono, RATE, None)
        low, high = np.percentile(flux, [25, 75])
        value = of(seam_jump, "seam-jump", reference, louder).value
        assert 0.3 * 20 / 2 / (high - low) < value < 1.2 * 20 / 2 / (high - low)
        assert floor == pytest.approx(np.float64(floor))

    def test_no_edge_inside_is_no_seam_and_silence_has_no_spread(self) -> None:
        assert of(seam_jump, "seam-jump", noise(0), noise(0), EVERYTHING).state == "no-seam"
        assert of(seam_jump, "seam-jump", SILENCE, noise(0)).state == "undefined-reference"
        assert of(seam_jump, "seam-jump", noise(0), noise(0), Mask(((0, 200),), 400)).n == 1


class TestSeamLoudness:
    def test_a_step_of_6_db_is_6_lu(self) -> None:
        found = of(seam_loudness, "seam-loudness", noise(0), scaled_inside(noise(0), 2.0))
        assert found.value == pytest.approx(6.02, abs=0.05)
        assert found.n == 2

    def test_the_references_own_step_does_not_count(self) -> None:
        stepped = scaled_inside(noise(0), 3.0)
        assert of(seam_loudness, "seam-loudness", stepped, stepped).value == 0
        assert of(seam_loudness, "seam-loudness", stepped, noise(0)).value == pytest.approx(9.54, abs=0.1)

    def test_down_is_as_bad_as_up(self) -> None:
        assert of(seam_loudness, "seam-loudness", noise(0), scaled_inside(noise(0), 0.5)).value == pytest.approx(
            6.02, abs=0.05
        )

    def test_without_an_inner_edge_there_is_no_seam(self) -> None:
        assert of(seam_loudness, "seam-loudness", noise(0), noise(0), EVERYTHING).state == "no-seam"


class TestLoudnessGap:
    @pytest.mark.parametrize(("gain", "gap"), [(2.0, 6.02), (0.5, -6.02), (1.0, 0.0)])
    def test_a_gain_is_its_db_signed(self, gain: float, gap: float) -> None:
        found = of(loudness_gap, "loudness-gap", noise(0), scaled_inside(noise(0), gain))
        assert found.value == pytest.approx(gap, abs=0.01)
        assert found.n == 4

    def test_silence_ends_at_the_floor_and_a_silent_reference_is_undefined(self) -> None:
        found = of(loudness_gap, "loudness-gap", noise(0), scaled_inside(noise(0), 0.0))
        inside = Audio(noise(0).mono[ONE_HOLE.inside(RATE)], RATE)
        assert found.value == pytest.approx(FLOOR_LUFS - loudness(inside)) and found.state == "silent"
        assert of(loudness_gap, "loudness-gap", SILENCE, noise(0)).state == "undefined-reference"


class TestLoudness:
    def test_a_full_scale_sine_of_997_hz_is_3_lufs_under_0(self) -> None:
        t = np.arange(5 * 48000) / 48000
        assert loudness(Audio(np.sin(2 * np.pi * 997 * t), 48000)) == pytest.approx(-3.01, abs=0.05)

    def test_agrees_with_pyloudnorm_where_that_is_defined(self) -> None:
        sound = noise(3, 4.0)
        assert loudness(sound) == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(sound.mono.astype(float)))

    def test_short_and_silent_stretches_have_a_value(self) -> None:
        assert loudness(noise(0, 0.1)) == pytest.approx(loudness(noise(0, 4.0)), abs=1.5)
        assert loudness(Audio(np.zeros(100), RATE)) == FLOOR_LUFS
        assert loudness(Audio(np.zeros(0), RATE)) == FLOOR_LUFS


class TestFillGap:
    def of(self, output: Audio, drums_out: Audio, controls=("drums",), reference: Audio | None = None):
        reference = reference or noise(0)
        one = example(reference, ONE_HOLE, controls)
        drums = noise(9, level=0.05)
        found = {"reference drums": holes_of(drums, ONE_HOLE), "output drums": holes_of(drums_out, ONE_HOLE)}
        return fill_gap.build().measure(one, heard(one, output, found))["fill-gap"]

    def test_the_reference_has_no_gap(self) -> None:
        assert self.of(noise(0), noise(9, level=0.05)).value == 0

    def test_playing_the_control_alone_leaves_a_gap(self) -> None:
        assert self.of(noise(4), noise(4)).value == -60

    def test_half_the_rest_is_6_db_less(self) -> None:
        drums = noise(9, level=0.05)
        rest = noise(0).mono - drums.mono
        assert self.of(Audio(0.5 * rest + drums.mono, RATE), drums).value == pytest.approx(-6.02, abs=0.01)

    def test_with_chords_alone_it_is_the_drums_that_must_be_filled(self) -> None:
        half = Audio(0.5 * noise(9, level=0.05).mono, RATE)
        assert self.of(noise(0), half, ("chords",)).value == pytest.approx(-6.02, abs=0.01)
        assert self.of(noise(0), half, ("drums", "chords")).value != pytest.approx(-6.02, abs=0.01)

    def test_without_a_control_or_a_rest_it_is_undefined(self) -> None:
        assert self.of(noise(0), noise(9), ()).state == "no-control"
        drums = noise(9, level=0.05)
        assert self.of(noise(0), noise(9), reference=drums).state == "undefined-reference"
