"""SDR against museval; SI-SDR against its closed form; spectral SDR against scipy's STFT and closed forms."""

import sys
import types
import warnings

import numpy as np
import pytest
import scipy.optimize
import scipy.signal

from bench.audio import Audio
from bench.metrics.sdr import CEILING_DB, build, framewise_sdr, si_sdr, spectral_sdr
from tests.metrics.fakes import EVERYTHING, ONE_HOLE, RATE, TWO_HOLES, example, heard, holes_of, noise


@pytest.fixture(scope="module")
def museval_frames():
    """museval's framewise SDR; its package wants ffmpeg through musdb, which its metrics do not use."""
    sys.modules.setdefault("musdb", types.ModuleType("musdb"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from museval.metrics import bss_eval

    def frames(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
        sources = np.stack([reference, np.roll(reference, 7) + 1e-3])[:, :, None].astype(float)
        guesses = np.stack([estimate, np.roll(estimate, 7)])[:, :, None].astype(float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = bss_eval(sources, guesses, window=RATE, hop=RATE, compute_permutation=False)
        return np.asarray(found[0][0])

    return frames


@pytest.mark.parametrize("seed", range(20))
def test_frames_agree_with_museval(museval_frames, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seconds = int(rng.integers(2, 4))
    reference = noise(seed, seconds + 0.4, float(rng.uniform(0.01, 0.5)))
    estimate = Audio(reference.mono * rng.uniform(0.2, 1.5) + rng.normal(0, 0.05, reference.n_samples), RATE)
    ours = framewise_sdr(reference, estimate)
    assert len(ours) == seconds
    theirs = museval_frames(reference.mono, estimate.mono)
    assert np.allclose(ours, theirs[: len(ours)], atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", range(6))
def test_silent_reference_frames_are_undefined_as_in_museval(museval_frames, seed: int) -> None:
    """Value by value and NaN by NaN; museval leaves a frame out for all sources, so the second source is never silent."""
    rng = np.random.default_rng(100 + seed)
    reference, estimate = noise(seed, 5.0).mono.copy(), noise(seed + 50, 5.0).mono
    hushed = rng.permutation(5)[: 1 + seed % 3]
    for k in hushed:
        reference[k * RATE : (k + 1) * RATE] = 0
    ours = np.array(framewise_sdr(Audio(reference, RATE), Audio(estimate, RATE)))
    assert sorted(np.flatnonzero(np.isnan(ours))) == sorted(hushed)
    assert np.allclose(ours, museval_frames(reference, estimate), atol=1e-9, rtol=0, equal_nan=True)


def test_where_museval_gives_nothing_for_a_silent_estimate_we_give_0_db(museval_frames) -> None:
    reference, estimate = noise(1, 3.0).mono, noise(2, 3.0).mono.copy()
    estimate[RATE : 2 * RATE] = 0
    ours = framewise_sdr(Audio(reference, RATE), Audio(estimate, RATE))
    theirs = museval_frames(reference, estimate)
    assert np.isnan(theirs).tolist() == [False, True, False]
    assert ours[1] == pytest.approx(0, abs=1e-9)
    assert np.allclose(np.delete(ours, 1), np.delete(theirs, 1), atol=1e-9, rtol=0)


@pytest.mark.parametrize("db", [30.0, 39.9, 40.1, 60.0])
def test_the_cap_is_at_40_db(db: float) -> None:
    s = noise(0, 1.0).mono.astype(np.float64)
    error = noise(1, 1.0).mono * np.sqrt(np.sum(s**2) / np.sum(noise(1, 1.0).mono.astype(np.float64) ** 2))
    (value,) = framewise_sdr(Audio(s, RATE), Audio(s + error * 10 ** (-db / 20), RATE))
    assert value == pytest.approx(min(db, 40.0), abs=0.01)


def test_a_silent_estimate_scores_0_db_and_an_exact_one_the_cap() -> None:
    reference = noise(0, 2.0)
    assert framewise_sdr(reference, Audio(np.zeros(2 * RATE), RATE)) == pytest.approx([0.0, 0.0])
    assert framewise_sdr(reference, reference) == [CEILING_DB, CEILING_DB]


def measured(reference: Audio, estimate: Audio, mask=ONE_HOLE):
    one = example(reference, mask)
    ears = heard(one, found={"output drums": holes_of(estimate, mask)}, wanted={"drums": holes_of(reference, mask)})
    return build().measure(one, ears)


def test_the_median_is_taken_over_frames_of_all_holes() -> None:
    reference = noise(0)
    rng = np.random.default_rng(3)
    scale = np.repeat(rng.uniform(0.3, 0.9, 8), RATE)
    estimate = Audio(reference.mono * scale, RATE)
    frames = [f for hole in holes_of(reference, TWO_HOLES) for f in (hole.n_samples // RATE,)]
    values = [
        value
        for r, e in zip(holes_of(reference, TWO_HOLES), holes_of(estimate, TWO_HOLES), strict=True)
        for value in framewise_sdr(r, e)
    ]
    found = measured(reference, estimate, TWO_HOLES)["sdr"]
    assert found.n == sum(frames) == 4
    assert found.value == pytest.approx(np.median(values))


def test_a_trailing_part_of_a_frame_is_dropped_but_a_short_hole_is_one_frame() -> None:
    assert len(framewise_sdr(noise(0, 2.9), noise(1, 2.9))) == 2
    assert len(framewise_sdr(noise(0, 0.4), noise(1, 0.4))) == 1


def test_a_silent_reference_leaves_all_undefined() -> None:
    found = measured(Audio(np.zeros(8 * RATE), RATE), noise(1))
    assert {m.state for m in found.values()} == {"undefined-reference"}
    assert all(np.isnan(m.value) for m in found.values())


def test_silence_scores_the_worst_value() -> None:
    found = measured(noise(0), Audio(np.zeros(8 * RATE), RATE))
    assert found["sdr"].value == pytest.approx(0)
    assert found["si-sdr"].value == found["sdr-spectral"].value == found["sdr-spectral"].chance == -30
    assert found["sdr"].state == "silent"


@pytest.mark.parametrize("gain", [0.5, 2.0, -1.0])
def test_si_sdr_ignores_gain_and_sdr_does_not(gain: float) -> None:
    s, n = noise(0).mono.astype(float), noise(1, level=0.03).mono.astype(float)
    assert si_sdr(s, gain * (s + n)) == pytest.approx(si_sdr(s, s + n), abs=1e-9)
    frame = framewise_sdr(Audio(s, RATE), Audio(gain * s, RATE))
    assert frame[0] == pytest.approx(-10 * np.log10((1 - gain) ** 2), abs=1e-4)


def test_si_sdr_of_orthogonal_noise_is_the_power_ratio() -> None:
    t = np.arange(RATE) / RATE
    s, n = np.sin(2 * np.pi * 100 * t), 0.1 * np.cos(2 * np.pi * 100 * t)
    assert si_sdr(s, s + n) == pytest.approx(20, abs=1e-6)


def test_the_whole_excerpt_may_be_a_hole() -> None:
    assert measured(noise(0), noise(0), EVERYTHING)["sdr"].n == 8


def magnitudes(sound: np.ndarray) -> np.ndarray:
    return np.abs(scipy.signal.stft(sound.astype(float), window="hann", nperseg=2048, noverlap=1536)[2])


@pytest.mark.parametrize("seed", range(8))
def test_spectral_sdr_agrees_with_scipys_spectra_and_a_gain_found_by_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seconds = [float(rng.uniform(0.05, 3.0)) for _ in range(1 + seed % 3)]
    references = [noise(100 + k, length, 0.1) for k, length in enumerate(seconds)]
    estimates = [
        Audio(rng.uniform(0.2, 2) * a.mono + rng.uniform(0.01, 0.3) * noise(200 + k, length).mono, RATE)
        for k, (a, length) in enumerate(zip(references, seconds, strict=True))
    ]
    s = np.concatenate([magnitudes(a.mono).ravel() for a in references])
    e = np.concatenate([magnitudes(a.mono).ravel() for a in estimates])
    (gain,), _ = scipy.optimize.nnls(e[:, None], s)
    wanted = 10 * np.log10(np.sum(s**2) / np.sum((s - gain * e) ** 2))
    assert spectral_sdr(references, estimates, 0)[0] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("gain", [0.5, 2.0, -1.0])
def test_spectral_sdr_ignores_gain_and_polarity(gain: float) -> None:
    s, e = noise(0), Audio(noise(0).mono + 0.3 * noise(1).mono, RATE)
    assert spectral_sdr([s], [Audio(gain * s.mono, RATE)], 0)[0] == CEILING_DB
    louder = Audio(gain * e.mono, RATE)
    assert spectral_sdr([s], [louder], 0) == pytest.approx(spectral_sdr([s], [e], 0), abs=1e-4)


def test_spectral_sdr_needs_no_phase_where_si_sdr_does() -> None:
    spectrum = np.fft.rfft(noise(0).mono.astype(float))
    turned = np.fft.irfft(spectrum * 1j)  # every partial by a quarter of a period: orthogonal to the original
    s, e = noise(0), Audio(turned, RATE)
    assert si_sdr(s.mono.astype(float), turned) == -30
    assert spectral_sdr([s], [e], 0)[0] > 20


def test_spectral_sdr_of_unrelated_white_noise_is_its_closed_form_and_so_is_its_chance() -> None:
    """Magnitudes of noise are Rayleigh's: (E|S|)^2 / E|S|^2 = pi / 4, and the error is 1 - (pi / 4)^2 of the power."""
    wanted = -10 * np.log10(1 - (np.pi / 4) ** 2)
    value, chance = spectral_sdr([noise(0, 30.0)], [noise(1, 30.0, 0.02)], 0)
    assert wanted == pytest.approx(4.17, abs=0.01)
    assert value == pytest.approx(wanted, abs=0.05)
    assert chance == pytest.approx(wanted, abs=0.05)


def test_the_chance_of_spectral_sdr_keeps_the_sound_and_loses_the_time() -> None:
    """Clicks of two bursts a second at uneven times: exact in place, little better than noise anywhere else."""
    sound = np.zeros(8 * RATE)
    for at in np.random.default_rng(4).uniform(0, 7.9, 16):
        start = int(at * RATE)
        sound[start : start + 800] = noise(int(at * 100), 0.05).mono
    found = measured(Audio(sound, RATE), Audio(sound, RATE), TWO_HOLES)["sdr-spectral"]
    assert found.value == CEILING_DB
    assert 0 < found.chance < 3
    again = measured(Audio(sound, RATE), Audio(sound, RATE), TWO_HOLES)["sdr-spectral"]
    assert again == found


def test_spectral_sdr_is_never_below_0_db_but_for_silence() -> None:
    t = np.arange(RATE) / RATE
    low, high = Audio(np.sin(2 * np.pi * 500 * t), RATE), Audio(np.sin(2 * np.pi * 5000 * t), RATE)
    assert 0 <= spectral_sdr([low], [high], 0)[0] < 0.1
    assert spectral_sdr([low], [Audio(np.full(RATE, 1e-6), RATE)], 0) == (-30, -30)


def test_only_si_sdr_ranks_and_only_the_spectral_column_needs_no_phase() -> None:
    columns = {column.name: column for column in build().columns}
    assert [name for name, column in columns.items() if column.is_ranked] == ["si-sdr"]
    assert [name for name, column in columns.items() if not column.needs_phase] == ["sdr-spectral"]
    assert all(column.is_shown for column in columns.values())
