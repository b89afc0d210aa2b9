"""The mini vocoder: tokens to sound, as oscillators on the tempered scale plus short-time spectra.

The tokens hold magnitudes, not phases. A network that sees a few frames at a time cannot keep the phase of a steady
tone continuous from frame to frame, so tones smear and chords are lost. Here every semitone has an oscillator that runs
through the whole sound, and the network only predicts its loudness (the additive half of DDSP, Engel et al., ICLR 2020,
on a fixed scale). All other sound, drums above all, comes from complex spectra of 40 ms (as in Vocos, Siuzdak, ICLR
2024).
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from bench.mini.tokens import BOOKS, ENTRIES, HOP, SAMPLE_RATE

LOWEST, HIGHEST = 24, 107
"""MIDI pitches of the lowest and highest oscillator: 33 Hz to 3.95 kHz."""
WINDOW, STEPS = 1280, 2
"""Window of a spectrum in samples, and number of spectra per frame of tokens."""
_LOUDEST = 1.0


class Block(nn.Module):
    """A ConvNeXt block over time (Liu et al., CVPR 2022), as Vocos uses it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mixing = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, width) to the same shape."""
        mixed = self.mixing(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.narrow(nn.functional.gelu(self.wide(self.norm(mixed))))


class Vocoder(nn.Module):
    """A network from tokens (B, 4, T) to mono samples (B, 640 T) at 32 kHz."""

    def __init__(self, sizes: tuple[int, ...], width: int = 256, depth: int = 6) -> None:
        """Take the widths of the codebooks' entries, which are the network's input together with learned embeddings."""
        super().__init__()
        self.sizes, self.width, self.depth = sizes, width, depth
        for k, size in enumerate(sizes):
            self.register_buffer(f"book{k}", torch.zeros(ENTRIES, size))
        self.embedding = nn.ModuleList(nn.Embedding(ENTRIES, width) for _ in range(BOOKS))
        for table in self.embedding:
            nn.init.zeros_(table.weight)
        self.entry = nn.Linear(sum(sizes), width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.tones = nn.Linear(width, HIGHEST - LOWEST + 1)
        self.spectra = nn.Linear(width, STEPS * 2 * (WINDOW // 2 + 1))
        with torch.no_grad():
            self.tones.bias.fill_(-6.0)
            self.tones.weight.mul_(0.3)
            self.spectra.weight.mul_(0.3)
            self.spectra.bias.view(STEPS, 2, -1)[:, 0] = -1.0
        for name, value in _oscillators().items():
            self.register_buffer(name, value, persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the sound of tokens (B, 4, T)."""
        seen = torch.cat([getattr(self, f"book{k}")[codes[:, k]] for k in range(BOOKS)], dim=-1)
        x = self.entry(seen) + sum(table(codes[:, k]) for k, table in enumerate(self.embedding))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self._tonal(self.tones(x).float()) + self._spectral(self.spectra(x).float())

    def _tonal(self, loudness: Tensor) -> Tensor:
        """Sum the oscillators at log loudness (B, T, pitches), interpolated between frames by Hann windows."""
        n = loudness.shape[1]
        amplitude = torch.exp(loudness.clamp(max=math.log(_LOUDEST)))
        angle = self.speed * (HOP * torch.arange(n, device=loudness.device, dtype=torch.float64))[:, None] + self.phase
        turned = torch.remainder(angle, 2 * math.pi).float()
        frames = torch.cat([amplitude * torch.cos(turned), amplitude * torch.sin(turned)], dim=-1) @ self.waves
        return _overlapped(frames, HOP)

    def _spectral(self, outputs: Tensor) -> Tensor:
        """Overlap-add the spectra (B, T, 2 * 2 * bins), given as log magnitude and phase of each bin."""
        batch, n = outputs.shape[:2]
        parts = outputs.view(batch, n * STEPS, 2, WINDOW // 2 + 1)
        magnitude = torch.exp(parts[:, :, 0].clamp(max=5.0))
        frames = torch.fft.irfft(torch.polar(magnitude, parts[:, :, 1]), dim=-1) * self.window * (0.5 / 1.5)
        hop = HOP // STEPS
        whole = torch.nn.functional.fold(
            frames.transpose(1, 2),
            (1, (n * STEPS - 1) * hop + WINDOW),
            (1, WINDOW),
            stride=(1, hop),
        )[:, 0, 0]
        # The middle of the window lies on the middle of its half of the frame.
        start = (WINDOW - hop) // 2
        return whole[:, start : start + n * HOP]


def _oscillators() -> dict[str, Tensor]:
    """Return speed (pitches,) in radians per sample and phase, float64, and windowed waves (2 pitches, 2 hops)."""
    pitches = torch.arange(LOWEST, HIGHEST + 1, dtype=torch.float64)
    speed = 2 * math.pi * 440.0 * 2 ** ((pitches - 69) / 12) / SAMPLE_RATE
    # Golden-angle phases keep the sum of many tones from peaking.
    phase = torch.remainder(torch.arange(len(pitches), dtype=torch.float64) * 2.399963229728653, 2 * math.pi)
    # Frame t's window is centred on its middle, sample 640 t + 320, so its first sample is 640 t - 320.
    at = torch.arange(2 * HOP, dtype=torch.float64) - HOP // 2
    window = torch.hann_window(2 * HOP, dtype=torch.float64)
    turns = speed[:, None] * at
    # cos(a + b) = cos a cos b - sin a sin b, a being the angle at the frame's start.
    waves = torch.cat([torch.cos(turns), -torch.sin(turns)]) * window
    return {"speed": speed, "phase": phase, "waves": waves.float()}


def _overlapped(frames: Tensor, hop: int) -> Tensor:
    """Overlap-add (B, T, 2 hop) and cut half a hop off each end: (B, T hop)."""
    left, right = frames[..., :hop], frames[..., hop:]
    zero = torch.zeros_like(left[:, :1])
    joined = (torch.cat([left, zero], 1) + torch.cat([zero, right], 1)).flatten(1)
    return joined[:, hop // 2 : -(hop - hop // 2)]


def of(tensors: dict[str, Any]) -> Vocoder:
    """Build the network from a weight file's tensors (names as in `state_dict`, with the prefix `vocoder.`)."""
    state = {name.removeprefix("vocoder."): value for name, value in tensors.items() if name.startswith("vocoder.")}
    sizes = tuple(state[f"book{k}"].shape[1] for k in range(BOOKS))
    depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
    made = Vocoder(sizes, width=state["entry.weight"].shape[0], depth=depth)
    made.load_state_dict({name: torch.as_tensor(value, dtype=torch.float32) for name, value in state.items()})
    return made.eval()
