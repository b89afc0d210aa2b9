"""MoisesDB: 240 songs in the single tracks they were recorded in, grouped in eleven kinds of stems."""

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
"""Of all artists, about; the others are for training."""
_PLAIN = re.compile(r"[\w][\w .-]*")
_GET_AGAIN = "get the song again, or leave it out of the manifest"


@dataclass(frozen=True)
class Song:
    """What data.json says of a song.

    Attributes:
        artist: Name, as it is written; may be empty.
        genre: In words; may be empty.
        files: The sounds of every kind of stem: `drums`, `bass`, `vocals`, `percussion`, ...
    """

    artist: str
    genre: str
    files: dict[str, tuple[Path, ...]]

    def sounds(self, what: str) -> list[Path]:
        """Return the files of `drums`, of `bass`, of everything `other`, or of the whole `mix`."""
        kinds = {"mix": set(self.files), "other": set(self.files) - {"drums", "bass"}}.get(what, {what})
        return [path for kind, paths in self.files.items() if kind in kinds for path in paths]


class Moisesdb:
    """Songs by their folder's name, a UUID. There is no mix in the files: it is the sum of all of them."""

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

        Stems are sums of files, each silent from its own end on, at the rate of the song's first file. `other` is
        everything but drums and bass: voices, too, and percussion that is no drum kit.

        Raises:
            BenchError: the song is not here or too short, or one of its files is missing or cannot be read.
        """
        if what not in ("mix", "drums", "bass", "other"):
            return None
        song, end_s = self._song(excerpt.track), excerpt.start_s + excerpt.duration_s
        rate, length = _extent(song)
        check_end(self._folders[excerpt.track], length, end_s)
        return _sum(song.sounds(what), excerpt.start_s, excerpt.duration_s, rate)

    def verify(self) -> list[str]:
        """List songs whose data.json will not do, else what is missing, unreadable, or other than it was committed."""
        found = [] if len(self._folders) == N_SONGS else [f"{self.root}: {len(self._folders)} songs, not {N_SONGS}"]
        return self._unexplained() or verify(self) + found

    def statistics(self) -> dict[str, Any]:
        """Return descriptive statistics; see `bench.recordings.library.statistics`."""
        return statistics(self)

    def tracks(self, split: str) -> list[str]:
        """Return the songs of a split; all songs of an artist are in one, and those of no known artist in train.

        Raises:
            BenchError: a song's data.json is missing or is not of its form.
        """
        seed = int(dataset_card(NAME).get("seed", 0))
        return sorted(track for track in self._folders if split_of(self._song(track).artist, seed) == split)

    def files(self, track: str) -> list[Path]:
        """Return all sounds of a song, and what says which they are."""
        return [self._folders[track] / "data.json", *self._song(track).sounds("mix")]

    def levels(self, track: str) -> TrackLevels:
        """Return the levels of mix, drums and all else; without a drum stem the drums are silent."""
        song = self._song(track)
        rate, seconds = _extent(song)
        drums = _sum(song.sounds("drums"), 0, seconds, rate)
        harmony = _sum([path for what in ("bass", "other") for path in song.sounds(what)], 0, seconds, rate)
        mix = summed([drums, harmony], seconds, rate)
        return TrackLevels(seconds, *(powers(part.samples, rate) for part in (mix, harmony, drums)))

    def problems(self, track: str) -> list[str]:
        """List sounds that are missing or cannot be read."""
        found = []
        for path in self._song(track).sounds("mix"):
            try:
                whole_recording(path)
            except BenchError as error:
                found.append(str(error))
        return found

    def about(self, track: str) -> str:
        """Return the song's genre in words."""
        return self._song(track).genre

    def _unexplained(self) -> list[str]:
        found = []
        for folder in self._folders.values():
            try:
                read_song(folder)
            except BenchError as error:
                found.append(str(error))
        return found

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
        path: Its folder, where it is not `$BENCH_DATA/moisesdb`; the songs lie in it or in its one subfolder, which the
            archive calls `moisesdb_v0.1`.

    Raises:
        MissingComponent: it is not there.
    """
    root = root_of(NAME, path)
    inner = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and any(folder.glob("*/data.json"))]
    return Moisesdb(inner[0] if len(inner) == 1 else root)


def split_of(artist: str, seed: int) -> str:
    """Return the split of all songs of an artist: drawn by a seed from the name, whatever else is here."""
    name = " ".join(artist.casefold().split())
    draw, bound = seed_of(NAME, seed, name) / 2**32, 0.0
    for split, share in SHARES.items():
        bound += share
        if name and draw < bound:
            return split
    return "train"


@lru_cache(maxsize=512)
def read_song(folder: Path) -> Song:
    """Read data.json.

    Raises:
        BenchError: it is missing, is not of its form, or names a file outside the song's folder.
    """
    path = folder / "data.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        files: dict[str, tuple[Path, ...]] = {}
        for stem in said["stems"]:
            names = [(stem["stemName"], f"{track['id']}.{track['extension']}") for track in stem["tracks"]]
            if bad := [name for pair in names for name in pair if not _PLAIN.fullmatch(name)]:
                raise BenchError(f"{path}: {bad[0]!r} is no file of a song; {_GET_AGAIN}")
            files[stem["stemName"]] = (*files.get(stem["stemName"], ()), *(folder / a / b for a, b in names))
        artist, genre = str(said.get("artist") or ""), str(said.get("genre") or "").replace("_", " ").lower()
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); {_GET_AGAIN}") from error
    except KeyError as error:
        raise BenchError(f"{path}: the key {error} is missing; {_GET_AGAIN}") from error
    except ValueError as error:
        raise BenchError(f"{path}: cannot be read as JSON ({error}); {_GET_AGAIN}") from error
    except (TypeError, AttributeError, RecursionError) as error:
        raise BenchError(f"{path}: not of its form; {_GET_AGAIN}") from error
    if not any(files.values()):
        raise BenchError(f"{path}: names no sounds; {_GET_AGAIN}")
    return Song(artist, genre, files)


def _extent(song: Song) -> tuple[int, float]:
    """Return the rate of a song's first file and the length of its longest."""
    headers = [recording(path) for path in song.sounds("mix")]
    return headers[0][0], max(length for _, length in headers)


def _sum(paths: list[Path], start_s: float, duration_s: float, sample_rate: int) -> Audio:
    return summed((stretch(path, start_s, duration_s) for path in paths), duration_s, sample_rate)
