"""VGGish: the front end against its published constants, the network against one written by hand."""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from torch import nn
from torch.nn import functional

from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.extractors.vggish import RATE, build, log_mel, mel_bands, network_of


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return {name: value.clone() for name, value in network_of(False).state_dict().items()}


@pytest.fixture(scope="module")
def folder(state, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("vggish")
    torch.save(state, path / "x.pth")
    return str(path)


def sound(seconds: float = 3.0, rate: int = RATE, level: float = 0.1) -> Audio:
    return Audio(level * np.random.default_rng(0).standard_normal(round(seconds * rate)), rate)


def slow_bands() -> np.ndarray:
    """The 64 triangles as the published code's comments describe them, bin by bin."""
    mel = lambda hz: 1127 * np.log(1 + hz / 700)  # noqa: E731
    edges = np.linspace(mel(125), mel(7500), 66)
    out = np.zeros((257, 64))
    for band in range(64):
        low, centre, high = edges[band : band + 3]
        for k in range(1, 257):
            here = mel(k * 8000 / 256)
            up, down = (here - low) / (centre - low), (high - here) / (high - centre)
            out[k, band] = max(0, min(up, down))
    return out


def test_bands_agree_with_the_published_constants() -> None:
    assert mel_bands() == pytest.approx(slow_bands(), abs=1e-12)
    assert mel_bands().shape == (257, 64) and not mel_bands()[0].any()


def test_the_front_end_agrees_with_an_independent_short_time_spectrum() -> None:
    samples = sound().mono.astype(float)
    window = scipy.signal.get_window("hann", 400, fftbins=True)
    rows = [np.abs(np.fft.rfft(samples[k : k + 400] * window, 512)) for k in range(0, len(samples) - 399, 160)]
    assert log_mel(samples) == pytest.approx(np.log(np.array(rows) @ slow_bands() + 0.01), abs=1e-9)


@pytest.mark.parametrize(("n", "frames"), [(399, 0), (400, 1), (559, 1), (560, 2), (16000, 98)])
def test_frames_are_counted_as_in_the_original(n: int, frames: int) -> None:
    assert log_mel(np.zeros(n)).shape == (frames, 64)


def test_silence_is_at_the_floor_and_a_sine_peaks_in_its_band() -> None:
    assert log_mel(np.zeros(1600)) == pytest.approx(np.log(0.01))
    levels = log_mel(np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE))
    mel = 1127 * np.log(1 + 1000 / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    assert abs(levels.mean(0).argmax() - (np.argmin(np.abs(edges - mel)) - 1)) <= 1


def by_hand(state, windows: torch.Tensor) -> torch.Tensor:
    """Layer by layer with the names of the published file."""
    conv = lambda x, k: functional.relu(  # noqa: E731
        functional.conv2d(x, state[f"features.{k}.weight"], state[f"features.{k}.bias"], padding=1)
    )
    pool = lambda x: functional.max_pool2d(x, 2)  # noqa: E731
    x = pool(conv(windows, 0))
    x = pool(conv(x, 3))
    x = pool(conv(conv(x, 6), 8))
    x = pool(conv(conv(x, 11), 13))
    assert x.shape[1:] == (512, 6, 4)
    x = torch.stack([x[:, :, time, band] for time in range(6) for band in range(4)], 1).flatten(1)
    for k in (0, 2):
        x = functional.relu(functional.linear(x, state[f"embeddings.{k}.weight"], state[f"embeddings.{k}.bias"]))
    return functional.linear(x, state["embeddings.4.weight"], state["embeddings.4.bias"])


def test_the_network_equals_the_published_one_layer_by_layer(state, folder: str) -> None:
    audio = sound()
    found = build(folder).extract(audio)
    from bench.music.loudness import at_loudness

    levels = log_mel(at_loudness(audio.mono.astype(float), RATE))
    windows = np.stack([levels[k : k + 96] for k in range(0, len(levels) - 95, 50)]).astype(np.float32)
    with torch.inference_mode():
        wanted = by_hand(state, torch.from_numpy(windows[:, None])).numpy()
    assert found.values.shape == (len(windows), 128) and found.rate_hz == 2.0
    assert found.values == pytest.approx(wanted, abs=1e-5)


def test_the_last_activation_is_an_option_named_in_the_identity(folder: str) -> None:
    before, after = build(folder), build(folder, activation=True)
    assert np.maximum(before.extract(sound()).values, 0) == pytest.approx(after.extract(sound()).values, abs=1e-6)
    assert "before the last" in before.identity and "after the last" in after.identity
    assert "hop 0.96 s" in build(folder, hop_s=0.96).identity


def test_values_are_repeatable_and_independent_of_gain(folder: str) -> None:
    plug = build(folder)
    first = plug.extract(sound()).values
    assert np.array_equal(first, build(folder).extract(sound()).values)
    assert plug.extract(sound(level=0.2)).values == pytest.approx(first, abs=1e-3)


@pytest.mark.parametrize(
    ("seconds", "rate", "n"), [(0.3, RATE, 1), (0.975, RATE, 1), (1.0, 32000, 1), (15.0, RATE, 29)]
)
def test_the_number_of_windows_and_short_sound_repeated(folder: str, seconds: float, rate: int, n: int) -> None:
    assert build(folder).extract(sound(seconds, rate)).values.shape == (n, 128)


def test_silence_gives_windows_and_empty_sound_none(folder: str) -> None:
    assert np.isfinite(build(folder).extract(Audio(np.zeros(2 * RATE), RATE)).values).all()
    assert build(folder).extract(Audio(np.zeros(0), RATE)).values.shape == (0, 128)


class Payload:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"noise", "cannot be read safely"),
        ([1, 2], "holds list, want weights by name"),
        ({"features.0.weight": torch.zeros(1)}, "is not VGGish"),
    ],
)
def test_files_that_are_not_vggish_are_refused(tmp_path: Path, content: object, reason: str) -> None:
    if isinstance(content, bytes):
        (tmp_path / "x.pth").write_bytes(content)
    else:
        torch.save(content, tmp_path / "x.pth")
    with pytest.raises(BenchError, match=reason):
        build(str(tmp_path)).extract(sound())


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_truncated_files_and_other_shapes_are_refused(state, folder: str, tmp_path: Path, share) -> None:
    whole = (Path(folder) / "x.pth").read_bytes()
    (tmp_path / "x.pth").write_bytes(whole[: round(share * len(whole))])
    with pytest.raises(BenchError, match=r"x\.pth: cannot be read safely"):
        build(str(tmp_path)).extract(sound())
    torch.save({**state, "embeddings.4.bias": torch.zeros(64)}, tmp_path / "x.pth")
    with pytest.raises(BenchError, match=r"x\.pth: is not VGGish .*embeddings\.4\.bias"):
        build(str(tmp_path)).extract(sound())


def test_loading_runs_no_code_from_the_file(tmp_path: Path) -> None:
    torch.save({"features.0.weight": Payload(str(tmp_path / "harm"))}, tmp_path / "x.pth")
    with pytest.raises(BenchError, match="cannot be read safely"):
        build(str(tmp_path)).extract(sound())
    assert not (tmp_path / "harm").exists()


def test_missing_weights_are_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingComponent, match=r"bench setup vggish.*logmel-stats can run without it"):
        build()
    with pytest.raises(BenchError, match=r"holds 0 files \.pth"):
        build(str(tmp_path))


def test_the_number_of_parameters_is_as_published() -> None:
    assert sum(p.numel() for p in network_of(False).parameters()) == 72_141_184
    assert isinstance(network_of(False), nn.Module)
