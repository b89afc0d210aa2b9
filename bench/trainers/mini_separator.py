"""Trainer of the mini separator, on random mixtures of stems."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.mini.separator import SAMPLE_RATE, Separator
from bench.training.mixtures import Mixture, Remixed, Sound, at_speed, mixed, rest_of, treated

_NO_DRUMS, _NO_REST, _OTHER_SONG, _SECOND_REST, _SECOND_DRUMS = 0.06, 0.04, 0.6, 0.2, 0.12
_VALIDATION_S = 15
_DB_WEIGHT = 0.02


class MiniSeparator(Remixed):
    """Trains on drums plus the rest, each with effects, at random speeds and levels; most rests are another song's."""

    def network(self) -> Separator:
        """Return the network with random weights."""
        return Separator(self._sizes["width"], self._sizes["depth"])

    def step(self, k: int) -> dict[str, float]:
        """Take step `k` on a batch that depends only on seed and `k`."""
        rng = np.random.default_rng([self._seed, k])
        crops = [self._mixture(rng) for _ in range(self._sizes["batch"])]
        mix, drums = (torch.from_numpy(np.stack([getattr(crop, part) for crop in crops])) for part in ("mix", "drums"))
        return self.learner.learn(k, loss=self._loss(mix.to(self._device), drums.to(self._device)))

    def _loss(self, mix: Tensor, drums: Tensor) -> Tensor:
        network = self.learner.network
        spectrum, wanted = network.spectrum(mix), network.spectrum(drums)
        drum_bins = spectrum * network.shares(spectrum)
        level = spectrum.abs().pow(2).mean(dim=(1, 2), keepdim=True).sqrt() + 1e-6
        gap = (drum_bins - wanted).abs() / level
        # Square roots of magnitudes give soft hi-hats some weight against loud kicks.
        soft = (drum_bins.abs() / level + 1e-4).sqrt() - (wanted.abs() / level + 1e-4).sqrt()
        # Decibels give quiet drums the weight that a mean of SDRs gives them.
        error = (drum_bins - wanted).abs().pow(2).mean(dim=(1, 2)) / level[:, 0, 0].pow(2)
        power = wanted.abs().pow(2).mean(dim=(1, 2)) / level[:, 0, 0].pow(2)
        decibels = 10 * torch.log10((error + 1e-3) / (power + 1e-3))
        return gap.mean() + soft.abs().mean() + _DB_WEIGHT * decibels.mean()

    def _mixture(self, rng: np.random.Generator) -> Mixture:
        n = round(self._sizes["crop_s"] * SAMPLE_RATE)
        place = self._place(rng, n)
        drums = self._drums(place, n, rng)
        if rng.random() < _SECOND_DRUMS:
            drums = drums + self._drums(self._place(rng, n), n, rng)
        rest = self._rest(self._place(rng, n) if rng.random() < _OTHER_SONG else place, n, rng)
        if rng.random() < _SECOND_REST:
            rest = rest + self._rest(self._place(rng, n), n, rng)
        missing = rng.random()
        if missing < _NO_DRUMS + _NO_REST:
            drums, rest = (np.zeros_like(drums), rest) if missing < _NO_DRUMS else (drums, np.zeros_like(rest))
        return mixed(drums, rest, rng)

    def _drums(self, place: tuple[str, int], n: int, rng: np.random.Generator) -> Sound:
        track, start = place
        return treated(at_speed(lambda m: self._songs.cut(track, "drums", start, m), n, rng), rng)

    def _rest(self, place: tuple[str, int], n: int, rng: np.random.Generator) -> Sound:
        return treated(at_speed(lambda m: rest_of(self._songs, *place, m, rng), n, rng), rng)

    def _place(self, rng: np.random.Generator, n: int) -> tuple[str, int]:
        """Return a song and a start after which there is enough for the fastest speed."""
        return str(rng.choice(self._songs.tracks)), int(rng.integers(self._songs.n_samples - n * 5 // 4 - 1))

    def validate(self) -> dict[str, float]:
        """Return mean SDRs in dB over 15 s of the validation songs: as they are, and half of them with effects and
        another song's rest.

        The SDR is 10 log10(|s|^2 / |s - e|^2) over the 15 s; the second is `sdr_mixed`.
        """
        n, rng = _VALIDATION_S * SAMPLE_RATE, np.random.default_rng([self._seed, 1])
        plain, anew = [], []
        tracks = self._unseen.tracks
        for k, track in enumerate(tracks):
            mix, drums = (self._unseen.cut(track, part, 10 * SAMPLE_RATE, n) for part in ("mix", "drums"))
            plain.append(self._sdr(Mixture(mix, drums)))
            if k % 2:
                continue
            rest = rest_of(self._unseen, tracks[(k + 7) % len(tracks)], 10 * SAMPLE_RATE, n, rng)
            anew.append(self._sdr(mixed(treated(drums, rng), treated(rest, rng), rng)))
        return {"sdr": float(np.mean(plain)), "sdr_mixed": float(np.mean(anew))}

    def _sdr(self, mixture: Mixture) -> float:
        with torch.inference_mode():
            drums = self.learner.averaged(torch.from_numpy(mixture.mix)[None].to(self._device))[0].cpu().numpy()
        error = float(np.sum(np.square(drums - mixture.drums, dtype=np.float64)))
        return 10 * float(np.log10(np.sum(np.square(mixture.drums, dtype=np.float64)) / max(error, 1e-9)))


def build(
    folder: Path,
    data: Path,
    train: str = "varied-train-256",
    validation: str = "varied-validation-24",
    width: int = 224,
    depth: int = 7,
    rate: float = 2e-3,
    steps: int = 8000,
    batch: int = 8,
    crop_s: float = 2.0,
    seed: int = 1,
    device: str = "cpu",
) -> MiniSeparator:
    """Return the trainer.

    Args:
        folder: Working folder of this training.
        data: Folder of songs and tokens, shared with other trainers.
        train: Manifest of training songs, of the data set `varied`.
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
