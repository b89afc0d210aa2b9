"""Log-mel statistics: agreement with a direct computation, independence of loudness and rate, number of windows."""

import librosa
import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from tests.extractors.known_sounds import chords, groove


def embedded(audio: Audio) -> np.ndarray:
    return plugins.load("extractors", "logmel-stats").extract(audio).values


@pytest.mark.parametrize(
    ("duration_s", "n_windows"), [(0.05, 1), (0.5, 1), (1.0, 1), (1.49, 1), (1.5, 2), (7.5, 14), (10.0, 19)]
)
def test_one_window_every_half_second(duration_s: float, n_windows: int) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal(round(duration_s * 32000))
    found = plugins.load("extractors", "logmel-stats").extract(Audio(sound.astype(np.float32), 32000))
    assert found.values.shape == (n_windows, 192)
    assert found.rate_hz == 2.0


def test_values_are_independent_of_loudness() -> None:
    audio = groove(32000, 120, 2)[0]
    np.testing.assert_allclose(embedded(Audio(0.2 * audio.samples, 32000)), embedded(audio), atol=1e-3)


def test_values_of_very_short_sound_are_independent_of_loudness() -> None:
    sound = np.random.default_rng(0).standard_normal(6400).astype(np.float32)
    np.testing.assert_allclose(embedded(Audio(0.01 * sound, 32000)), embedded(Audio(0.2 * sound, 32000)), atol=1e-3)


def test_halves_are_means_and_deviations_of_levels_and_slopes() -> None:
    """librosa's mel power of the same frames, up to the gain, gives the levels; steady noise has no mean slope."""
    sound = 0.1 * np.random.default_rng(5).standard_normal(3 * 32000)
    values = embedded(Audio(sound.astype(np.float32), 32000))
    power = librosa.feature.melspectrogram(
        y=np.pad(sound, 352), sr=32000, n_fft=1024, hop_length=320, n_mels=48, center=False, fmin=0.0, fmax=16000.0
    )
    levels = 10 * np.log10(power).T[50:150]
    offset = values[1, :48] - levels.mean(axis=0)
    assert offset.std() < 1e-3
    np.testing.assert_allclose(values[1, 48:96], levels.std(axis=0), atol=1e-3)
    assert np.abs(values[:, 96:144]).max() < 0.2
    assert (values[:, 144:] > 0.1).all()


def test_the_sample_rate_matters_little_within_a_common_bandwidth() -> None:
    """Recorded at 48 kHz or at 44.1 kHz, music without treble has the same embedding."""
    at_48, at_44 = (chords(rate, [[48, 60, 64, 67], [50, 62, 65, 69]], 2.0) for rate in (48000, 44100))
    loud = slice(0, 25)
    np.testing.assert_allclose(embedded(at_48)[:, loud], embedded(at_44)[:, loud], atol=0.5)


def test_different_music_differs() -> None:
    drums, tones = embedded(groove(32000, 120, 2)[0]), embedded(chords(32000, [[60, 64, 67]], 4.0))
    assert np.linalg.norm(drums.mean(axis=0) - tones.mean(axis=0)) > 50
