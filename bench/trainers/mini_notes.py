"""Trainer of the mini transcriber, on random mixtures of stems with known notes."""

from functools import cached_property
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor

from bench import plugins
from bench.manifest import Excerpt
from bench.mini.pitch import FRAME_RATE, LOWEST_PITCH, N_PITCHES, PER_SEMITONE
from bench.mini.transcriber import Transcriber, onsets
from bench.symbols import DRUM_PROGRAM, Notes
from bench.training.mixtures import SAMPLE_RATE, Remixed, accompanied, dataset_of

_WIDEST_SHIFT, _RARE = 5, 3.0
_BESIDE = 0.4
"""Target of the frames on either side of an onset."""
_THRESHOLDS = (0.2, 0.3, 0.4, 0.5)
_VALIDATION_S, _WITHIN_S = 15, 0.05


class MiniNotes(Remixed):
    """Trains on songs remixed with effects, with and without drums; spectra are moved by up to 5 semitones."""

    def network(self) -> Transcriber:
        """Return the network with random weights."""
        return Transcriber(self._sizes["width"], self._sizes["depth"])

    @cached_property
    def _notes(self) -> dict[str, Notes]:
        """Notes of everything but percussion, by track."""
        known = {}
        for songs, manifest in ((self._songs, self._sources["train"]), (self._unseen, self._sources["validation"])):
            dataset = plugins.load("datasets", dataset_of(manifest))
            for track in songs.tracks:
                notes = dataset.read(Excerpt(track, "", track, 0.0, songs.duration_s), "notes")
                known[track] = notes.where(notes.programs != DRUM_PROGRAM)
        return known

    def step(self, k: int) -> dict[str, float]:
        """Take step `k` on a batch that depends only on seed and `k`."""
        rng, n = np.random.default_rng([self._seed, k]), round(self._sizes["crop_s"] * SAMPLE_RATE)
        sounds, targets = [], []
        for _ in range(self._sizes["batch"]):
            track, start = str(rng.choice(self._songs.tracks)), int(rng.integers(self._songs.n_samples - n))
            sounds.append(_halved(accompanied(self._songs, track, start, n, rng)))
            start_s = start / SAMPLE_RATE
            notes = self._notes[track]
            is_near = (notes.intervals_s[:, 0] < start_s + n / SAMPLE_RATE) & (notes.intervals_s[:, 1] > start_s)
            targets.append(_targets(notes.where(is_near).shifted(-start_s), n / SAMPLE_RATE))
        shifts = rng.integers(-_WIDEST_SHIFT, _WIDEST_SHIFT + 1, self._sizes["batch"])
        network = self.learner.network
        maps = network.front(torch.from_numpy(np.stack(sounds)).to(self._device))
        wanted = torch.from_numpy(np.stack(targets)).to(self._device)
        maps = torch.stack([_moved(one, int(by) * PER_SEMITONE) for one, by in zip(maps, shifts, strict=True)])
        wanted = torch.stack([_moved(one, int(by)) for one, by in zip(wanted, shifts, strict=True)])
        logits = network.logits(maps).permute(0, 3, 1, 2)
        return self.learner.learn(k, loss=_loss(logits, wanted))

    def validate(self) -> dict[str, float]:
        """Return the best mean F over thresholds of onset and pitch (within 50 ms) in validation mixes, and where."""
        n = _VALIDATION_S * SAMPLE_RATE
        scores: dict[float, list[float]] = {threshold: [] for threshold in _THRESHOLDS}
        for track in self._unseen.tracks:
            mix = _halved(self._unseen.cut(track, "mix", 10 * SAMPLE_RATE, n))
            with torch.inference_mode():
                logits = self.learner.averaged(torch.from_numpy(mix)[None].to(self._device))[0, ..., 0]
            wanted = self._notes[track].cut(10.0, 10.0 + _VALIDATION_S).shifted(-10.0)
            for threshold, values in scores.items():
                times, keys, _ = onsets(torch.sigmoid(logits).cpu().numpy(), threshold)
                values.append(_f1(wanted, times, keys + LOWEST_PITCH))
        means = {threshold: float(np.mean(values)) for threshold, values in scores.items()}
        best = max(means, key=lambda threshold: means[threshold])
        return {"f1": means[best], "threshold": best}


def _halved(sound: Any) -> Any:
    """Return a sound at 32 kHz at 16 kHz, float32."""
    return resample_poly(sound, 1, 2).astype(np.float32)


def _targets(notes: Notes, duration_s: float) -> Any:
    """Return targets (2, T, 88): onsets, with neighbours, and sounding notes."""
    n_frames = round(duration_s * FRAME_RATE) + 1
    targets = np.zeros((2, n_frames, N_PITCHES), dtype=np.float32)
    for (start_s, end_s), pitch in zip(notes.intervals_s, notes.pitches, strict=True):
        key, first, last = int(pitch) - LOWEST_PITCH, round(start_s * FRAME_RATE), round(end_s * FRAME_RATE)
        if not 0 <= key < N_PITCHES:
            continue
        for frame, value in ((first - 1, _BESIDE), (first, 1.0), (first + 1, _BESIDE)):
            if 0 <= frame < n_frames:
                targets[0, frame, key] = max(targets[0, frame, key], value)
        targets[1, max(first, 0) : max(last, first + 1), key] = 1.0
    return targets


def _moved(planes: Tensor, by: int) -> Tensor:
    """Return planes moved up along the last dimension; what comes in is the lowest value."""
    moved = torch.full_like(planes, float(planes.min()))
    n = planes.shape[-1]
    moved[..., max(by, 0) : n + min(by, 0)] = planes[..., max(-by, 0) : n - max(by, 0)]
    return moved


def _loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the cross-entropies of onsets, with more weight on true ones, and of sounding notes, per frame."""
    weight = 1 + (_RARE - 1) * wanted[:, 0]
    onset = _cross_entropy(logits[:, 0], wanted[:, 0], weight)
    sounding = _cross_entropy(logits[:, 1], wanted[:, 1], torch.ones_like(weight))
    return onset + 0.3 * sounding


def _cross_entropy(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted binary cross-entropy, summed over pitches, mean over frames."""
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, weight, reduction="none")
    return loss.sum(-1).mean()


def _f1(wanted: Notes, times: Any, pitches: Any) -> float:
    if not len(wanted) or not len(times):
        return float(len(wanted) == len(times))
    hz = [440 * 2 ** ((np.asarray(one, dtype=np.float64) - 69) / 12) for one in (wanted.pitches, pitches)]
    found = np.stack([times, times + 0.1], axis=1)
    matched = mir_eval.transcription.precision_recall_f1_overlap(
        wanted.intervals_s, hz[0], found, hz[1], onset_tolerance=_WITHIN_S, offset_ratio=None
    )
    return float(matched[2])


def build(
    folder: Path,
    data: Path,
    train: str = "varied-train-256",
    validation: str = "varied-validation-24",
    width: int = 224,
    depth: int = 5,
    rate: float = 2e-3,
    steps: int = 5000,
    batch: int = 6,
    crop_s: float = 4.0,
    seed: int = 1,
    device: str = "cpu",
) -> MiniNotes:
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
    return MiniNotes(data, {"train": train, "validation": validation}, sizes, seed, device)
