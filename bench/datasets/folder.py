"""Your own recordings: excerpts of the WAV, FLAC, OGG and MP3 files in a folder (`--audio DIR`)."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.audio import Unreadable, blocks, recording, stretch
from bench.errors import BenchError, UnknownName
from bench.manifest import Excerpt, Manifest
from bench.mask import seed_of
from bench.protocols import Content, Dataset
from bench.recordings.library import ids_of
from bench.recordings.selection import on_frames
from bench.recordings.stems import check_end
from bench.runtime.weights import sha256_of

NAME = "folder"
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
CHOICES = ("loudest", "seeded")
_GRID_S = 1.0
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class _Song:
    """A recording: its path below the folder, the sha256 of the file, its length, and the mean power of each second."""

    track: str
    sha256: str
    duration_s: float
    power: np.typing.NDArray[np.float64]


class Folder:
    """Recordings in a folder and its subfolders, in the order of their paths, without annotations or stems.

    Attributes:
        skipped: Reason why a recording gives no excerpt, by path; filled by `select`.
    """

    def __init__(self, root: Path, excerpts_per_song: int, choose: str, duration_s: float, seed: int) -> None:
        """Take options that `build` has checked."""
        self.skipped: dict[str, str] = {}
        self._root = root
        self._count = excerpts_per_song
        self._choose = choose
        self._duration_s = duration_s
        self._seed = seed
        self._manifest: Manifest | None = None

    def select(self, manifest: str | None = None) -> Manifest:
        """Return the folder's only manifest, named `folder-` and 8 hex digits of a hash of its contents and options.

        Recordings shorter than one excerpt are left out and named in `skipped`.

        Raises:
            BenchError: files cannot be read as audio (all are named), there are no recordings, or all are too short.
            UnknownName: `manifest` is not the name of this one.
        """
        if self._manifest is None:
            self._manifest = self._new_manifest()
        if manifest not in (None, NAME, self._manifest.name):
            raise UnknownName("manifest of this folder", str(manifest), [self._manifest.name])
        return self._manifest

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return the excerpt's sound for `mix`, with the recording's rate and channels; None for any other part.

        Only the excerpt is decoded.

        Raises:
            BenchError: the recording is missing, unreadable, outside the folder, or ends before the excerpt.
        """
        if what != "mix":
            return None
        path = self._root / excerpt.track
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise BenchError(
                f"{excerpt.id}: the track {excerpt.track!r} lies outside {self._root}; name a file inside it"
            )
        check_end(path, recording(path)[1], excerpt.start_s + excerpt.duration_s)
        return stretch(path, excerpt.start_s, excerpt.duration_s)

    def _new_manifest(self) -> Manifest:
        paths = sorted(_recordings(self._root), key=lambda path: path.relative_to(self._root).as_posix())
        if not paths:
            raise BenchError(f"{self._root}: holds no recordings; put {', '.join(SUFFIXES)} files into it")
        songs = self._measured(paths)
        ids = ids_of((str(Path(song.track).with_suffix("")) for song in songs), 48, "song")
        excerpts = []
        for song, first in zip(songs, ids, strict=True):
            starts = self._starts(song)
            if not starts:
                self.skipped[song.track] = f"{song.duration_s:.2f} s long, an excerpt takes {self._duration_s:g} s"
            for k, start in enumerate(starts, 1):
                name = first if k == 1 else f"{first}--{k}"
                excerpts.append(Excerpt(name, NAME, song.track, start, self._duration_s))
        if not excerpts:
            longest = max(song.duration_s for song in songs)
            raise BenchError(
                f"{self._root}: none of its {len(songs)} recordings lasts {self._duration_s:g} s (the longest "
                f"{longest:.1f} s); give longer ones or a task with shorter excerpts"
            )
        options = (self._count, self._choose, self._duration_s, self._seed)
        digest = hashlib.sha256(repr([(s.track, s.sha256) for s in songs] + [options]).encode()).hexdigest()
        return Manifest(f"{NAME}-{digest[:8]}", tuple(excerpts), is_public=False)

    def _measured(self, paths: list[Path]) -> list[_Song]:
        songs, broken = [], []
        for path in paths:
            track = path.relative_to(self._root).as_posix()
            if _UNWRITABLE.search(track):
                broken.append(f"{track!r} (its name does not fit one line of UTF-8 text)")
                continue
            try:
                songs.append(_measure(path, track))
            except Unreadable as error:
                broken.append(f"{track} ({error.reason})")
        if broken:
            raise BenchError(f"{self._root}: recordings cannot be read: {', '.join(broken)}; mend or remove them")
        return songs

    def _starts(self, song: _Song) -> list[float]:
        """Return the starts of a song's excerpts in the order of choice; fewer than asked for if they would overlap."""
        room = float(on_frames(song.duration_s - self._duration_s))
        if song.duration_s < self._duration_s:
            return []
        if self._choose == "seeded":
            order = list(np.random.default_rng(seed_of(song.track, self._seed)).random(64 * self._count) * room)
        else:
            order = _loudest_first(song.power, self._duration_s, room)
        starts: list[float] = []
        for start in order:
            start = min(float(on_frames(start)), room)
            if len(starts) < self._count and all(abs(start - other) >= self._duration_s for other in starts):
                starts.append(start)
        return starts


def build(
    path: str, excerpts_per_song: int = 1, choose: str = "loudest", duration_s: float = 15.0, seed: int = 0
) -> Dataset:
    """Return the recordings of a folder as a data set.

    Args:
        path: The folder; subfolders are searched, links that lead out of it are not followed.
        excerpts_per_song: Most excerpts of a recording; they do not overlap.
        choose: `loudest` takes the excerpts with the highest RMS on a grid of 1 s, the earlier one of equals; `seeded`
            draws them at random.
        duration_s: Length of an excerpt in seconds.
        seed: Seed of the draw.

    Raises:
        BenchError: the folder does not exist or is a file, or an option is out of range.
    """
    root = Path(path)
    if not root.exists():
        raise BenchError(f"{path}: no such folder; name a folder of recordings with --audio")
    if not root.is_dir():
        raise BenchError(f"{path}: is a file; give its folder with --audio")
    if choose not in CHOICES:
        raise UnknownName("choice of excerpts", choose, CHOICES)
    if excerpts_per_song < 1 or not duration_s > 0:
        raise BenchError(
            f"folder: {excerpts_per_song} excerpts per song of {duration_s:g} s; want at least 1, longer than 0 s"
        )
    return Folder(root, excerpts_per_song, choose, duration_s, seed)


def _recordings(root: Path) -> Iterator[Path]:
    """Yield the recordings in the folder, without hidden files and files that resolve to a path outside it."""
    resolved = root.resolve()
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        is_recording = path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in parts)
        if is_recording and path.is_file() and path.resolve().is_relative_to(resolved):
            yield path


def _measure(path: Path, track: str) -> _Song:
    """Read a recording once, block by block; return it with its hash, length and power per second.

    Raises:
        Unreadable: the file is not audio, is empty or truncated, or holds NaN.
    """
    power, frames = [], 0
    for block in blocks(path, _GRID_S):
        power.append(float(np.mean(np.square(block.samples, dtype=np.float64))))
        frames += block.n_samples
    # The length is counted, not read from the header: in some MP3s the two differ.
    return _Song(track, sha256_of(path), frames / block.sample_rate, np.array(power))


def _loudest_first(power: np.typing.NDArray[np.float64], duration_s: float, room: float) -> list[float]:
    """Return all starts on the grid of 1 s, loudest excerpt first, the earlier one if two are equally loud."""
    n = max(round(duration_s / _GRID_S), 1)
    starts = np.arange(int(room / _GRID_S) + 1)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    # Rounded, so that equally loud excerpts tie even if their running sums differ in the last bits.
    loudness = np.round(sums[np.minimum(starts + n, len(power))] - sums[starts], 9)
    return [float(start * _GRID_S) for start in np.argsort(-loudness, kind="stable")]
