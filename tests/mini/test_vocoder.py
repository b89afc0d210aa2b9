"""The mini vocoder: its oscillators against sines, its spectra against their windows, and its lengths."""

import numpy as np
import pytest
import torch

from bench.mini.tokens import HOP, SAMPLE_RATE
from bench.mini.vocoder import HIGHEST, LOWEST, Vocoder, of
from tests.tiny_mini import SIZES

N_FRAMES = 50
_SILENT = -40.0


@pytest.fixture(scope="module")
def vocoder():
    torch.manual_seed(0)
    return Vocoder(SIZES, width=8, depth=1).eval()


def tone(vocoder, pitch, loudness=0.25, n_frames=N_FRAMES):
    logs = torch.full((1, n_frames, HIGHEST - LOWEST + 1), _SILENT)
    logs[:, :, pitch - LOWEST] = torch.log(torch.as_tensor(loudness))
    with torch.inference_mode():
        return vocoder._tonal(logs)[0].numpy().astype(float)


@pytest.mark.parametrize("pitch", [24, 45, 69, 70, 107])
def test_one_oscillator_of_constant_loudness_is_one_sine(vocoder, pitch):
    sound = tone(vocoder, pitch)
    assert len(sound) == N_FRAMES * HOP
    hz = 440 * 2 ** ((pitch - 69) / 12)
    at = 2 * np.pi * hz * np.arange(len(sound)) / SAMPLE_RATE
    middle = slice(HOP, -HOP)
    both = np.stack([np.cos(at), np.sin(at)], axis=1)[middle]
    weights, _, _, _ = np.linalg.lstsq(both, sound[middle], rcond=None)
    assert np.hypot(*weights) == pytest.approx(0.25, rel=1e-3)
    assert np.abs(sound[middle] - both @ weights).max() < 1e-3


def test_midi_69_peaks_at_440_hz_and_its_level_is_flat(vocoder):
    sound = tone(vocoder, 69, n_frames=100)[HOP:-HOP]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert spectrum.argmax() * SAMPLE_RATE / len(sound) == pytest.approx(440, abs=0.6)
    size = 8 * round(SAMPLE_RATE / 440)
    levels = [20 * np.log10(np.sqrt(2 * np.mean(sound[k : k + size] ** 2))) for k in range(0, len(sound) - size, HOP)]
    assert max(levels) - min(levels) < 0.1
    assert np.mean(levels) == pytest.approx(20 * np.log10(0.25), abs=0.1)


def test_a_tone_is_continuous_across_frames(vocoder):
    sound = tone(vocoder, 60)
    step = 2 * np.pi * 440 * 2 ** (-9 / 12) / SAMPLE_RATE
    curve = np.abs(np.diff(sound, 2))[HOP:-HOP]
    assert curve.max() <= 0.25 * step**2 * 1.05
    # The sound is as smooth at the edges of a frame as in its middle.
    by_place = curve[: len(curve) // HOP * HOP].reshape(-1, HOP).max(axis=0)
    assert by_place.max() < 1.05 * by_place.mean() / (2 / np.pi)


def test_loudness_changes_smoothly_from_frame_to_frame(vocoder):
    loudness = torch.linspace(0.0, 0.5, N_FRAMES) + 1e-6
    sound = tone(vocoder, 57, loudness)
    peaks = np.abs(sound[: N_FRAMES * HOP].reshape(N_FRAMES, HOP)).max(axis=1)
    assert np.abs(peaks[2:-2] - loudness.numpy()[2:-2]).max() < 0.02
    assert np.abs(np.diff(sound)).max() < 0.5 * 2 * np.pi * 220 / SAMPLE_RATE * 1.1


def test_no_oscillator_is_louder_than_full_scale(vocoder):
    assert np.abs(tone(vocoder, 69, 50.0)).max() <= 1.0 + 1e-3


def test_a_silent_spectrum_is_silent_and_a_pulse_lies_in_its_half_frame(vocoder):
    parts = torch.zeros(1, 10, 2, 2, 641)
    parts[:, :, :, 0] = -60.0
    with torch.inference_mode():
        assert vocoder._spectral(parts.flatten(2)).abs().max() < 1e-9
        parts[0, 4, 1, 0] = 0.0  # a pulse: all bins at once
        parts[0, 4, 1, 1] = torch.arange(641) * torch.pi  # moved to the window's middle
        samples = vocoder._spectral(parts.flatten(2))[0].numpy()
    assert len(samples) == 10 * HOP
    assert abs(np.abs(samples).argmax() - (4 * HOP + 3 * HOP // 4)) <= 1


@pytest.mark.parametrize("n_frames", [1, 2, 37])
@pytest.mark.parametrize("batch", [1, 2])
def test_every_token_gives_640_samples(vocoder, n_frames, batch):
    with torch.inference_mode():
        samples = vocoder(torch.randint(0, 512, (batch, 4, n_frames)))
    assert samples.shape == (batch, 640 * n_frames) and torch.isfinite(samples).all()


def test_it_is_rebuilt_from_a_weight_files_tensors(vocoder):
    again = of({f"vocoder.{name}": value.numpy() for name, value in vocoder.state_dict().items()})
    codes = torch.randint(0, 512, (1, 4, 20))
    with torch.inference_mode():
        assert torch.equal(again(codes), vocoder(codes))
    assert not again.training
