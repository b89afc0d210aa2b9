"""Percussive separation: exact resynthesis, librosa's medians, what it keeps and what it removes."""

import librosa
import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio, level_db
from bench.extractors import hpss
from tests.extractors.known_sounds import hit, mixed, tone


def drums_of(audio: Audio) -> np.ndarray:
    return plugins.load("extractors", "hpss").extract(audio).mono


def sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2)))


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("n_samples", [1, 777, 48001])
def test_analysis_and_resynthesis_are_inverse(rate: int, n_samples: int) -> None:
    sound = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    hop = hpss._hop(rate)
    again = hpss._resynthesise(hpss._analyse(sound, hop), hop, n_samples)
    np.testing.assert_allclose(again, sound, atol=2e-6)


@pytest.mark.parametrize(("power", "margin"), [(2.0, 1.0), (3.0, 1.5)])
def test_masks_agree_with_librosas(power: float, margin: float) -> None:
    """Same medians and mask on the same spectrum as `librosa.decompose.hpss`, an independent implementation."""
    sound = np.random.default_rng(1).standard_normal(32000).astype(np.float32)
    hop = hpss._hop(32000)
    spectrum = hpss._analyse(sound, hop)
    separator = hpss.build(power=power, margin=margin)
    n_frames, n_bins = hpss._odd(separator.time_s * 32000 / hop), hpss._odd(separator.width_hz * 4 * hop / 32000)
    _, percussive = librosa.decompose.hpss(spectrum, kernel_size=(n_frames, n_bins), power=power, margin=(1.0, margin))
    expected = hpss._resynthesise(percussive.astype(np.complex64), hop, len(sound))
    np.testing.assert_allclose(separator.extract(Audio(sound, 32000)).mono, expected, atol=1e-4)


@pytest.mark.parametrize("rate", [16000, 32000, 44100, 48000])
def test_hits_are_kept_and_steady_tones_removed(rate: int) -> None:
    hits = mixed([(0.25 + 0.5 * k, hit(rate, k)) for k in range(8)], 4.0, rate).mono
    organ = mixed([(0.0, tone(p, 4.0, rate, decay_s=1e9)) for p in (48, 60, 64, 67)], 4.0, rate).mono
    assert sdr_db(hits, drums_of(Audio(hits + organ, rate))) > 8
    assert sdr_db(hits, hits + organ) < 1
    inner = slice(rate // 2, -rate // 2)
    assert level_db(drums_of(Audio(organ, rate))[inner]) < level_db(organ[inner]) - 40


def test_the_output_is_proportional_to_the_input() -> None:
    audio = mixed([(0.3, hit(32000)), (0.0, tone(60, 2.0, 32000))], 2.0, 32000)
    louder = Audio(2 * audio.samples, 32000)
    np.testing.assert_allclose(drums_of(louder), 2 * drums_of(audio), atol=1e-5)


def test_attacks_of_a_solo_instrument_give_silence() -> None:
    from bench import plugins
    from bench.audio import rms

    rate = 32000
    t = np.arange(6 * rate) / rate
    tune = np.zeros(6 * rate)
    for k in range(24):
        since = np.maximum(t - 0.25 * k, 0)
        hz = 440 * 2 ** (((7 * k) % 12) / 12)
        strike = np.minimum(since / 0.005, 1) * np.exp(-8 * since) * (t >= 0.25 * k)
        tune += 0.1 * strike * sum(np.sin(2 * np.pi * h * hz * since) / h for h in range(1, 6))
    separator = plugins.load("extractors", "hpss")
    assert not separator.extract(Audio(tune, rate)).samples.any()
    kick = sum(np.sin(2 * np.pi * 60 * np.maximum(t - k, 0)) * np.exp(-20 * np.abs(t - k)) * (t >= k) for k in range(6))
    assert rms(separator.extract(Audio(tune + 0.5 * kick, rate)).samples) > 0.01
