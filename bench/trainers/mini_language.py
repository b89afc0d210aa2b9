"""Trainer of the mini language model: continue music, repeat it, and turn some stems (never a control) into mixes."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.air.decoder import PATHS_BACK, Config, Decoder
from bench.air.loss import loss_of
from bench.air.sequence import prefix_of
from bench.air.weights import about_decoder
from bench.mask import blocks, scatter
from bench.mini.songs import prepared
from bench.mini.tokens import BOOKS, ENTRIES
from bench.runtime.executor import Executor
from bench.training.loop import Learner
from bench.training.tokens import Songs

PARTS, SHARES = ("bass", "other", "silence"), (0.5, 0.25, 0.25)
"""Contents of the prefix and how often each is drawn; never drums, chords or piano, which adapters learn to follow."""
_IDENTICAL = 0.15
_PARTLY = 0.5
_EMBEDDING, _HEAD, _PATH = 0.5, 0.1, 0.7


class MiniLanguage:
    """Trains the mini decoder to predict the next token in sequences of prefix and prediction."""

    def __init__(self, data: Path, sources: dict[str, Any], sizes: dict[str, Any], seed: int, device: str) -> None:
        """Take the folder of songs, the training data, the network's sizes and budget, seed and device."""
        self._data, self._sources, self._sizes, self._seed, self._device = data, sources, sizes, seed, device

    def prepare(self, executor: Executor) -> None:
        """Make the streams, encode them, build the network."""
        names = (self._sources["train"], self._sources["validation"])
        _, sets = prepared(self._data, Path(self._sources["tokens"]), names, executor)
        self._songs, self._unseen = (songs for _, songs in sets)
        torch.manual_seed(self._seed)
        network = Decoder(
            Config(
                self._sizes["width"],
                self._sizes["depth"],
                self._sizes["heads"],
                4 * self._sizes["width"],
                BOOKS,
                ENTRIES,
                is_mini=True,
            )
        )
        _initialise(network)
        self.learner = Learner(network.to(self._device), self._sizes["rate"], self._sizes["steps"], warm_up=200)

    def step(self, k: int) -> dict[str, float]:
        """Take step `k` on a batch that depends only on seed and `k`; the last steps have long excerpts."""
        is_long = k >= self._sizes["steps"] * (1 - self._sizes["long_share"])
        n_frames, size = (
            (self._sizes["long_frames"], self._sizes["long_batch"])
            if is_long
            else (self._sizes["frames"], self._sizes["batch"])
        )
        rng = np.random.default_rng([self._seed, k])
        return self.learner.learn(k, loss=self._loss(_batch(self._songs, rng, size, n_frames), rng))

    def _loss(self, batch: tuple[Tensor, Tensor], rng: np.random.Generator | None) -> Tensor:
        prefix, prediction = (part.to(self._device) for part in batch)
        return loss_of(self.learner.network, prefix, prediction, rng)

    def validate(self) -> dict[str, float]:
        """Return the loss on validation songs in nats per token, the same crops every time."""
        losses = []
        with torch.inference_mode():
            for k in range(4):
                batch = _batch(self._unseen, np.random.default_rng([10**6, k]), 8, self._sizes["frames"])
                losses.append(float(self._loss(batch, None)))
        return {"loss": float(np.mean(losses))}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return self.learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint's state."""
        self.learner.restore(state)

    def about(self) -> dict[str, str]:
        """Return the weight file's metadata."""
        return about_decoder(self.learner.network)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weight file's tensors, in half precision."""
        return {name: value.half() for name, value in self.learner.network.state_dict().items()}


def _initialise(network: Decoder) -> None:
    """Initialise the network so that a step slightly prefers the token at its place in the prefix."""
    for table, head in zip(network.embed_tokens, network.lm_heads, strict=True):
        nn.init.normal_(table.weight, std=_EMBEDDING)
        head.weight.data.copy_(_HEAD * table.weight.data[:-1])
    for layer in network.layers:
        for matrix in (layer.self_attn.out_proj, layer.fc2):
            matrix.weight.data.mul_(1 / (2 * len(network.layers)) ** 0.5)
    network.paths.data[PATHS_BACK] = _PATH * torch.eye(network.config.width)


def _batch(songs: Songs, rng: np.random.Generator, size: int, n: int) -> tuple[Tensor, Tensor]:
    """Draw prefixes and tokens to predict, (size, 4, n) each."""
    prefixes, predictions = [], []
    for _ in range(size):
        track, start = songs.place(rng, n)
        mix = torch.from_numpy(songs.crop(track, "mix", start, n))
        part = "mix" if rng.random() < _IDENTICAL else str(rng.choice(PARTS, p=SHARES))
        control = torch.from_numpy(songs.crop(track, part, start, n))
        masked = torch.from_numpy(_flags(rng, n))
        prefixes.append(prefix_of(mix[None], control[None], masked[None])[0])
        predictions.append(mix)
    return torch.stack(prefixes), torch.stack(predictions)


def _flags(rng: np.random.Generator, n: int) -> npt.NDArray[np.bool_]:
    """Draw which frames of the prefix hold the stem instead of the mix: all, or those of a mask."""
    if rng.random() >= _PARTLY:
        return np.ones(n, dtype=bool)
    seed = int(rng.integers(2**31))
    mask = scatter(n, seed) if rng.random() < 0.4 else blocks(n, seed, percent=float(rng.choice([40.0, 60.0, 80.0])))
    return mask.inside(50)


def build(
    folder: Path,
    data: Path,
    tokens: str = "",
    train: str = "synthetic-train-320",
    validation: str = "synthetic-validation-32",
    width: int = 192,
    depth: int = 6,
    heads: int = 4,
    rate: float = 2e-3,
    steps: int = 6000,
    frames: int = 250,
    batch: int = 8,
    long_frames: int = 750,
    long_batch: int = 2,
    long_share: float = 0.2,
    seed: int = 1,
    device: str = "cpu",
) -> MiniLanguage:
    """Return the trainer.

    Args:
        folder: Working folder of this training.
        data: Folder of songs and tokens, shared with other trainers.
        tokens: The codebooks' weight file.
        train: Manifest of training songs.
        validation: Manifest of validation songs.
        width: Channels.
        depth: Layers.
        heads: Attention heads.
        rate: Highest learning rate.
        steps: Steps in all.
        frames: Length of short excerpts in frames of 20 ms.
        batch: Short excerpts per step.
        long_frames: Length of long excerpts.
        long_batch: Long excerpts per step.
        long_share: Share of the steps, at the end, with long excerpts.
        seed: Seed of all random numbers.
        device: `cpu` or `cuda`.
    """
    sources = {"train": train, "validation": validation, "tokens": tokens}
    names = ["width", "depth", "heads", "rate", "steps", "frames", "batch", "long_frames", "long_batch", "long_share"]
    values = (width, depth, heads, rate, steps, frames, batch, long_frames, long_batch, long_share)
    return MiniLanguage(data, sources, dict(zip(names, values, strict=True)), seed, device)
