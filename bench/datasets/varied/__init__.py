"""Composed songs in varied sound: several SoundFonts, real drum one-shots and a synthetic voice, with exact stems."""

import hashlib
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import Audio, rms
from bench.composing.composer import Song
from bench.composing.reading import excerpt_of, read
from bench.composing.variation import VERSION, vary
from bench.datasets.varied import sources, stems
from bench.errors import UnknownName
from bench.manifest import Excerpt, Manifest, read_manifest
from bench.paths import home, write_text
from bench.protocols import Content

SPLITS = ("train", "validation", "test")
LOCKED = "varied-test"
N_TEST = 48


class Varied:
    """Songs given by seeds; the sources of sound of test songs play in no other split."""

    def select(self, manifest: str | None) -> Manifest:
        """Return `varied-test` (the default), `varied-train-N` or `varied-validation-N`."""
        name = manifest or LOCKED
        if match := re.fullmatch(r"varied-(train|validation)-(\d+)", name):
            tracks = [f"{match[1]}-{n:04d}" for n in range(1, int(match[2]) + 1)]
            return Manifest(name, tuple(self.excerpt(track) for track in tracks))
        if name != LOCKED:
            raise UnknownName("manifest of varied", name, [LOCKED, "varied-train-100", "varied-validation-12"])
        return read_manifest(home("data_manifests") / "varied" / f"{name}.csv")

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return a part of the excerpt; see `bench.protocols.Dataset`."""
        return read(self.song(excerpt.track), lambda stem: self.stem(excerpt.track, stem), excerpt, what)

    @lru_cache(maxsize=64)  # noqa: B019 - data sets live as long as the process
    def song(self, track: str) -> Song:
        """Compose a song by its name, e.g. `test-0001`; its drums are those that its kit can play.

        Raises:
            UnknownName: the name is not of this form.
        """
        split, seed = _split_of(track), _seed(track)
        song = vary(track, seed, split == "test")
        band = stems.band_of(split, seed)
        drums = stems.playable(song.parts["drums"], band, seed)
        other = stems.playable(song.other_drums, band, seed)
        return replace(song, parts={**song.parts, "drums": drums}, other_drums=other)

    def stem(self, track: str, name: str) -> Audio:
        """Return the mix of the whole song, or its `drums`, `bass`, `piano`, `other` or `other-drums`."""
        sounds = self._stems(track)
        if name == "mix":
            return Audio(np.sum([sounds[stem] for stem in stems.STEMS], axis=0), stems.SAMPLE_RATE)
        if name == "other-drums":
            level = rms(sounds["drums"])
            return Audio(stems.other_drums(self.song(track), _split_of(track), _seed(track), level), stems.SAMPLE_RATE)
        return Audio(sounds[name], stems.SAMPLE_RATE)

    def excerpt(self, track: str) -> Excerpt:
        """Return the excerpt of a song."""
        return excerpt_of(self.song(track), "varied", _seed(track))

    def verify(self) -> list[str]:
        """Compose every test song again and read its sources; list differences from the locked hashes."""
        folder = home("data_manifests") / "varied"
        scores = {line.split()[1]: line.split()[0] for line in _lines(folder / "scores.sha256")}
        problems = [
            f"{track}: the score's sha256 is {self.song(track).sha256[:12]}, locked is {sha[:12]}"
            for track, sha in scores.items()
            if self.song(track).sha256 != sha
        ]
        locked = dict(line.split(maxsplit=1)[::-1] for line in _lines(folder / "sources.sha256"))
        for name, sha in sources.hashes("test").items():
            if sha != locked.get(name):
                problems.append(
                    f"{sources.FOLDER / name}: sha256 is {sha[:12]}, locked is {locked.get(name, 'none')[:12]}"
                )
        return problems

    def lock(self) -> None:
        """Write the manifest, the hashes of the scores and those of the sources under data_manifests/varied."""
        folder, tracks = home("data_manifests") / "varied", [f"test-{k:04d}" for k in range(1, N_TEST + 1)]
        write_text(folder / f"{LOCKED}.csv", Manifest(LOCKED, tuple(map(self.excerpt, tracks))).text)
        write_text(folder / "scores.sha256", "".join(f"{self.song(track).sha256}  {track}\n" for track in tracks))
        hashes = {name: sha for split in SPLITS for name, sha in sources.hashes(split).items()}
        write_text(folder / "sources.sha256", "".join(f"{sha}  {name}\n" for name, sha in sorted(hashes.items())))

    @lru_cache(maxsize=2)  # noqa: B019 - a few songs of sound, not all
    def _stems(self, track: str) -> dict[str, Any]:
        return stems.stems(self.song(track), _split_of(track), _seed(track))


def build() -> Varied:
    """Return the data set; raises `MissingComponent` unless its SoundFonts and drum kits are installed."""
    sources.require(SPLITS)
    return Varied()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _split_of(track: str) -> str:
    split, _, number = track.partition("-")
    if split not in SPLITS or not number.isdigit():
        raise UnknownName("song of varied", track, [f"{split}-0001" for split in SPLITS])
    return split


def _seed(track: str) -> int:
    return int.from_bytes(hashlib.sha256(f"varied {VERSION} {track}".encode()).digest()[:8], "little")
