"""Chroma: agreement with librosa at the stated parameters, and pitch classes of known tones."""

import warnings

import librosa
import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from tests.extractors.known_sounds import mixed, tone


@pytest.mark.parametrize("n_samples", [1100, 22050, 5 * 22050 + 7])
def test_chroma_agrees_with_librosas_chroma_cqt(n_samples: int) -> None:
    sound = np.random.default_rng(2).standard_normal(n_samples).astype(np.float32)
    found = plugins.load("extractors", "cqt-chroma").extract(Audio(sound, 22050))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = librosa.feature.chroma_cqt(
            y=sound, sr=22050, hop_length=512, bins_per_octave=36, n_octaves=7, tuning=0.0, norm=None
        )
    np.testing.assert_array_equal(found.values, expected.T)
    assert found.rate_hz == 22050 / 512


@pytest.mark.parametrize("rate", [16000, 32000, 44100, 48000])
@pytest.mark.parametrize("pitch", [48, 57, 61, 66, 71])
def test_a_tone_lies_in_its_pitch_class(rate: int, pitch: int) -> None:
    audio = mixed([(0.0, tone(pitch, 2.0, rate, decay_s=5.0))], 2.0, rate)
    chroma = plugins.load("extractors", "cqt-chroma").extract(audio).values[10:-10]
    assert (chroma.argmax(axis=1) == pitch % 12).all()


def test_tuning_is_fixed() -> None:
    """A sound a quarter tone sharp is not brought back to the grid: energy falls on both neighbours."""
    sharp = mixed([(0.0, tone(69.5, 2.0, 22050, partials=1, decay_s=9.0))], 2.0, 22050)
    chroma = plugins.load("extractors", "cqt-chroma").extract(sharp).values[20:-20].mean(axis=0)
    assert set(np.argsort(chroma)[-2:]) == {9, 10}
    assert chroma[9] / chroma[10] == pytest.approx(1, abs=0.35)


def test_values_are_proportional_to_gain() -> None:
    audio = mixed([(0.0, tone(60, 2.0, 22050))], 2.0, 22050)
    extractor = plugins.load("extractors", "cqt-chroma")
    louder = extractor.extract(Audio(3 * audio.samples, 22050)).values
    np.testing.assert_allclose(louder, 3 * extractor.extract(audio).values, rtol=1e-4, atol=1e-5)
