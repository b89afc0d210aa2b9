"""The mini separator: a network that predicts the drums' share of every bin of the spectrogram."""

from typing import Any

import torch
from torch import Tensor, nn

SAMPLE_RATE = 32000
WINDOW, HOP = 2048, 512
BINS = WINDOW // 2 + 1
_QUIET = 1e-4
_BANDS = 32
_TIME, _FREQUENCY = 31, 31
"""Frames (0.5 s) and bins (480 Hz) over which a bin is compared with its neighbours."""


class Mixer(nn.Module):
    """Mix neighbouring frames (depthwise, dilated), then channels."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.time = nn.Conv1d(width, width, 7, padding=3 * dilation, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, width) to the same shape."""
        mixed = self.time(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.narrow(nn.functional.gelu(self.wide(self.norm(mixed))))


class Separator(nn.Module):
    """A network that separates the drums (B, n) from mono samples (B, n) at 32 kHz.

    The drums are the mixture's spectrum times a mask between 0 and 1. The network predicts the mask from log magnitudes
    relative to the sound's level, so that a gain of the input is a gain of the output. A bin's logit has two parts: one
    that the network predicts for the bin, and how far the bin stands out from its neighbours in time and in frequency,
    times weights that the network predicts for 32 bands. With constant weights the second part is the separation of
    harmonic from percussive sound (Fitzgerald, DAFx 2010), with means of logarithms in place of medians.
    """

    def __init__(self, width: int = 192, depth: int = 6) -> None:
        """Create a random network of so many channels and blocks, with dilations 1, 2, 4, 1, 2, 4, ..."""
        super().__init__()
        self.entry, self.rise = nn.Linear(BINS, width), nn.Linear(BINS, width, bias=False)
        self.blocks = nn.ModuleList(Mixer(width, 2 ** (k % 3)) for k in range(depth))
        self.norm = nn.LayerNorm(width)
        self.mask = nn.Linear(width, BINS)
        self.weights = nn.Linear(width, 2 * _BANDS)
        with torch.no_grad():
            self.weights.bias.copy_(torch.cat([torch.full((_BANDS,), 2.0), torch.full((_BANDS,), -2.0)]))
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("bands", _bands(), persistent=False)

    def spectrum(self, samples: Tensor) -> Tensor:
        """Return the complex spectrum (B, T, bins)."""
        bins = torch.stft(samples, WINDOW, HOP, window=self.window, return_complex=True, pad_mode="constant")
        return bins.transpose(1, 2)

    def shares(self, spectrum: Tensor) -> Tensor:
        """Return the drums' share of every bin (B, T, bins), 0 to 1."""
        magnitude = spectrum.abs()
        level = magnitude.pow(2).mean(dim=(1, 2), keepdim=True).sqrt() + 1e-9
        logs = torch.log(magnitude / level + _QUIET) / 4 + 0.5
        in_time = logs - _smooth(logs.transpose(1, 2), _TIME).transpose(1, 2)
        in_frequency = logs - _smooth(logs, _FREQUENCY)
        x = self.entry(logs) + self.rise(in_time)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        for_time, for_frequency = (self.weights(x).unflatten(-1, (2, _BANDS)) @ self.bands).unbind(-2)
        return torch.sigmoid(self.mask(x) + for_time * in_time + for_frequency * in_frequency)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the drums, of the same length."""
        spectrum = self.spectrum(samples)
        drums = (spectrum * self.shares(spectrum)).transpose(1, 2)
        return torch.istft(drums, WINDOW, HOP, window=self.window, length=samples.shape[-1])


def _smooth(x: Tensor, width: int) -> Tensor:
    """Return the mean over `width` neighbours along the last dimension of (B, m, n), fewer at the ends."""
    return nn.functional.avg_pool1d(x, width, stride=1, padding=width // 2, count_include_pad=False)


def _bands() -> Tensor:
    """Return triangles (32, bins) that sum to 1 in every bin, evenly spaced on a logarithmic scale above 250 Hz."""
    hz = torch.arange(BINS) * SAMPLE_RATE / WINDOW
    place = torch.log1p(hz / 250) / torch.log1p(hz[-1] / 250) * (_BANDS - 1)
    return (1 - (place - torch.arange(_BANDS)[:, None]).abs()).clamp(min=0)


def of(tensors: dict[str, Any]) -> Separator:
    """Build the network from a weight file's tensors."""
    depth = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    made = Separator(width=tensors["entry.weight"].shape[0], depth=depth)
    made.load_state_dict({name: torch.as_tensor(value, dtype=torch.float32) for name, value in tensors.items()})
    return made.eval()
