"""Trainer of the mini chord recogniser, on random mixtures of stems with known chords."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import resample_poly

from bench import plugins
from bench.manifest import Excerpt
from bench.mini.harmony import N_CHORDS, QUALITIES, RATE_HZ, Harmony
from bench.music.viterbi import path
from bench.symbols import Chords
from bench.training.mixtures import SAMPLE_RATE, Remixed, accompanied, dataset_of, treated

_WIDEST_SHIFT, _SMOOTHING, _NO_REST = 6, 0.05, 0.04
_VALIDATION_S, _CHANGE_COST = 15, 4.0
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


class MiniChords(Remixed):
    """Trains on songs remixed with effects, with and without drums; spectra and chords are moved to all keys."""

    def network(self) -> Harmony:
        """Return the network with random weights."""
        return Harmony(self._sizes["width"], self._sizes["depth"])

    @cached_property
    def _chords(self) -> dict[str, Any]:
        """Class of every frame, by track."""
        known = {}
        for songs, manifest in ((self._songs, self._sources["train"]), (self._unseen, self._sources["validation"])):
            dataset = plugins.load("datasets", dataset_of(manifest))
            for track in songs.tracks:
                chords = dataset.read(Excerpt(track, "", track, 0.0, songs.duration_s), "chords")
                known[track] = _classes(chords, songs.duration_s)
        return known

    def step(self, k: int) -> dict[str, float]:
        """Take step `k` on a batch that depends only on seed and `k`."""
        rng, frame = np.random.default_rng([self._seed, k]), round(SAMPLE_RATE / RATE_HZ)
        n_frames = round(self._sizes["crop_s"] * RATE_HZ)
        sounds, targets = [], []
        for _ in range(self._sizes["batch"]):
            track = str(rng.choice(self._songs.tracks))
            first = int(rng.integers(self._songs.n_samples // frame - n_frames))
            sound, wanted = self._crop(track, first * frame, n_frames * frame, rng)
            sounds.append(resample_poly(sound, 1, 2).astype(np.float32))
            targets.append(np.full(n_frames, N_CHORDS) if wanted is None else wanted[first : first + n_frames])
        shifts = rng.integers(-_WIDEST_SHIFT, _WIDEST_SHIFT, self._sizes["batch"])
        network = self.learner.network.train()
        torch.manual_seed(self._seed * 1_000_003 + k)  # of the dropout, so that a resumed run equals a whole one
        maps = network.front(torch.from_numpy(np.stack(sounds)).to(self._device))
        logits = network.logits(maps, torch.from_numpy(shifts))[:, :n_frames]
        moved = np.stack([_transposed(one, int(by)) for one, by in zip(targets, shifts, strict=True)])
        wanted_ = torch.from_numpy(moved).to(self._device)
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted_, label_smoothing=_SMOOTHING)
        return self.learner.learn(k, loss=loss)

    def _crop(self, track: str, start: int, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """Return a mixture and the track's classes, or drums alone and None."""
        if rng.random() < _NO_REST:
            return treated(self._songs.cut(track, "drums", start, n), rng), None
        return accompanied(self._songs, track, start, n, rng), self._chords[track]

    def validate(self) -> dict[str, float]:
        """Return the share of frames of validation mixes with the right chord, and with its root and major or minor."""
        right, right_majmin, n = 0, 0, _VALIDATION_S * SAMPLE_RATE
        network = self.learner.averaged.eval()
        for track in self._unseen.tracks:
            mix = resample_poly(self._unseen.cut(track, "mix", 10 * SAMPLE_RATE, n), 1, 2).astype(np.float32)
            with torch.inference_mode():
                scores = torch.log_softmax(network(torch.from_numpy(mix)[None].to(self._device))[0], dim=-1)
            first = round(10 * RATE_HZ)
            wanted = self._chords[track][first : first + len(scores)]
            states = path(scores.double().cpu().numpy(), _CHANGE_COST)
            right += int((states == wanted).sum())
            right_majmin += int((_majmin(states) == _majmin(wanted)).sum())
        total = len(self._unseen.tracks) * round(_VALIDATION_S * RATE_HZ)
        return {"accuracy": right / total, "majmin": right_majmin / total}


def _classes(chords: Chords, duration_s: float) -> Any:
    """Return the class at the middle of every frame; no chord where there is no label."""
    times = (np.arange(round(duration_s * RATE_HZ)) + 0.5) / RATE_HZ
    classes = np.full(len(times), N_CHORDS, dtype=np.int64)
    for (start_s, end_s), label in zip(chords.intervals_s, chords.labels, strict=True):
        root, _, quality = label.partition(":")
        if quality in QUALITIES:
            tonic = (_PITCH_CLASSES[root[0]] + root.count("#") - root.count("b")) % 12
            classes[(times >= start_s) & (times < end_s)] = 12 * QUALITIES.index(quality) + tonic
    return classes


def _transposed(classes: Any, semitones: int) -> Any:
    return np.where(classes == N_CHORDS, N_CHORDS, classes // 12 * 12 + (classes % 12 + semitones) % 12)


def _majmin(classes: Any) -> Any:
    """Return 0-11 for major, 12-23 for minor, 24 for no chord."""
    is_minor = np.isin(classes // 12, [k for k, quality in enumerate(QUALITIES) if quality.startswith("min")])
    return np.where(classes == N_CHORDS, 24, classes % 12 + 12 * is_minor)


def build(
    folder: Path,
    data: Path,
    train: str = "varied-train-256",
    validation: str = "varied-validation-24",
    width: int = 160,
    depth: int = 5,
    rate: float = 2e-3,
    steps: int = 5000,
    batch: int = 8,
    crop_s: float = 8.0,
    seed: int = 1,
    device: str = "cpu",
) -> MiniChords:
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
    return MiniChords(data, {"train": train, "validation": validation}, sizes, seed, device)
