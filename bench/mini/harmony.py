"""The mini chord recogniser: a network that names the chord of every tenth of a second."""

from typing import Any

import torch
from torch import Tensor, nn

from bench.mini.pitch import FRAME_RATE, N_BINS, PER_SEMITONE, LogFrequency
from bench.mini.separator import Mixer

POOL = 5
RATE_HZ = FRAME_RATE / POOL
ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
QUALITIES = ("maj", "min", "7", "maj7", "min7")
N_CHORDS = len(ROOTS) * len(QUALITIES)
"""Class 12 q + r is root r with quality q; class N_CHORDS is no chord."""
WIDEST_SHIFT = 6


class Harmony(nn.Module):
    """Logits of 60 chords and no chord per frame of 100 ms."""

    def __init__(self, width: int = 160, depth: int = 5) -> None:
        """Create a random network of so many channels and blocks, with dilations 1, 2, 4, 1, 2, ..."""
        super().__init__()
        self.front = LogFrequency()
        self.entry = nn.Linear(2 * N_BINS, width)
        self.blocks = nn.ModuleList(Mixer(width, 2 ** (k % 3)) for k in range(depth))
        self.norm = nn.LayerNorm(width)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(width, N_CHORDS + 1)

    def forward(self, samples: Tensor) -> Tensor:
        """Map mono samples (B, n) at 16 kHz to logits (B, T, 61) at 10 Hz; frame t covers t / 10 to (t + 1) / 10 s."""
        return self.logits(self.front(samples))

    def logits(self, maps: Tensor, semitones: Tensor | None = None) -> Tensor:
        """Map the front end's (B, 2, T, N_BINS) to logits (B, T // 5, 61).

        Args:
            maps: The front end's maps.
            semitones: How far to move each of them up, shape (B,), at most WIDEST_SHIFT; for training.
        """
        pooled = nn.functional.avg_pool2d(maps, (POOL, 1))
        # What stands out in frequency: each bin against the mean of an octave around it.
        around = nn.functional.avg_pool2d(
            pooled, (1, 12 * PER_SEMITONE + 1), stride=1, padding=(0, 18), count_include_pad=False
        )
        both = torch.cat([pooled[:, :1] - around[:, :1], pooled[:, :1] - 0.5], dim=1)
        if semitones is not None:
            both = torch.stack(
                [torch.roll(one, int(k) * PER_SEMITONE, -1) for one, k in zip(both, semitones, strict=True)]
            )
        x = self.entry(self.drop(both.permute(0, 2, 1, 3).flatten(2)))
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.out(self.drop(self.norm(x)))
        return out


def of(tensors: dict[str, Any]) -> Harmony:
    """Build the network from a weight file's tensors."""
    depth = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    made = Harmony(width=tensors["entry.weight"].shape[0], depth=depth)
    made.load_state_dict({name: torch.as_tensor(value, dtype=torch.float32) for name, value in tensors.items()})
    return made.eval()
