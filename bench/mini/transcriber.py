"""The mini transcriber: a network that finds the onsets of every pitch in a mix."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import maximum_filter1d
from torch import Tensor, nn

from bench.mini.pitch import FRAME_RATE, N_BINS, N_PITCHES, PER_SEMITONE, LogFrequency
from bench.mini.separator import Mixer

_PARTIALS = (-12, 0, 12, 19, 24, 28, 31, 36)
"""Semitones from a pitch to an octave below it and to its partials 1 to 6 and 8."""
_NEAR = 2
"""Bins on either side of a partial that are seen."""
_LOCAL, _GIVEN = 24, 8


class Transcriber(nn.Module):
    """Logits of onsets and of sounding notes per frame and pitch.

    A first layer treats every pitch alike: it sees the pitch's partials (harmonic stacking as in Bittner et al., ISMIR
    2017). Mixers see all pitches of a frame and neighbouring frames, and a last layer, again alike for every pitch,
    joins both.
    """

    def __init__(self, width: int = 224, depth: int = 5) -> None:
        """Create a random network of so many channels and blocks, with dilations 1, 2, 4, 1, 2, ..."""
        super().__init__()
        self.front = LogFrequency()
        self.local = nn.Linear(2 * len(_PARTIALS) * (2 * _NEAR + 1), _LOCAL)
        self.entry = nn.Linear(2 * N_BINS, width)
        self.from_local = nn.Linear(N_PITCHES * _LOCAL, width, bias=False)
        self.blocks = nn.ModuleList(Mixer(width, 2 ** (k % 3)) for k in range(depth))
        self.norm = nn.LayerNorm(width)
        self.given = nn.Linear(width, N_PITCHES * _GIVEN)
        self.joint = nn.Linear(_LOCAL + _GIVEN, 32)
        self.out = nn.Linear(32, 2)
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor([-4.0, -2.5]))

    def forward(self, samples: Tensor) -> Tensor:
        """Map mono samples (B, n) at 16 kHz to logits (B, T, 88, 2): onsets, then sounding notes."""
        return self.logits(self.front(samples))

    def logits(self, maps: Tensor) -> Tensor:
        """Map the front end's (B, 2, T, N_BINS) to logits (B, T, 88, 2)."""
        local = nn.functional.gelu(self.local(_stacked(maps)))
        x = self.entry(maps.permute(0, 2, 1, 3).flatten(2)) + self.from_local(local.flatten(2))
        for block in self.blocks:
            x = block(x)
        given = self.given(self.norm(x)).unflatten(-1, (N_PITCHES, _GIVEN))
        out: Tensor = self.out(nn.functional.gelu(self.joint(torch.cat([local, given], dim=-1))))
        return out


def _stacked(maps: Tensor) -> Tensor:
    """Return the bins about every partial of every pitch, (B, T, 88, features); 0 where the maps end."""
    first = PER_SEMITONE * (1 + _PARTIALS[0]) - _NEAR
    last = PER_SEMITONE * (N_PITCHES + _PARTIALS[-1]) + _NEAR
    padded = nn.functional.pad(maps, (max(-first, 0), max(last + 1 - N_BINS, 0)))
    seen = []
    for partial in _PARTIALS:
        at = PER_SEMITONE * (1 + partial) - _NEAR + max(-first, 0)
        windows = padded[..., at : at + PER_SEMITONE * (N_PITCHES - 1) + 2 * _NEAR + 1]
        seen.append(windows.unfold(-1, 2 * _NEAR + 1, PER_SEMITONE))
    return torch.stack(seen, dim=-1).permute(0, 2, 3, 1, 4, 5).flatten(3)


_PARTIALS_ABOVE = (12, 19, 24)


def onsets(
    probabilities: npt.NDArray[np.float32], threshold: float, share: float = 0.0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the peaks of onset probabilities (T, 88): times in s, keys from 0, and heights, sorted by time and key.

    A peak is at least `threshold` and the highest of its pitch within 2 frames; its time is refined by a parabola. What
    is lower than `share` of the highest value within 2 frames an octave, a twelfth or two octaves below is taken for a
    partial of that note.
    """
    tops = maximum_filter1d(probabilities, 5, axis=0)
    is_peak = (probabilities >= threshold) & (probabilities == tops)
    for semitones in _PARTIALS_ABOVE:
        is_peak[:, semitones:] &= probabilities[:, semitones:] >= share * tops[:, :-semitones]
    frames, keys = np.nonzero(is_peak)
    padded = np.pad(probabilities.astype(np.float64), ((1, 1), (0, 0)), mode="edge")
    before, at, after = (padded[frames + k, keys] for k in range(3))
    bend = before - 2 * at + after
    offsets = np.where(bend < 0, 0.5 * (before - after) / np.minimum(bend, -1e-12), 0.0)
    times = np.maximum(frames + np.clip(offsets, -0.5, 0.5), 0.0) / FRAME_RATE
    order = np.lexsort((keys, times))
    return times[order], keys[order], probabilities[frames, keys][order]


def of(tensors: dict[str, Any]) -> Transcriber:
    """Build the network from a weight file's tensors."""
    depth = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    made = Transcriber(width=tensors["entry.weight"].shape[0], depth=depth)
    made.load_state_dict({name: torch.as_tensor(value, dtype=torch.float32) for name, value in tensors.items()})
    return made.eval()
