"""Examples for adapters: a prefix with its control, the tokens to predict, and which frames are masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.air.sequence import prefix_of
from bench.mask import blocks, draw, scatter
from bench.mini.tokens import HOP
from bench.training import streams
from bench.training.tokens import Codes, Songs

_EVERYTHING, _ONE_HOLE = 0.3, 0.25
Example = tuple[Tensor, Tensor, npt.NDArray[np.bool_]]
"""A prefix (K, n), the tokens to predict (K, n) and the mask (n,)."""


@dataclass(frozen=True)
class Examples:
    """Draws examples from songs.

    Attributes:
        songs: The songs as tokens.
        sounds: The same songs as sound.
        tokeniser: Encodes sums of controls.
        controls: The controls that are given.
        shares: `silent`, `several`, `masks` and `ratio`, as the trainer's options of these names say.
    """

    songs: Songs
    sounds: streams.Streams
    tokeniser: Any
    controls: Sequence[str]
    shares: Mapping[str, Any]

    def draw(self, rng: np.random.Generator, n: int) -> Example:
        """Draw an example of `n` frames."""
        track, start = self.songs.place(rng, n)
        mix = torch.from_numpy(self.songs.crop(track, "mix", start, n))
        control = torch.from_numpy(self.control(rng, track, start, n))
        masked = self.masked(rng, n)
        return prefix_of(mix[None], control[None], torch.from_numpy(masked)[None])[0], mix, masked

    def control(self, rng: np.random.Generator, track: str, start: int, n: int) -> Codes:
        """Draw which controls are given, and return the tokens (K, n) of their sum."""
        kinds = list(self.controls)
        if not kinds or rng.random() < self.shares["silent"]:
            return self.songs.crop(track, "silence", start, n)
        if len(kinds) > 1:
            several = rng.random() < self.shares["several"]
            n_kinds = int(rng.integers(2, len(kinds) + 1)) if several else 1
            kinds = [kinds[k] for k in sorted(rng.permutation(len(kinds))[:n_kinds])]
        if len(kinds) == 1:
            return self.songs.crop(track, kinds[0], start, n)
        total = sum(self.sounds.cut(track, kind, start * HOP, n * HOP) for kind in kinds)
        codes: Codes = self.tokeniser.encode(np.asarray(total, dtype=np.float32))
        return codes

    def masked(self, rng: np.random.Generator, n: int) -> npt.NDArray[np.bool_]:
        """Draw which frames are masked: all, one or two long holes, or scattered ones as in the paper."""
        kind, seed = float(rng.random()), int(rng.integers(2**31))
        if self.shares["masks"] == "scatter":
            ratio = self.shares["ratio"]
            return (scatter(n, seed, ratio=ratio) if ratio > 0 else scatter(n, seed)).inside(50)
        if kind < _EVERYTHING:
            return np.ones(n, dtype=bool)
        if kind < _EVERYTHING + _ONE_HOLE:
            name = str(rng.choice(["centre", "two-gaps", "long", "blocks"]))
            return (blocks(n, seed, percent=60.0) if name == "blocks" else draw(name, n, seed)).inside(50)
        return scatter(n, seed).inside(50)


def validation_batch(
    songs: Songs, controls: Sequence[str], rng: np.random.Generator, n: int
) -> tuple[list[Example], list[Example]]:
    """Draw eight examples with their own controls, and the same examples with one another's.

    Half of them have everything masked, half the middle.
    """
    kinds = list(controls) or ["silence"]
    mixes, given, flags = [], [], []
    for k in range(8):
        track, start = songs.place(rng, n)
        mixes.append(torch.from_numpy(songs.crop(track, "mix", start, n)))
        given.append(torch.from_numpy(songs.crop(track, kinds[k % len(kinds)], start, n)))
        flags.append(np.ones(n, dtype=bool) if k < 4 else draw("centre", n, 0).inside(50))
    shift = len(kinds) if len(kinds) < 8 else 1
    right, wrong = (
        [
            (prefix_of(mix[None], control[None], torch.from_numpy(flag)[None])[0], mix, flag)
            for mix, control, flag in zip(mixes, heard, flags, strict=True)
        ]
        for heard in (given, given[shift:] + given[:shift])
    )
    return right, wrong
