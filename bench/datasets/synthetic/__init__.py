"""Composed songs with exact stems and truth, made from seeds: the built-in data set."""

import hashlib
import re
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.composing.composer import VERSION, Song, compose
from bench.composing.reading import excerpt_of, read
from bench.datasets.synthetic import stems as sound
from bench.errors import BenchError, UnknownName
from bench.manifest import Excerpt, Manifest, read_manifest
from bench.paths import home
from bench.protocols import Content, Renderer

SPLITS = ("train", "validation", "test")
LOCKED = ("synthetic-quick", "synthetic-test")
_LEVEL_TOLERANCE_DB = 0.5


class Synthetic:
    """Songs given by seeds; they are composed and rendered when they are read."""

    def __init__(self, salt: bytes = b"") -> None:
        """Take the content of a salt file; empty for the public songs."""
        self.salt = hashlib.sha256(salt).hexdigest() if salt else ""

    def select(self, manifest: str | None) -> Manifest:
        """Return `synthetic-quick` (the default), `synthetic-test`, `synthetic-train-N` or `synthetic-validation-N`."""
        name = manifest or LOCKED[0]
        if match := re.fullmatch(r"synthetic-(train|validation)-(\d+)", name):
            return self._private(self._listed(name, match[1], range(1, int(match[2]) + 1)))
        if name not in LOCKED:
            raise UnknownName(
                "manifest of synthetic", name, [*LOCKED, "synthetic-train-100", "synthetic-validation-12"]
            )
        locked = read_manifest(home("data_manifests") / "synthetic" / f"{name}.csv")
        if not self.salt:
            return locked
        return self._private(self._listed(name, "test", [int(e.track.rpartition("-")[2]) for e in locked.excerpts]))

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return a part of the excerpt; see `bench.protocols.Dataset`."""
        return read(self.song(excerpt.track), lambda name: self.stem(excerpt.track, name), excerpt, what)

    @lru_cache(maxsize=64)  # noqa: B019 - data sets live as long as the process
    def song(self, track: str) -> Song:
        """Compose a song by its name, e.g. `test-0001`; raises `UnknownName`."""
        split, _, number = track.partition("-")
        if split not in SPLITS or not number.isdigit():
            raise UnknownName("song of synthetic", track, [f"{s}-0001" for s in SPLITS])
        return compose(track, self._seed(track), split == "test")

    def stem(self, track: str, name: str) -> Audio:
        """Return the mix of the whole song, or its `drums`, `bass`, `piano`, `other` or `other-drums`."""
        if name == "mix":
            return Audio(self._mix(track), sound.SAMPLE_RATE)
        stems = self._stems(track)
        if name == "other-drums":
            other = sound.other_drums(self.song(track), _renderer(), stems.drums_gain)
            return Audio(other, sound.SAMPLE_RATE)
        return Audio(stems.sounds[name], sound.SAMPLE_RATE)

    def verify(self) -> list[str]:
        """Compose every locked song again; list differences from the locked hashes and levels."""
        folder = home("data_manifests") / "synthetic"
        problems = []
        for line in (folder / "scores.sha256").read_text(encoding="utf-8").splitlines():
            sha, track = line.split()
            if self.song(track).sha256 != sha:
                problems.append(f"{track}: the score's sha256 is {self.song(track).sha256[:12]}, locked is {sha[:12]}")
        for line in (folder / "fingerprints.csv").read_text(encoding="utf-8").splitlines()[1:]:
            track, *bands = line.split(",")
            gap = float(np.abs(self.fingerprint(track) - np.array(bands, dtype=float)).max())
            if gap > _LEVEL_TOLERANCE_DB:
                problems.append(f"{track}: a band's level differs by {gap:.2f} dB from the locked one")
        return problems

    def fingerprint(self, track: str) -> Any:
        """Return the mean level over the song in dB of 16 bands from 50 Hz to 15 kHz, at a constant ratio."""
        power = np.abs(np.fft.rfft(self._mix(track).reshape(-1)[: 60 * sound.SAMPLE_RATE])) ** 2
        edges = (np.geomspace(50, 15000, 17) * 60).astype(int)
        return np.round(10 * np.log10([power[a:b].mean() + 1e-9 for a, b in pairwise(edges)]), 1)

    def statistics(self) -> dict[str, Any]:
        """Return descriptive statistics of the test songs and the share of their bars that occur in training songs."""
        from bench.datasets.synthetic.description import describe

        return describe(self)

    def lock(self) -> None:
        """Write manifests, hashes, fingerprints and statistics."""
        from bench.datasets.synthetic.description import lock

        lock(self)

    def excerpt(self, track: str) -> Excerpt:
        """Return the excerpt of a song."""
        return excerpt_of(self.song(track), "synthetic", self._seed(track))

    def _listed(self, name: str, split: str, numbers: Any) -> Manifest:
        return Manifest(name, tuple(self.excerpt(f"{split}-{n:04d}") for n in numbers))

    def _private(self, manifest: Manifest) -> Manifest:
        if not self.salt:
            return manifest
        return Manifest(f"{manifest.name}-private-{self.salt[:8]}", manifest.excerpts, is_public=False)

    def _seed(self, track: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{VERSION} {self.salt} {track}".encode()).digest()[:8], "little")

    @lru_cache(maxsize=2)  # noqa: B019 - a few songs of sound, not all
    def _stems(self, track: str) -> sound.Stems:
        return sound.stems(self.song(track), _renderer(), self._seed(track))

    def _mix(self, track: str) -> sound.Sound:
        return self._stems(track).mix


@lru_cache(maxsize=1)
def _renderer() -> Renderer:
    """Return the renderer, built once, since it keeps waveforms that songs share."""
    renderer: Renderer = plugins.load("renderers", "soundfont")
    return renderer


def build(salt: str | None = None) -> Synthetic:
    """Return the data set.

    Args:
        salt: A file whose content makes a private set of other songs.

    Raises:
        BenchError: the salt cannot be read or is empty.
    """
    if salt is None:
        return Synthetic()
    try:
        content = Path(salt).read_bytes()
    except OSError as error:
        raise BenchError(f"--salt {salt}: cannot be read ({error.strerror})") from error
    if not content:
        raise BenchError(f"--salt {salt}: is empty; write a secret text into it")
    return Synthetic(content)
