"""MoisesDB: 240 songs as single tracks, grouped in eleven kinds of stems."""

import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bench.audio import Audio, recording, stretch, whole_recording
from bench.errors import BenchError
from bench.manifest import Excerpt, Manifest
from bench.mask import seed_of
from bench.protocols import Content, Dataset
from bench.recordings.library import dataset_card, manifest_of, root_of, statistics, verify
from bench.recordings.selection import TrackLevels, powers
from bench.recordings.stems import check_end, summed

NAME = "moisesdb"
SPLITS = ("test", "validation", "train")
N_SONGS = 240
SHARES = {"test": 0.2, "validation": 0.1}
"""Approximate shares of all artists; the others are in the train split."""
_PLAIN = re.compile(r"[\w][\w .-]*")
_GET_AGAIN = "get the song again, or leave it out of the manifest"


@dataclass(frozen=True)
class Song:
    """The contents of a song's data.json.

    Attributes:
        artist: Name, as written; may be empty.
        genre: In words; may be empty.
        files: Sound files by kind of stem: `drums`, `bass`, `vocals`, `percussion`, ...
    """

    artist: str
    genre: str
    files: dict[str, tuple[Path, ...]]

    def sounds(self, what: str) -> list[Path]:
        """Return the files of a part: `drums`, `bass`, `other` (all remaining kinds) or `mix` (all)."""
        kinds = {"mix": set(self.files), "other": set(self.files) - {"drums", "bass"}}.get(what, {what})
        return [path for kind, paths in self.files.items() if kind in kinds for path in paths]


class Moisesdb:
    """Songs named by their folder, a UUID. No mix is published; the mix is the sum of a song's files."""

    name = NAME
    splits: tuple[str, ...] = SPLITS

    def __init__(self, root: Path) -> None:
        """Take the folder that holds the songs."""
        self.root = root

    def select(self, manifest: str | None) -> Manifest:
        """Return a list of excerpts; see `bench.recordings.library.manifest_of`."""
        return manifest_of(self, manifest)

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return a part of the excerpt; see `bench.protocols.Dataset`.

        Stems are sums of files, padded with silence to the same length, at the rate of the song's first file. `other`
        is everything but drums and bass, including voices and percussion that is not a drum kit.

        Raises:
            BenchError: the song is missing or too short, or one of its files is missing or cannot be read.
        """
        if what not in ("mix", "drums", "bass", "other"):
            return None
        song, end_s = self._song(excerpt.track), excerpt.start_s + excerpt.duration_s
        rate, length = _extent(song)
        check_end(self._folders[excerpt.track], length, end_s)
        return _sum(song.sounds(what), excerpt.start_s, excerpt.duration_s, rate)

    def verify(self) -> list[str]:
        """List malformed data.json files; if there are none, files that are missing, unreadable or changed."""
        n_songs = len(self._folders)
        incomplete = [] if n_songs == N_SONGS else [f"{self.root}: {n_songs} songs, not {N_SONGS}"]
        return self._malformed() or verify(self) + incomplete

    def statistics(self) -> dict[str, Any]:
        """Return descriptive statistics; see `bench.recordings.library.statistics`."""
        return statistics(self)

    def tracks(self, split: str) -> list[str]:
        """Return the songs of a split; all songs of an artist are in the same split, those without artist in train.

        Raises:
            BenchError: a song's data.json is missing or malformed.
        """
        seed = int(dataset_card(NAME).get("seed", 0))
        return sorted(track for track in self._folders if split_of(self._song(track).artist, seed) == split)

    def files(self, track: str) -> list[Path]:
        """Return a song's data.json and all its sound files."""
        return [self._folders[track] / "data.json", *self._song(track).sounds("mix")]

    def levels(self, track: str) -> TrackLevels:
        """Return the levels of mix, drums and everything else; without a drum stem the drums are silent."""
        song = self._song(track)
        rate, seconds = _extent(song)
        drums = _sum(song.sounds("drums"), 0, seconds, rate)
        harmony = _sum([path for what in ("bass", "other") for path in song.sounds(what)], 0, seconds, rate)
        mix = summed([drums, harmony], seconds, rate)
        return TrackLevels(seconds, *(powers(part.samples, rate) for part in (mix, harmony, drums)))

    def problems(self, track: str) -> list[str]:
        """List sound files that are missing or cannot be read."""
        problems = []
        for path in self._song(track).sounds("mix"):
            try:
                whole_recording(path)
            except BenchError as error:
                problems.append(str(error))
        return problems

    def about(self, track: str) -> str:
        """Return the song's genre in words."""
        return self._song(track).genre

    def _malformed(self) -> list[str]:
        problems = []
        for folder in self._folders.values():
            try:
                read_song(folder)
            except BenchError as error:
                problems.append(str(error))
        return problems

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """Every song's folder."""
        return {path.name: path for path in sorted(self.root.iterdir()) if path.is_dir() and path.name[0] != "."}

    def _song(self, track: str) -> Song:
        if track not in self._folders:
            raise BenchError(f"{self.root}: holds no {track!r}; get MoisesDB whole")
        return read_song(self._folders[track])


def build(path: str = "") -> Dataset:
    """Return MoisesDB.

    Args:
        path: Its folder, `$BENCH_DATA/moisesdb` when empty; the songs are in it or in its only subfolder, which the
            archive calls `moisesdb_v0.1`.

    Raises:
        MissingComponent: the data set is not there.
    """
    root = root_of(NAME, path)
    inner = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and any(folder.glob("*/data.json"))]
    return Moisesdb(inner[0] if len(inner) == 1 else root)


def split_of(artist: str, seed: int) -> str:
    """Return the split of an artist's songs: drawn from seed and name, independent of which songs are available."""
    name = " ".join(artist.casefold().split())
    draw, bound = seed_of(NAME, seed, name) / 2**32, 0.0
    for split, share in SHARES.items():
        bound += share
        if name and draw < bound:
            return split
    return "train"


@lru_cache(maxsize=512)
def read_song(folder: Path) -> Song:
    """Read a song's data.json.

    Raises:
        BenchError: the file is missing or malformed, or names a file outside the song's folder.
    """
    path = folder / "data.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files: dict[str, tuple[Path, ...]] = {}
        for stem in content["stems"]:
            names = [(stem["stemName"], f"{track['id']}.{track['extension']}") for track in stem["tracks"]]
            if bad := [name for pair in names for name in pair if not _PLAIN.fullmatch(name)]:
                raise BenchError(f"{path}: {bad[0]!r} is no file of a song; {_GET_AGAIN}")
            files[stem["stemName"]] = (*files.get(stem["stemName"], ()), *(folder / a / b for a, b in names))
        artist, genre = str(content.get("artist") or ""), str(content.get("genre") or "").replace("_", " ").lower()
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); {_GET_AGAIN}") from error
    except KeyError as error:
        raise BenchError(f"{path}: the key {error} is missing; {_GET_AGAIN}") from error
    except ValueError as error:
        raise BenchError(f"{path}: cannot be read as JSON ({error}); {_GET_AGAIN}") from error
    except (TypeError, AttributeError, RecursionError) as error:
        raise BenchError(f"{path}: does not have the form of MoisesDB's data.json; {_GET_AGAIN}") from error
    if not any(files.values()):
        raise BenchError(f"{path}: names no sounds; {_GET_AGAIN}")
    return Song(artist, genre, files)


def _extent(song: Song) -> tuple[int, float]:
    """Return the sample rate of a song's first file and the length of its longest file in seconds."""
    headers = [recording(path) for path in song.sounds("mix")]
    return headers[0][0], max(length for _, length in headers)


def _sum(paths: list[Path], start_s: float, duration_s: float, sample_rate: int) -> Audio:
    return summed((stretch(path, start_s, duration_s) for path in paths), duration_s, sample_rate)
