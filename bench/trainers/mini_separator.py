"""Trainer of the mini separator, on random mixtures of stems."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.mini.separator import SAMPLE_RATE, Separator
from bench.runtime.executor import Executor
from bench.training import streams
from bench.training.loop import Learner

_NO_DRUMS, _OTHER_SONG = 0.06, 0.3
_GAIN_DB = 7.0


class MiniSeparator:
    """Trains on drums plus the rest at random gains; some mixtures have no drums, some come from two songs."""

    def __init__(self, data: Path, sources: dict[str, str], sizes: dict[str, Any], seed: int, device: str) -> None:
        """Take the folder of songs, the manifests, the network's sizes with the budget's options, seed and device."""
        self._data, self._sources, self._sizes, self._seed, self._device = data, sources, sizes, seed, device

    def prepare(self, executor: Executor) -> None:
        """Make the streams and build the network."""
        parts = ("mix", "drums")
        made = self._data / "streams"
        self._songs = streams.prepare("synthetic", self._sources["train"], made, parts=parts, executor=executor)
        self._unseen = streams.prepare("synthetic", self._sources["validation"], made, parts=parts, executor=executor)
        torch.manual_seed(self._seed)
        network = Separator(self._sizes["width"], self._sizes["depth"]).to(self._device)
        self.learner = Learner(network, self._sizes["rate"], self._sizes["steps"])

    def step(self, k: int) -> dict[str, float]:
        """Take step `k` on a batch that depends only on seed and `k`."""
        mix, drums = self._batch(np.random.default_rng([self._seed, k]))
        return self.learner.learn(k, loss=self._loss(mix, drums))

    def _loss(self, mix: Tensor, drums: Tensor) -> Tensor:
        network = self.learner.network
        spectrum, wanted = network.spectrum(mix), network.spectrum(drums)
        drum_bins = spectrum * network.shares(spectrum)
        level = spectrum.abs().pow(2).mean(dim=(1, 2), keepdim=True).sqrt() + 1e-6
        gap = (drum_bins - wanted).abs() / level
        # Square roots of magnitudes give soft hi-hats some weight against loud kicks.
        soft = (drum_bins.abs() / level + 1e-4).sqrt() - (wanted.abs() / level + 1e-4).sqrt()
        return gap.mean() + soft.abs().mean()

    def _batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        n = round(self._sizes["crop_s"] * SAMPLE_RATE)
        mixes, stems = [], []
        for _ in range(self._sizes["batch"]):
            track, start = self._place(rng, n)
            drums = self._songs.cut(track, "drums", start, n)
            other, at = self._place(rng, n) if rng.random() < _OTHER_SONG else (track, start)
            rest = self._songs.cut(other, "mix", at, n) - self._songs.cut(other, "drums", at, n)
            drums = drums * np.float32(0 if rng.random() < _NO_DRUMS else _gain(rng))
            mixes.append(drums + rest * np.float32(_gain(rng)))
            stems.append(drums)
        return tuple(torch.from_numpy(np.stack(one)).to(self._device) for one in (mixes, stems))  # type: ignore[return-value]

    def _place(self, rng: np.random.Generator, n: int) -> tuple[str, int]:
        return str(rng.choice(self._songs.tracks)), int(rng.integers(self._songs.n_samples - n))

    def validate(self) -> dict[str, float]:
        """Return the drums' SDR in dB on 15 s of validation songs: median of 10 log10(|s|^2 / |s - e|^2) over songs."""
        sdrs_db = []
        with torch.inference_mode():
            for track in self._unseen.tracks[:24]:
                mix, drums = (
                    torch.from_numpy(self._unseen.cut(track, part, 10 * SAMPLE_RATE, 15 * SAMPLE_RATE))[None]
                    for part in ("mix", "drums")
                )
                error = self.learner.network(mix.to(self._device)).cpu() - drums
                sdrs_db.append(10 * float(torch.log10(drums.pow(2).sum() / error.pow(2).sum().clamp(min=1e-9))))
        return {"sdr": float(np.median(sdrs_db))}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return self.learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint's state."""
        self.learner.restore(state)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weight file's tensors, in half precision."""
        return {name: value.half() for name, value in self.learner.network.state_dict().items()}


def _gain(rng: np.random.Generator) -> float:
    return float(10 ** (rng.uniform(-_GAIN_DB, _GAIN_DB) / 20))


def build(
    folder: Path,
    data: Path,
    train: str = "synthetic-train-320",
    validation: str = "synthetic-validation-32",
    width: int = 192,
    depth: int = 6,
    rate: float = 2e-3,
    steps: int = 3000,
    batch: int = 8,
    crop_s: float = 2.0,
    seed: int = 1,
    device: str = "cpu",
) -> MiniSeparator:
    """Return the trainer.

    Args:
        folder: Working folder of this training.
        data: Folder of songs and tokens, shared with other trainers.
        train: Manifest of training songs.
        validation: Manifest of validation songs.
        width: Channels.
        depth: Blocks.
        rate: Highest learning rate.
        steps: Steps in all.
        batch: Crops per step.
        crop_s: Seconds of a crop.
        seed: Seed of all random numbers.
        device: `cpu` or `cuda`.
    """
    sizes = {"width": width, "depth": depth, "rate": rate, "steps": steps, "batch": batch, "crop_s": crop_s}
    return MiniSeparator(data, {"train": train, "validation": validation}, sizes, seed, device)
