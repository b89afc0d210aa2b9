"""Any folder of songs (WAV, FLAC, OGG, MP3), a stretch of each: how to try one's own music (`--audio DIR`)."""

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
    """A recording: its path below the folder, the sha256 of the file, and the level of every second of it."""

    track: str
    sha256: str
    duration_s: float
    power: np.typing.NDArray[np.float64]


class Folder:
    """Recordings of a folder and its subfolders, in the order of their paths; nothing but their sound is known.

    Attributes:
        skipped: Why a recording gives no excerpt, by path; filled by `select`.
    """

    def __init__(self, root: Path, excerpts_per_song: int, choose: str, duration_s: float, seed: int) -> None:
        """Take checked options; see `build`."""
        self.skipped: dict[str, str] = {}
        self._root = root
        self._count = excerpts_per_song
        self._choose = choose
        self._duration_s = duration_s
        self._seed = seed
        self._manifest: Manifest | None = None

    def select(self, manifest: str | None = None) -> Manifest:
        """Return the folder's one manifest, `folder-` and 8 hex digits of its contents' and options' hash.

        Recordings shorter than one excerpt are left out and named in `skipped`.

        Raises:
            BenchError: files that are no audio (all of them named), no recordings at all, or none long enough.
            UnknownName: a manifest is asked for that is not this one.
        """
        if self._manifest is None:
            self._manifest = self._made()
        if manifest not in (None, NAME, self._manifest.name):
            raise UnknownName("manifest of this folder", str(manifest), [self._manifest.name])
        return self._manifest

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return the excerpt's sound for `mix`, at the recording's own rate and channels; None for all else.

        Only the stretch itself is decoded.

        Raises:
            BenchError: the recording is gone, unreadable, lies outside the folder, or ends before the excerpt does.
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

    def _made(self) -> Manifest:
        paths = sorted(_recordings(self._root), key=lambda path: path.relative_to(self._root).as_posix())
        if not paths:
            raise BenchError(f"{self._root}: holds no recordings; put {', '.join(SUFFIXES)} files into it")
        songs = self._listened(paths)
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

    def _listened(self, paths: list[Path]) -> list[_Song]:
        songs, broken = [], []
        for path in paths:
            track = path.relative_to(self._root).as_posix()
            if _UNWRITABLE.search(track):
                broken.append(f"{track!r} (its name does not fit one line of UTF-8 text)")
                continue
            try:
                songs.append(_listen(path, track))
            except Unreadable as error:
                broken.append(f"{track} ({error.reason})")
        if broken:
            raise BenchError(f"{self._root}: recordings cannot be read: {', '.join(broken)}; mend or remove them")
        return songs

    def _starts(self, song: _Song) -> list[float]:
        """Return where the song's excerpts begin, in the order they were chosen; fewer where they would overlap."""
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
    """Return the songs of a folder as a dataset.

    Args:
        path: The folder; subfolders are searched too, links that lead out of it are not followed.
        excerpts_per_song: At most this many non-overlapping excerpts of every recording.
        choose: `loudest` takes the stretches of the highest RMS on a grid of 1 s, the earliest of equals; `seeded`
            draws them.
        duration_s: Length of an excerpt in seconds.
        seed: Of the draw.

    Raises:
        BenchError: no such folder, a file in its place, or an option out of range.
    """
    root = Path(path)
    if not root.exists():
        raise BenchError(f"{path}: no such folder; give a folder of recordings with --audio")
    if not root.is_dir():
        raise BenchError(f"{path}: is a file; give the folder it lies in with --audio")
    if choose not in CHOICES:
        raise UnknownName("choice of excerpts", choose, CHOICES)
    if excerpts_per_song < 1 or not duration_s > 0:
        raise BenchError(
            f"folder: {excerpts_per_song} excerpts per song of {duration_s:g} s; want at least 1, longer than 0 s"
        )
    return Folder(root, excerpts_per_song, choose, duration_s, seed)


def _recordings(root: Path) -> Iterator[Path]:
    """Walk the folder; hidden files and whatever resolves to a place outside of it are left out."""
    home = root.resolve()
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        is_recording = path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in parts)
        if is_recording and path.is_file() and path.resolve().is_relative_to(home):
            yield path


def _listen(path: Path, track: str) -> _Song:
    """Read a recording once, block by block, for its hash and the power of every second.

    Raises:
        Unreadable: it is no sound, holds nothing or NaN, or breaks off.
    """
    power, frames = [], 0
    for block in blocks(path, _GRID_S):
        power.append(float(np.mean(np.square(block.samples, dtype=np.float64))))
        frames += block.n_samples
    # The decoded length, not the header's: the two differ in some MP3s.
    return _Song(track, sha256_of(path), frames / block.sample_rate, np.array(power))


def _loudest_first(power: np.typing.NDArray[np.float64], duration_s: float, room: float) -> list[float]:
    """Return every start on the grid, loudest stretch first, the earliest of equals."""
    n = max(round(duration_s / _GRID_S), 1)
    starts = np.arange(int(room / _GRID_S) + 1)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    # Rounded, so that two equal stretches tie although their running sums differ in the last bits.
    loudness = np.round(sums[np.minimum(starts + n, len(power))] - sums[starts], 9)
    return [float(start * _GRID_S) for start in np.argsort(-loudness, kind="stable")]
