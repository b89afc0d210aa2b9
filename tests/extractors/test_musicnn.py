"""musicnn: its 200 units against the published graph, its front end, its windows, and what it says of a bad file."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.extractors import musicnn
from bench.extractors.musicnn import FRAMES, RATE, UNITS, Musicnn, log_mel, network
from bench.paths import PACKAGE, home
from bench.runtime.tensors import read_tensors, write_tensors
from tests.extractors.known_sounds import chords, groove

SCRIPT = PACKAGE.parent / "benchmarks" / "musicnn_weights.py"
SOUNDS = runpy.run_path(str(SCRIPT))["sounds"]()
PUBLISHED = np.load(Path(__file__).with_name("musicnn.npz"))
"""What musicnn 0.1.0 gives for the sounds: log-mel frames by librosa, units by TensorFlow (SCRIPT made them)."""
HOP, STRIDE, LEAST = 256, 31, 186 * 256


@pytest.fixture(scope="module")
def trained() -> network.Network:
    return network.of(read_tensors(home("weights") / "musicnn.safetensors"))


def units(net: network.Network, levels: np.ndarray, starts: list[int]) -> np.ndarray:
    with torch.inference_mode():
        return net(torch.from_numpy(levels.astype(np.float32)), starts).numpy()


def starts_of(levels: np.ndarray) -> list[int]:
    return list(range(0, len(levels) - FRAMES + 1, STRIDE))


def embedded(audio: Audio) -> np.ndarray:
    return plugins.load("extractors", "musicnn").extract(audio).values


@pytest.mark.parametrize(("name", "n_windows"), [("music", 2), ("noise", 1)])
def test_units_are_those_of_the_published_graph(trained: network.Network, name: str, n_windows: int) -> None:
    levels, expected = PUBLISHED[f"{name}_levels"], PUBLISHED[f"{name}_units"]
    assert expected.shape == (n_windows, UNITS) and np.abs(expected).max() > 2
    np.testing.assert_allclose(units(trained, levels, starts_of(levels)), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["music", "noise"])
def test_units_from_the_samples_are_those_of_the_published_code(trained: network.Network, name: str) -> None:
    levels = log_mel(SOUNDS[name].astype(np.float64))
    np.testing.assert_array_equal(levels, PUBLISHED[f"{name}_levels"])
    np.testing.assert_allclose(units(trained, levels, starts_of(levels)), PUBLISHED[f"{name}_units"], atol=1e-5)


def test_the_front_end_agrees_with_a_spectrum_written_by_hand() -> None:
    """Slaney's scale: linear to 1 kHz, then 27 steps for a factor of 6.4; triangles of area 1 in Hz."""
    sound = SOUNDS["music"].astype(np.float64)
    hz_of = lambda mel: 200 / 3 * mel if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)  # noqa: E731
    edges = [hz_of(mel) for mel in np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), 98)]
    hz = np.arange(257) * RATE / 512
    bands = np.array(
        [
            np.maximum(np.minimum((hz - a) / (b - a), (c - hz) / (c - b)), 0) * 2 / (c - a)
            for a, b, c in zip(edges[:-2], edges[1:-1], edges[2:], strict=True)
        ]
    )
    padded = np.concatenate([sound[256:0:-1], sound, sound[-2:-258:-1]])
    window = scipy.signal.get_window("hann", 512, fftbins=True)
    power = np.array([np.abs(np.fft.rfft(padded[k : k + 512] * window)) ** 2 for k in range(0, len(sound) + 1, HOP)])
    np.testing.assert_allclose(log_mel(sound), np.log10(10000 * (power @ bands.T) + 1), atol=3e-3)


def test_power_beyond_numbers_of_16_bits_keeps_its_logarithm() -> None:
    """The published code gives infinity there."""
    tone = np.sin(2 * np.pi * 440 * np.arange(LEAST) / RATE)
    with np.errstate(over="ignore"):
        assert np.isinf(np.float16(10000) * np.float16(7))
    loud, quiet = log_mel(tone), log_mel(0.1 * tone)
    assert np.isfinite(loud).all() and loud.max() == pytest.approx(quiet.max() + 2, abs=0.01)


def test_a_window_does_not_depend_on_what_else_is_embedded(trained: network.Network) -> None:
    levels = log_mel(np.random.default_rng(1).normal(0, 0.1, 12 * RATE))
    starts = starts_of(levels)
    alone = np.concatenate([units(trained, levels[k : k + FRAMES], [0]) for k in starts])
    np.testing.assert_allclose(units(trained, levels, starts), alone, atol=1e-5)
    assert len(starts) > musicnn._AT_ONCE
    sound = Audio(np.random.default_rng(1).normal(0, 0.1, 12 * RATE), RATE)
    assert embedded(sound).shape == (len(starts), UNITS)


@pytest.mark.parametrize(
    ("duration_s", "n_windows"), [(0.05, 1), (1.0, 1), (2.976, 1), (3.4, 1), (3.5, 2), (7.48, 10), (15.0, 25)]
)
def test_a_window_of_three_seconds_every_half_second(duration_s: float, n_windows: int) -> None:
    found = Musicnn(home("weights") / "musicnn.safetensors").extract(Audio(np.ones(round(duration_s * RATE)), RATE))
    assert found.values.shape == (n_windows, UNITS) and np.isfinite(found.values).all()
    assert found.rate_hz == pytest.approx(1 / 0.496)


def test_shorter_sound_is_repeated_to_one_window_and_empty_sound_has_none() -> None:
    short = np.random.default_rng(2).normal(0, 0.1, RATE)
    np.testing.assert_allclose(embedded(Audio(short, RATE)), embedded(Audio(np.resize(short, LEAST), RATE)), atol=0.02)
    assert embedded(Audio(np.zeros(0), RATE)).shape == (0, UNITS)


def test_units_do_not_depend_on_gain_and_hardly_on_the_sample_rate() -> None:
    audio = groove(32000, 120, 2)[0]
    np.testing.assert_allclose(embedded(Audio(0.25 * audio.samples, 32000)), embedded(audio), atol=1e-5)
    at_rates = [embedded(audio.resampled(rate)).mean(axis=0) for rate in (16000, 44100)]
    assert np.corrcoef(at_rates)[0, 1] > 0.999


def test_like_sounds_are_nearer_than_unlike_ones() -> None:
    slow = chords(32000, [[48, 60, 64, 67], [53, 60, 65, 69]], 4.0)
    one, other, piano = (embedded(x).mean(axis=0) for x in (groove(32000, 120, 3)[0], groove(32000, 100, 3)[0], slow))
    assert np.corrcoef(one, other)[0, 1] > 0.2 + np.corrcoef(one, piano)[0, 1]


def test_its_identity_names_the_weights() -> None:
    assert "sha256 792ae44a9360" in plugins.load("extractors", "musicnn").identity


def test_another_file_is_refused_and_a_missing_one_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensors(tmp_path / "musicnn.safetensors", {"entry.weight": np.ones(1, np.float32)})
    with pytest.raises(BenchError, match=r"musicnn\.safetensors: does not hold musicnn \(.*get it again"):
        Musicnn(tmp_path / "musicnn.safetensors").extract(Audio(np.ones(RATE), RATE))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setattr("bench.runtime.weights.installed", lambda what: tmp_path / "none")
    with pytest.raises(
        MissingComponent, match=r"musicnn\.safetensors: missing; .*install it again\); logmel-stats can run"
    ):
        musicnn.build()
