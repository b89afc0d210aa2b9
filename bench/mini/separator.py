"""The mini separator: a mask over the spectrogram that keeps the drums."""

from typing import Any

import torch
from torch import Tensor, nn

SAMPLE_RATE = 32000
WINDOW, HOP = 2048, 512
BINS = WINDOW // 2 + 1
_QUIET = 1e-4


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
    """Mono samples (B, n) at 32 kHz to their drums (B, n).

    The drums are the mixture's own spectrum times a mask between 0 and 1, which the network draws from log magnitudes
    relative to the sound's own level: gain in is gain out.
    """

    def __init__(self, width: int = 192, depth: int = 6) -> None:
        """Take channels and blocks; dilations run 1, 2, 4, 1, 2, 4, ..."""
        super().__init__()
        self.entry = nn.Linear(BINS, width)
        self.blocks = nn.ModuleList(Mixer(width, 2 ** (k % 3)) for k in range(depth))
        self.norm = nn.LayerNorm(width)
        self.mask = nn.Linear(width, BINS)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def spectrum(self, samples: Tensor) -> Tensor:
        """Return the complex spectrum (B, T, bins)."""
        found = torch.stft(samples, WINDOW, HOP, window=self.window, return_complex=True, pad_mode="constant")
        return found.transpose(1, 2)

    def shares(self, spectrum: Tensor) -> Tensor:
        """Return the drums' share of every bin, 0 to 1."""
        magnitude = spectrum.abs()
        level = magnitude.pow(2).mean(dim=(1, 2), keepdim=True).sqrt() + 1e-9
        x = self.entry(torch.log(magnitude / level + _QUIET) / 4 + 0.5)
        for block in self.blocks:
            x = block(x)
        return torch.sigmoid(self.mask(self.norm(x)))

    def forward(self, samples: Tensor) -> Tensor:
        """Return the drums, of the same length."""
        spectrum = self.spectrum(samples)
        drums = (spectrum * self.shares(spectrum)).transpose(1, 2)
        return torch.istft(drums, WINDOW, HOP, window=self.window, length=samples.shape[-1])


def of(tensors: dict[str, Any]) -> Separator:
    """Build the network from a weight file's tensors."""
    depth = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    made = Separator(width=tensors["entry.weight"].shape[0], depth=depth)
    made.load_state_dict({name: torch.as_tensor(value, dtype=torch.float32) for name, value in tensors.items()})
    return made.eval()
