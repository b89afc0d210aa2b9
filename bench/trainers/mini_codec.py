"""Trainer of the mini codec's vocoder, from the tokens of given codebooks to sound."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.mask import FRAME_RATE
from bench.mini.songs import prepared
from bench.mini.tokens import BOOKS, HOP, SAMPLE_RATE
from bench.mini.vocoder import Vocoder
from bench.runtime.executor import Executor
from bench.training import streams
from bench.training.loop import Learner
from bench.training.tokens import Songs

_WINDOWS = (512, 1024, 2048, 4096)
_LONG_WINDOWS, _LONG_HZ = (8192, 16384), 2000.0
_FLOOR = 1e-3


class MiniCodec:
    """Trains the vocoder by a multi-resolution spectral loss on all parts of the training songs."""

    def __init__(self, data: Path, sources: dict[str, str], sizes: dict[str, Any], seed: int, device: str) -> None:
        """Take the folder of songs, the training data, the sizes with the budget's options, seed and device."""
        self._data, self._sources, self._sizes, self._seed, self._device = data, sources, sizes, seed, device

    def prepare(self, executor: Executor) -> None:
        """Make the streams, encode them, build the network."""
        names = (self._sources["train"], self._sources["validation"])
        self.tokeniser, sets = prepared(self._data, Path(self._sources["tokens"]), names, executor)
        (self._songs, self._codes), (self._unseen, self._unseen_codes) = sets
        torch.manual_seed(self._seed)
        sizes = tuple(book.shape[1] for book in self.tokeniser.centroids)
        self.network = Vocoder(sizes, self._sizes["width"], self._sizes["depth"]).to(self._device)
        for k, book in enumerate(self.tokeniser.centroids):
            getattr(self.network, f"book{k}").copy_(torch.from_numpy(book))
        self.learner = Learner(self.network, self._sizes["rate"], self._sizes["steps"])

    def step(self, k: int) -> dict[str, float]:
        """Take step `k` on a batch that depends only on seed and `k`."""
        codes, target = self._batch(self._songs, self._codes, self._seed * 1_000_003 + k)
        return self.learner.learn(k, loss=_loss(self.network(codes), target))

    def _batch(self, sounds: streams.Streams, songs: Songs, seed: int) -> tuple[Tensor, Tensor]:
        """Draw crops, half of them of the mix: tokens (batch, K, n) and sound (batch, 640 n)."""
        rng = np.random.default_rng(seed)
        n = round(self._sizes["crop_s"] * FRAME_RATE)
        codes, wanted = [], []
        for _ in range(self._sizes["batch"]):
            track, start = songs.place(rng, n)
            part = "mix" if rng.random() < 0.5 else str(rng.choice(streams.PARTS[1:]))
            codes.append(torch.from_numpy(songs.crop(track, part, start, n)))
            wanted.append(torch.from_numpy(sounds.cut(track, part, start * HOP, n * HOP)))
        return torch.stack(codes).to(self._device), torch.stack(wanted).to(self._device)

    def validate(self) -> dict[str, float]:
        """Return the loss on validation songs, the same crops every time."""
        self.network.eval()
        losses = []
        with torch.no_grad():
            for k in range(4):
                codes, target = self._batch(self._unseen, self._unseen_codes, 10**9 + k)
                losses.append(float(_loss(self.network(codes), target)))
        self.network.train()
        return {"loss": float(np.mean(losses))}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return self.learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint's state."""
        self.learner.restore(state)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weight file's tensors: codebooks in full precision, the network in half."""
        kept = {f"vocoder.{name}": value.half() for name, value in self.network.state_dict().items()}
        for k in range(BOOKS):
            kept.pop(f"vocoder.book{k}")
        return {**{name: torch.from_numpy(v) for name, v in self.tokeniser.tensors().items()}, **kept}


def _loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean spectral distance at six resolutions; the two longest count only below 2 kHz, for chords."""
    total = made.new_zeros(())
    for size in _WINDOWS:
        total = total + _distance(made, wanted, size, None)
    for size in _LONG_WINDOWS:
        total = total + _distance(made, wanted, size, int(_LONG_HZ * size / SAMPLE_RATE))
    return total / (len(_WINDOWS) + len(_LONG_WINDOWS))


def _distance(made: Tensor, wanted: Tensor, size: int, bins: int | None) -> Tensor:
    window = torch.hann_window(size, device=made.device)
    spectra = [
        torch.stft(x, size, size // 4, window=window, return_complex=True)[:, :bins].abs() / (size / 4)
        for x in (made, wanted)
    ]
    logs = [torch.log(spectrum + _FLOOR) for spectrum in spectra]
    linear = (spectra[0] - spectra[1]).abs().sum() / (spectra[1].sum() + 1.0)
    return (logs[0] - logs[1]).abs().mean() + 0.5 * linear


def build(
    folder: Path,
    data: Path,
    tokens: str = "",
    train: str = "synthetic-train-160",
    validation: str = "synthetic-validation-32",
    width: int = 256,
    depth: int = 6,
    rate: float = 1e-3,
    steps: int = 4000,
    batch: int = 6,
    crop_s: float = 2.0,
    seed: int = 1,
    device: str = "cpu",
) -> MiniCodec:
    """Return the trainer.

    Args:
        folder: Working folder of this training.
        data: Folder of songs and tokens, shared with other trainers.
        tokens: The codebooks' weight file.
        train: Manifest of training songs.
        validation: Manifest of validation songs.
        width: Channels of the vocoder.
        depth: Blocks of the vocoder.
        rate: Highest learning rate.
        steps: Steps in all.
        batch: Crops per step.
        crop_s: Seconds of a crop.
        seed: Seed of all random numbers.
        device: `cpu` or `cuda`.
    """
    sources = {"tokens": tokens, "train": train, "validation": validation}
    sizes = {"width": width, "depth": depth, "rate": rate, "steps": steps, "batch": batch, "crop_s": crop_s}
    return MiniCodec(data, sources, sizes, seed, device)
