"""VGGish embedding of 0.96 s windows, used by the first Fréchet audio distance (needs `bench setup vggish`)."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.audio import Audio
from bench.errors import BenchError
from bench.music.loudness import at_loudness
from bench.runtime.weights import File, Weights, sha256_of
from bench.symbols import Floats, Frames

VERSION = 1
RATE = 16000
BANDS, FRAMES = 64, 96
_WINDOW, _HOP, _N_FFT = 400, 160, 512
_LOW_HZ, _HIGH_HZ = 125.0, 7500.0
_OFFSET = 0.01
_BATCH = 64
_CHANNELS = ((1, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512))
_POOLED_AFTER = (0, 1, 3, 5)
WEIGHTS = Weights(
    name="vggish",
    description="VGGish, the embedding of the first Fréchet audio distances",
    licence="Apache 2.0",
    files=(
        File(
            "vggish-10086976.pth",
            "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
            sha256="10086976",
        ),
    ),
    size_gb=0.289,
)


class Vggish:
    """128 values per window, before the last ReLU, without the PCA of the YouTube-8M release.

    Hershey et al., CNN architectures for large-scale audio classification (ICASSP 2017). Kilgour et al., Fréchet audio
    distance (Interspeech 2019), section 3, use the last layer before its activation; other toolkits use it after, so
    `activation` chooses. Sound is set to -23 LUFS first.
    """

    kind = "embedding"

    def __init__(self, path: Path, hop_s: float, activation: bool) -> None:
        """Take the weight file, read at its first use, the hop in seconds, and whether to apply the last ReLU."""
        self._path, self._activation = path, activation
        self._hop = max(round(hop_s * RATE / _HOP), 1)
        self.identity = (
            f"vggish v{VERSION} (16 kHz, windows 0.96 s, hop {self._hop * _HOP / RATE:g} s, "
            f"{'after' if activation else 'before'} the last activation, -23 LUFS, sha256 {sha256_of(path)[:12]})"
        )

    @cached_property
    def _network(self) -> Any:
        network = network_of(self._activation)
        state = _state(self._path)
        try:
            network.load_state_dict(state)
        except (RuntimeError, TypeError, AttributeError) as error:
            raise BenchError(f"{self._path}: is not VGGish ({' '.join(str(error).split())[:300]})") from error
        return network.float().eval()

    def extract(self, audio: Audio) -> Frames:
        """Return (n_windows, 128); sound shorter than a window is repeated to fill it, empty sound gives no window."""
        import torch

        rate = RATE / (self._hop * _HOP)
        sound = Audio(audio.mono, audio.sample_rate).resampled(RATE).mono.astype(np.float64)
        if not len(sound):
            return Frames(np.zeros((0, 128)), rate)
        least = _WINDOW + (FRAMES - 1) * _HOP
        levels = log_mel(at_loudness(np.resize(sound, least) if len(sound) < least else sound, RATE))
        starts = np.arange(0, len(levels) - FRAMES + 1, self._hop)
        windows = np.stack([levels[start : start + FRAMES] for start in starts]).astype(np.float32)
        with torch.inference_mode():
            batches = [torch.from_numpy(windows[k : k + _BATCH, None]) for k in range(0, len(windows), _BATCH)]
            values = np.concatenate([self._network(batch).numpy() for batch in batches])
        return Frames(values.astype(np.float64), rate)


def build(folder: str = "", hop_s: float = 0.5, activation: bool = False) -> Vggish:
    """Return the embedding.

    Args:
        folder: A folder with one `.pth` file with the keys of torchvggish; the published file when empty.
        hop_s: Seconds between the starts of windows; 0.96 in the original, where windows do not overlap.
        activation: Whether to apply the last ReLU.

    Raises:
        MissingComponent: the published weights are missing.
        BenchError: the folder holds no `.pth`, or several.
    """
    place = Path(folder) if folder else WEIGHTS.find("logmel-stats")
    files = sorted(place.glob("*.pth"))
    if len(files) != 1:
        raise BenchError(f"{place}: holds {len(files)} files .pth, want exactly one")
    return Vggish(files[0], hop_s, activation)


def log_mel(sound: npt.NDArray[np.float64]) -> Floats:
    """Return the log mel spectrogram that VGGish was trained on.

    Args:
        sound: (n,) at 16 kHz, in [-1, 1].

    Returns:
        (1 + (n - 400) // 160, 64): magnitudes (not powers) of windows of 25 ms every 10 ms, in 64 bands of 125 to 7500
        Hz on the mel scale of HTK, as log(x + 0.01).
    """
    if len(sound) < _WINDOW:
        return np.zeros((0, BANDS))
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    periodic_hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    magnitudes = np.abs(np.fft.rfft(frames * periodic_hann, _N_FFT, axis=1))
    levels: Floats = np.log(magnitudes @ mel_bands() + _OFFSET)
    return levels


def mel_bands() -> Floats:
    """Return the bands, (257, 64): triangles that are linear in mel, not in Hz; the DC bin has weight 0."""
    bins = _mel(np.arange(_N_FFT // 2 + 1) * RATE / _N_FFT)[:, None]
    edges = np.linspace(_mel(np.array(_LOW_HZ)), _mel(np.array(_HIGH_HZ)), BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights: Floats = np.maximum(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0.0)
    weights[0] = 0.0
    return weights


def _mel(hz: npt.NDArray[np.float64]) -> Floats:
    mel: Floats = 1127.0 * np.log1p(hz / 700.0)
    return mel


def network_of(activation: bool) -> Any:
    """Return the network with random weights, its parameters named as in torchvggish.

    It maps (batch, 1, 96, 64) to (batch, 128). Before the linear layers, features are flattened in the order time,
    frequency, channel, as in the TensorFlow original.
    """
    from torch import nn

    class Network(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = []
            for k, (n_in, n_out) in enumerate(_CHANNELS):
                layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU()]
                layers += [nn.MaxPool2d(2)] if k in _POOLED_AFTER else []
            self.features = nn.Sequential(*layers)
            ends = [nn.Linear(512 * 4 * 6, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128)]
            self.embeddings = nn.Sequential(*ends, *([nn.ReLU()] if activation else []))

        def forward(self, windows: Any) -> Any:
            return self.embeddings(self.features(windows).permute(0, 2, 3, 1).flatten(1))

    return Network()


def _state(path: Path) -> dict[str, Any]:
    """Read the weights without running code from the file."""
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises errors of many types for damaged files.
        reason = str(error).strip().splitlines() or ["no reason given"]
        raise BenchError(f"{path}: cannot be read safely ({type(error).__name__}: {reason[0]})") from error
    if not isinstance(state, dict):
        raise BenchError(f"{path}: holds {type(state).__name__}, want weights by name")
    return state
