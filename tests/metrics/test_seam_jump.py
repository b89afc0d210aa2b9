"""Seam jump against mel bands and flux written out as loops; planted defects are in `test_seams`."""

from itertools import pairwise

import librosa
import numpy as np
import pytest

from bench.audio import Audio
from bench.mask import Mask
from bench.metrics.seam_jump import build
from tests.metrics.fakes import EVERYTHING, ONE_HOLE, RATE, TWO_HOLES, example, heard, noise


def measured(reference: Audio, output: Audio, mask: Mask = ONE_HOLE):
    one = example(reference, mask)
    return build().measure(one, heard(one, output))["seam-jump"]


def flux_at(sound: np.ndarray, rate: int, floor: float | None) -> tuple[np.ndarray, float]:
    """Half-wave flux at every multiple of the hop, frame by frame, windows centred on it."""
    hop, window = round(0.01 * rate), np.hanning(1025)[:-1]
    bands = librosa.filters.mel(sr=rate, n_fft=1024, n_mels=40, fmax=min(16000, rate / 2)).astype(np.float64)
    padded = np.concatenate([np.zeros(512), sound.astype(np.float64), np.zeros(512)])
    spectra = [np.abs(np.fft.rfft(padded[k : k + 1024] * window)) ** 2 for k in range(0, len(sound) + 1, hop)]
    power = np.array([bands @ spectrum for spectrum in spectra])
    floor = power.max() * 1e-8 if floor is None else floor
    log = 10 * np.log10(np.maximum(power, floor))
    flux = [0.0]
    for before, now in pairwise(log):
        flux.append(sum(max(b - a, 0) for a, b in zip(before, now, strict=True)) / 40)
    return np.array(flux), floor


def by_loops(reference: np.ndarray, output: np.ndarray, mask: Mask, rate: int) -> float:
    hop_s = round(0.01 * rate) / rate
    (r, floor), length_s = flux_at(reference, rate, None), len(reference) / rate
    o, _ = flux_at(output, rate, floor)
    jumps = []
    for edge in [t for hole in mask.holes_s for t in hole if 0 < t < length_s]:
        near = [k for k in range(len(r)) if abs(k * hop_s - edge) <= 0.04 + 0.5 * hop_s * (rate % 100 != 0) + 1e-9]
        jumps.append(max(o[k] for k in near) - max(r[k] for k in near))
    return float(np.mean(jumps) / (np.percentile(r, 75) - np.percentile(r, 25)))


@pytest.mark.parametrize("mask", [ONE_HOLE, TWO_HOLES, Mask(((0, 200),), 400)])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_loops(seed: int, mask: Mask) -> None:
    reference, output = noise(seed), noise(seed + 10, level=0.2)
    spliced = Audio(np.where(mask.inside(RATE), output.mono, reference.mono), RATE)
    assert measured(reference, spliced, mask).value == pytest.approx(
        by_loops(reference.mono, spliced.mono, mask, RATE), abs=1e-3
    )


def test_edges_are_averaged_and_a_hit_that_is_missing_counts_below_0() -> None:
    plain, hit = noise(0), noise(0).mono.copy()
    hit[2 * RATE : 2 * RATE + 40] += 0.9
    up, down = measured(plain, Audio(hit, RATE)).value, measured(Audio(hit, RATE), plain).value
    assert down < 0 < up
    half = Mask(((0, 100),), 400)
    assert up == pytest.approx(measured(plain, Audio(hit, RATE), half).value / 2)


def test_a_continuation_scores_less_than_a_cut_and_a_fade_less_than_a_step() -> None:
    t = np.arange(8 * RATE) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 220 * t) + 0.01 * noise(1).mono
    inside = ONE_HOLE.inside(RATE)
    on = Audio(np.where(inside, 0.2 * np.sin(2 * np.pi * 220 * t) + 0.01 * noise(2).mono, tone), RATE)
    turned = Audio(np.where(inside, -tone, tone), RATE)
    assert abs(measured(Audio(tone, RATE), on).value) < 2 < measured(Audio(tone, RATE), turned).value
    gate = inside.astype(float)
    smooth = np.convolve(gate, np.hanning(8000) / np.hanning(8000).sum(), mode="same")
    step, fade = (Audio(noise(3).mono * (1 + 9 * g), RATE) for g in (gate, smooth))
    assert measured(noise(3), fade).value < measured(noise(3), step).value


def test_the_edge_is_found_where_10_ms_are_no_whole_number_of_samples() -> None:
    """At 22,050 Hz a hop is 220 samples; counted in 10 ms, the edge at 14 s would be looked for 32 ms too early."""
    rate, mask = 22050, Mask(((100, 700),), 750)
    reference = np.random.default_rng(0).normal(0, 0.1, 15 * rate)
    late = reference.copy()
    late[round(14.03 * rate) : round(14.03 * rate) + 40] += 0.9
    value = measured(Audio(reference, rate), Audio(late, rate), mask).value
    assert value > 1
    assert value == pytest.approx(by_loops(reference, late, mask, rate), abs=1e-3)


def test_without_an_inner_edge_there_is_no_seam() -> None:
    assert measured(noise(0), noise(1), EVERYTHING).state == "no-seam"
