"""The front end of the mini transcriber and chord recogniser: magnitudes on a logarithmic frequency axis."""

import torch
from torch import Tensor, nn

SAMPLE_RATE, HOP = 16000, 320
FRAME_RATE = SAMPLE_RATE / HOP
LOWEST_PITCH, N_PITCHES = 21, 88
PER_SEMITONE = 3
N_BINS = 100 * PER_SEMITONE
"""Bins a third of a semitone apart from 26.0 Hz to 8.2 kHz; bin 3 k + 3 is MIDI pitch 21 + k."""
_LONG, _SHORT = 4096, 1024
_QUIET = 1e-4


class LogFrequency(nn.Module):
    """Log magnitudes (B, 2, T, N_BINS) of mono samples (B, n) at 16 kHz; frame t is centred on t / 50 s.

    The first map is of windows of 256 ms, which resolve low pitches, the second of windows of 64 ms, which resolve
    onsets. Both are relative to the sound's level, so that a gain changes nothing.
    """

    def __init__(self) -> None:
        """Compute the windows and the interpolations."""
        super().__init__()
        for name, size in (("long", _LONG), ("short", _SHORT)):
            self.register_buffer(f"{name}_window", torch.hann_window(size), persistent=False)
            self.register_buffer(f"{name}_map", _interpolation(size), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the two maps."""
        level = samples.pow(2).mean(dim=1, keepdim=True).sqrt()[..., None] + 1e-9
        maps = [
            _magnitudes(samples, self.get_buffer(f"{name}_window")) @ self.get_buffer(f"{name}_map")
            for name in ("long", "short")
        ]
        return torch.stack([torch.log(one / level + _QUIET) / 4 + 0.5 for one in maps], dim=1)


def _magnitudes(samples: Tensor, window: Tensor) -> Tensor:
    """Return (B, T, bins), where a sine of RMS 1 has a peak of about 1 for every window."""
    size = len(window)
    bins = torch.stft(samples, size, HOP, window=window, return_complex=True, pad_mode="constant")
    return bins.abs().transpose(1, 2) * (2.83 / size)


def _interpolation(size: int) -> Tensor:
    """Return a matrix (bins, N_BINS): triangles about each frequency, as wide as the distance of its neighbours."""
    hz = 440.0 * 2 ** ((torch.arange(-1, N_BINS + 1) / PER_SEMITONE - 1 + LOWEST_PITCH - 69) / 12)
    place = hz * size / SAMPLE_RATE
    centre = place[1:-1]
    half = torch.maximum((place[2:] - place[:-2]) / 2, torch.ones(()))
    bins = torch.arange(size // 2 + 1)[:, None]
    weights = (1 - (bins - centre).abs() / half).clamp(min=0)
    return weights / weights.sum(dim=0).clamp(min=1e-6)
