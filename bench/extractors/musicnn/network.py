"""The network of musicnn: filters of several shapes over a log-mel spectrogram, and the 200 units before its tags."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

BANDS, FRAMES, UNITS = 96, 187, 200
_EPS = 1e-3
_VERTICAL = ((7, 38), (7, 67))
_HORIZONTAL = ((128, 1), (64, 1), (32, 1))
_N_VERTICAL, _N_HORIZONTAL, _N_MIDDLE = 204, 51, 64
_N_FRONT = len(_VERTICAL) * _N_VERTICAL + len(_HORIZONTAL) * _N_HORIZONTAL


class Branch(nn.Module):
    """Filters of one shape: convolution, ReLU, batch norm, then the maximum over frequency."""

    def __init__(self, n_out: int, shape: tuple[int, int]) -> None:
        """Create random filters of this shape, (frames, bands)."""
        super().__init__()
        self.conv = nn.Conv2d(1, n_out, shape)
        self.norm = nn.BatchNorm2d(n_out, _EPS)
        self._left, self._right = (shape[0] - 1) // 2, shape[0] // 2

    def forward(self, levels: Tensor, starts: Sequence[int]) -> Tensor:
        """Map the levels (T, bands) to (windows, n_out, 187), as if every window were padded with zeros on its own.

        Only the ends of a window depend on its padding. What lies between them is computed once for all windows.
        """
        around = self._left + self._right
        shared = self._peaks(levels[None])[0]
        heads = torch.stack([levels[start : start + around] for start in starts])
        tails = torch.stack([levels[start + FRAMES - around : start + FRAMES] for start in starts])
        parts = (
            self._peaks(nn.functional.pad(heads, (0, 0, self._left, 0))),
            torch.stack([shared[:, start : start + FRAMES - around] for start in starts]),
            self._peaks(nn.functional.pad(tails, (0, 0, 0, self._right))),
        )
        return torch.cat(parts, dim=2)

    def _peaks(self, levels: Tensor) -> Tensor:
        """Map (B, T, bands) to (B, n_out, T minus what the filters are longer than one frame).

        ReLU and batch norm keep or reverse the order of values, so that the maximum over frequency can be taken before
        them, of the negated values where they reverse it. This saves half of the time.
        """
        sign = torch.where(self.norm.weight < 0, -1.0, 1.0)
        weight, bias = self.conv.weight * sign[:, None, None, None], self.conv.bias * sign
        largest = nn.functional.conv2d(levels[:, None], weight, bias).amax(dim=3, keepdim=True)
        return self.norm(torch.relu(largest * sign[:, None, None]))[..., 0]


class Middle(nn.Module):
    """Convolution over 7 frames of all channels, ReLU, batch norm."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_in, _N_MIDDLE, 7, padding=3)
        self.norm = nn.BatchNorm1d(_N_MIDDLE, _EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n_in, T) to (B, 64, T)."""
        return self.norm(torch.relu(self.conv(x)))


class Network(nn.Module):
    """Pons and Serra, musicnn: pre-trained convolutional neural networks for music audio tagging (ISMIR 2019, demo).

    The layers up to the one before the tags, without dropout. Maximum and mean over time of all layers are interleaved,
    channel by channel, as in the original, whose batch norms have an epsilon of 0.001.
    """

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.BatchNorm2d(1, _EPS)
        self.vertical = nn.ModuleList(Branch(_N_VERTICAL, shape) for shape in _VERTICAL)
        self.horizontal = nn.ModuleList(Branch(_N_HORIZONTAL, shape) for shape in _HORIZONTAL)
        self.middle = nn.ModuleList(Middle(n_in) for n_in in (_N_FRONT, _N_MIDDLE, _N_MIDDLE))
        n_pooled = 2 * (_N_FRONT + len(self.middle) * _N_MIDDLE)
        self.pooled = nn.BatchNorm1d(n_pooled, _EPS)
        self.dense = nn.Linear(n_pooled, UNITS)
        self.norm = nn.BatchNorm1d(UNITS, _EPS)

    def forward(self, levels: Tensor, starts: Sequence[int]) -> Tensor:
        """Map levels (T, 96) to (windows, 200).

        Args:
            levels: Log-mel frames, T from 187.
            starts: First frame of every window of 187 frames.
        """
        x = self.entry(levels[None, None])[0, 0]
        layers = [torch.cat([branch(x, starts) for branch in (*self.vertical, *self.horizontal)], dim=1)]
        for k, block in enumerate(self.middle):
            made = block(layers[-1])
            layers.append(made + layers[-1] if k else made)
        features = torch.cat(layers, dim=1)
        pooled = torch.stack([features.amax(dim=2), features.mean(dim=2)], dim=2).flatten(1)
        return self.norm(torch.relu(self.dense(self.pooled(pooled))))


def of(tensors: dict[str, Any]) -> Network:
    """Build the network from a weight file's tensors.

    Raises:
        RuntimeError: names or shapes are not those of the network.
    """
    made = Network()
    made.load_state_dict({name: torch.as_tensor(value, dtype=torch.float32) for name, value in tensors.items()})
    return made.eval()
