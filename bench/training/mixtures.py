"""Mixtures: stems of the data set `varied` mixed anew, each with effects, at drawn levels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import resample_poly

from bench.music import effects
from bench.runtime.executor import Executor
from bench.training import streams
from bench.training.loop import Learner
from bench.training.streams import Streams

PARTS = ("mix", "drums", "bass", "other")
SAMPLE_RATE = 32000
Sound = npt.NDArray[np.float32]
_DRUMS_DB, _BESIDE_DB = (-12.0, 9.0), (-18.0, 3.0)
_UNACCOMPANIED = 0.3
_REMIXED, _STEM_DB = 0.5, 6.0
_TREATED = 0.7
_SPEEDS = (*[(1, 1)] * 8, (4, 5), (5, 6), (7, 8), (9, 10), (10, 9), (8, 7), (6, 5), (5, 4))
_HISS, _HISS_DB = 0.15, (-55.0, -30.0)
_LIMITED = 0.25
_AVERAGE = 0.998
_LEVEL_DB = (-34.0, -14.0)


LICENCE = (
    "MIT, as this repository; trained on composed songs in the sounds of the packages that `bench setup corpus` lists, "
    "each under its own free licence; none of these sounds is part of the file"
)
"""Of weight files that are trained on `varied`."""


@dataclass(frozen=True)
class Mixture:
    """A mixture and its parts, which sum to it; shape (n,) each.

    Attributes:
        mix: The mixture.
        drums: Its drums.
    """

    mix: Sound
    drums: Sound


def dataset_of(manifest: str) -> str:
    """Return the data set of a manifest of training songs, e.g. `varied` for `varied-train-256`."""
    return manifest.partition("-")[0]


def songs_of(manifest: str, data: Path, executor: Executor) -> Streams:
    """Return the stems of a manifest's songs; missing ones are made below `data`."""
    dataset = dataset_of(manifest)
    return streams.prepare(dataset, manifest, data / f"streams-{dataset}", parts=PARTS, executor=executor)


def rest_of(songs: Streams, track: str, start: int, n: int, rng: np.random.Generator) -> Sound:
    """Return all but the drums of a crop; half of the time the bass and the accompaniment at other levels."""
    mix, drums, bass, other = (songs.cut(track, part, start, n) for part in PARTS)
    piano = mix - drums - bass - other
    if rng.random() >= _REMIXED:
        return mix - drums
    gains = 10 ** (rng.uniform(-_STEM_DB, _STEM_DB, 3) / 20)
    return np.asarray(
        sum(part * np.float32(g) for part, g in zip((bass, other, piano), gains, strict=True)), np.float32
    )


def at_speed(sound_of: Callable[[int], Sound], n: int, rng: np.random.Generator) -> Sound:
    """Return n samples of a sound that is played slower or faster, by up to a quarter, half of the time.

    Args:
        sound_of: Returns so many samples of it.
        n: Number of samples.
        rng: Draws the speed.
    """
    up, down = _SPEEDS[int(rng.integers(len(_SPEEDS)))]
    if up == down:
        return sound_of(n)
    return np.asarray(resample_poly(sound_of(-(-n * down // up)), up, down)[:n], dtype=np.float32)


def treated(sound: Sound, rng: np.random.Generator) -> Sound:
    """Return the sound with drawn effects, or as it is."""
    chain = effects.draw(rng)
    return chain.apply(sound, SAMPLE_RATE) if rng.random() < _TREATED else sound


def accompanied(songs: Streams, track: str, start: int, n: int, rng: np.random.Generator) -> Sound:
    """Return a mixture of the rest of a crop with the drums of any song, mostly quieter, or of the rest alone."""
    rest = treated(rest_of(songs, track, start, n, rng), rng)
    drums = np.zeros_like(rest)
    if rng.random() >= _UNACCOMPANIED:
        other, at = str(rng.choice(songs.tracks)), int(rng.integers(songs.n_samples - n))
        drums = treated(songs.cut(other, "drums", at, n), rng)
    return mixed(drums, rest, rng, _BESIDE_DB).mix


def mixed(drums: Sound, rest: Sound, rng: np.random.Generator, drums_db: tuple[float, float] = _DRUMS_DB) -> Mixture:
    """Mix drums, at a drawn level in dB against the rest, now and then with hiss and a limiter, at a drawn level."""
    balance = 10 ** (float(rng.uniform(*drums_db)) / 20)
    own, other = _rms(drums), _rms(rest)
    if own > 0 and other > 0:
        drums = drums * np.float32(balance * other / own)
    if rng.random() < _HISS:
        level = 10 ** (float(rng.uniform(*_HISS_DB)) / 20) * max(_rms(rest), _rms(drums))
        rest = rest + np.float32(level) * rng.standard_normal(len(rest), dtype=np.float32)
    mix = drums + rest
    gain = np.float32(10 ** (float(rng.uniform(*_LEVEL_DB)) / 20) / max(_rms(mix), 1e-9))
    if rng.random() < _LIMITED:
        envelope = maximum_filter1d(np.abs(mix), 640)
        threshold = float(rng.uniform(0.3, 0.8)) * float(envelope.max())
        gain = gain * uniform_filter1d(np.minimum(1.0, threshold / np.maximum(envelope, 1e-9)), 1280).astype(np.float32)
    return Mixture(mix * gain, drums * gain)


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


class Remixed:
    """What trainers on remixed stems share: songs, network, checkpoint, and a weight file of the averaged network."""

    licence = LICENCE

    def __init__(self, data: Path, sources: dict[str, str], sizes: dict[str, Any], seed: int, device: str) -> None:
        """Take the folder of songs, the manifests, the network's sizes with the budget's options, seed and device."""
        self._data, self._sources, self._sizes, self._seed, self._device = data, sources, sizes, seed, device

    def network(self) -> Any:
        """Return the network with random weights; every trainer has its own."""
        raise NotImplementedError

    def prepare(self, executor: Executor) -> None:
        """Make the streams and build the network."""
        import torch

        self._songs, self._unseen = (
            songs_of(self._sources[split], self._data, executor) for split in ("train", "validation")
        )
        torch.manual_seed(self._seed)
        self.learner = Learner(
            self.network().to(self._device), self._sizes["rate"], self._sizes["steps"], average=_AVERAGE
        )

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return self.learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint's state."""
        self.learner.restore(state)

    def tensors(self) -> dict[str, Any]:
        """Return the weight file's tensors, averaged over the last steps, in half precision."""
        return {name: value.half() for name, value in self.learner.averaged.state_dict().items()}
