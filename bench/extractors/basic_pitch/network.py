"""The network of Basic Pitch in torch: constant-Q power, harmonic stacking and six convolutions.

Bittner et al., A lightweight instrument-agnostic model for polyphonic note transcription and multipitch estimation
(ICASSP 2022).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

N_BINS, N_CONTOURS, N_PITCHES = 309, 264, 88
_BINS_PER_OCTAVE, _N_OCTAVES, _HOP = 36, 9, 256
_SHIFTS = (-36, 0, 36, 57, 72, 84, 93, 101)
"""Bins above the fundamental of half its frequency and of its partials 1 to 7, in thirds of a semitone."""
_FLOOR = 1e-10


class Network(nn.Module):
    """From windows of 43,844 samples at 22,050 Hz to onset and note probabilities in 172 frames of 256 samples."""

    def __init__(self) -> None:
        """Build it; weights come from `of`."""
        super().__init__()
        self.register_buffer("kernels", torch.zeros(2 * _BINS_PER_OCTAVE, 1, 256))
        self.register_buffer("halving", torch.zeros(1, 1, 256))
        self.register_buffer("lengths", torch.zeros(N_BINS))
        self.register_buffer("gain", torch.zeros(1))
        self.register_buffer("offset", torch.zeros(1))
        self.contour_1 = nn.Conv2d(8, 8, (3, 39), padding=(1, 19))
        self.contour_2 = nn.Conv2d(8, 1, 5, padding=2)
        self.note_1 = nn.Conv2d(1, 32, 7, stride=(1, 3), padding=(3, 2))
        self.note_2 = nn.Conv2d(32, 1, (7, 3), padding=(3, 1))
        self.onset_1 = nn.Conv2d(8, 32, 5, stride=(1, 3), padding=(2, 1))
        self.onset_2 = nn.Conv2d(33, 1, 3, padding=1)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return onsets and notes, each (n, 172, 88) in 0 to 1, of windows (n, 43844)."""
        stacked = self._stacked(self._levels(windows))
        contours = torch.sigmoid(self.contour_2(functional.relu(self.contour_1(stacked))))
        notes = torch.sigmoid(self.note_2(functional.relu(self.note_1(contours))))
        onsets = torch.sigmoid(self.onset_2(torch.cat([notes, functional.relu(self.onset_1(stacked))], dim=1)))
        return onsets[:, 0], notes[:, 0]

    def _levels(self, windows: Tensor) -> Tensor:
        """Return the constant-Q levels (n, 172, 309), normalised to 0 to 1 within each window, then scaled.

        The octaves are computed from the highest down, each on the sound at half the rate of the one before.
        """
        sound = windows[:, None]
        octaves: list[Tensor] = []
        for octave in range(_N_OCTAVES):
            if octave:
                sound = functional.conv1d(functional.pad(sound, (127, 127)), self.halving, stride=2)
            padded = functional.pad(sound, (128, 128), mode="reflect")
            parts = functional.conv1d(padded, self.kernels, stride=_HOP >> octave)
            octaves.insert(0, parts[:, :_BINS_PER_OCTAVE] ** 2 + parts[:, _BINS_PER_OCTAVE:] ** 2)
        power = torch.cat(octaves, dim=1)[:, -N_BINS:] * self.lengths[:, None]
        levels = 10 * torch.log10(power + _FLOOR)
        lowest = levels.amin(dim=(1, 2), keepdim=True)
        span = (levels - lowest).amax(dim=(1, 2), keepdim=True)
        scaled = torch.where(span > 0, (levels - lowest) / span.clamp(min=1e-30), torch.zeros_like(levels))
        return (scaled * self.gain + self.offset).transpose(1, 2)

    def _stacked(self, levels: Tensor) -> Tensor:
        """Return (n, 8, 172, 264): the levels of eight multiples of each bin's frequency, 0 beyond the highest."""
        shifted = []
        for shift in _SHIFTS:
            moved = (
                functional.pad(levels, (-shift, 0)) if shift < 0 else functional.pad(levels[:, :, shift:], (0, shift))
            )
            shifted.append(moved[:, :, :N_CONTOURS])
        return torch.stack(shifted, dim=1)


def of(tensors: Mapping[str, Any]) -> Network:
    """Return the network with these weights (numpy arrays by name).

    Raises:
        KeyError or RuntimeError: they are not this network's.
    """
    network = Network()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return network.eval()
