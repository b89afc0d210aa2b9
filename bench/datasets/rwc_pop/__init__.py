"""RWC-MDB-P-2001: 100 pop songs made for research, with beats and chords annotated by people."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bench.audio import recording, stretch, whole_recording
from bench.datasets.rwc_pop.annotations import Metadata, read_beats, read_chords, read_metadata
from bench.datasets.rwc_pop.layout import SOUNDS, layout_of
from bench.errors import BenchError
from bench.manifest import Excerpt, Manifest
from bench.paths import home
from bench.protocols import Content, Dataset
from bench.recordings import md5
from bench.recordings.library import manifest_of, root_of, statistics, verify
from bench.recordings.selection import TrackLevels, powers
from bench.recordings.splits import Row, incomplete_splits, read_splits
from bench.recordings.stems import check_end
from bench.runtime.executor import progress

NAME = "rwc-pop"
SPLITS = ("test", "drumless")
_BEHIND_S = 0.5
"""Annotated beats may lie this far after the end of the sound; later ones belong to another recording."""


class RwcPop:
    """Pieces by AIST's names, `RM-P001` to `RM-P100`; only mixes are published, no stems."""

    name = NAME
    splits: tuple[str, ...] = SPLITS

    def __init__(self, root: Path) -> None:
        """Take the folder that holds sounds and annotations, in one of the layouts in `layout`."""
        self.root = root
        self._layout = layout_of(root)

    def select(self, manifest: str | None) -> Manifest:
        """Return a list of excerpts; see `bench.recordings.library.manifest_of`."""
        return manifest_of(self, manifest)

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return the excerpt's `mix`, `beats` or `chords`; see `bench.protocols.Dataset`.

        Raises:
            BenchError: the piece is missing or too short, or its file is missing or malformed.
        """
        sound, beats, chords = self.files(excerpt.track)
        start, end = excerpt.start_s, excerpt.start_s + excerpt.duration_s
        if what == "mix":
            check_end(sound, recording(sound)[1], end)
            return stretch(sound, start, excerpt.duration_s)
        if what == "beats":
            return read_beats(beats).cut(start, end).shifted(-start)
        return read_chords(chords).cut(start, end).shifted(-start) if what == "chords" else None

    def verify(self) -> list[str]:
        """List files that are missing, unreadable, of another piece, or unlike committed or mirdata's hashes."""
        return [*verify(self), *incomplete_splits(listed_pieces(), self._sounds, SPLITS), *self._unlike_published()]

    def statistics(self) -> dict[str, Any]:
        """Return descriptive statistics; see `bench.recordings.library.statistics`."""
        return statistics(self)

    def tracks(self, split: str) -> list[str]:
        """Return the available pieces of a split; raises `BenchError` for a sound file that belongs to no piece."""
        return sorted(track for track in self._sounds if listed_pieces()[track]["split"] == split)

    def files(self, track: str) -> list[Path]:
        """Return a piece's sound, beats and chords, in this order."""
        if track not in self._sounds:
            raise BenchError(f"{self.root}: holds no {track!r}; get RWC-MDB-P-2001 whole")
        piece = _piece(track)
        return [self._sounds[track], self._layout.beats(piece), self._layout.chords(piece)]

    def levels(self, track: str) -> TrackLevels:
        """Return the levels of the mix, and the beats; drums are unknown, so the mix stands for everything else."""
        sound, beats, _ = self.files(track)
        rate, seconds = recording(sound)
        mix = powers(stretch(sound, 0, seconds).samples, rate)
        return TrackLevels(seconds, mix, mix, beats_s=read_beats(beats).times_s)

    def problems(self, track: str) -> list[str]:
        """List files of a piece that cannot be read, or disagree with its sound or its published metadata."""
        sound, beats, chords = self.files(track)
        checks: list[tuple[Callable[..., object], tuple[object, ...]]] = [
            (self._check_sound, (track, sound, beats)),
            (self._check_drums, (track,)),
            (read_chords, (chords,)),
        ]
        problems = []
        for check, arguments in checks:
            try:
                check(*arguments)
            except BenchError as error:
                problems.append(str(error))
        return problems

    def about(self, track: str) -> str:
        """Return a piece's genre and kind of drums, e.g. `J-pop, live drums`."""
        return "{genre}, {drums}".format(**listed_pieces()[track])

    @cached_property
    def _sounds(self) -> dict[str, Path]:
        """Sound file of every piece."""
        files: dict[str, Path] = {}
        for piece, path in self._layout.sounds():
            if piece is None:
                raise BenchError(f"{path}: no piece of RWC-MDB-P-2001; remove it, or name it as its card says")
            track = f"RM-P{piece:03d}"
            if track in files:
                raise BenchError(f"{path}: {track} is {files[track].name} too; remove one of them")
            files[track] = path
        return files

    @cached_property
    def _metadata(self) -> dict[int, Metadata]:
        return read_metadata(self._layout.metadata)

    def _metadata_of(self, track: str) -> Metadata:
        if _piece(track) not in self._metadata:
            raise BenchError(f"{self._layout.metadata}: has no line for {track}; get it again")
        return self._metadata[_piece(track)]

    def _check_sound(self, track: str, sound: Path, beats: Path) -> None:
        """Raise `BenchError` if the sound's length differs from the metadata, or beats lie after its end."""
        length = whole_recording(sound)[1]
        last = float(read_beats(beats).times_s[-1])
        if last > length + _BEHIND_S:
            raise BenchError(f"{beats}: a beat at {last:.2f} s, {sound.name} is {length:.2f} s long; one is of another")
        stated = self._metadata_of(track).length_s
        if abs(length - stated) > self._layout.slack_s:
            raise BenchError(
                f"{sound}: {length:.2f} s long, {self._layout.metadata.name} says {stated:.2f} s of {track}; "
                "check whether it is another piece"
            )

    def _check_drums(self, track: str) -> None:
        stated, listed = self._metadata_of(track).drums, listed_pieces()[track]["drums"]
        if stated != listed:
            raise BenchError(f"{self._layout.metadata}: {stated!r} of {track}, published is {listed!r}; get it again")

    def _unlike_published(self) -> list[str]:
        """List files that differ from mirdata's md5 if it is installed; sounds read from discs are not compared."""
        published = {_inside(name): digest for name, digest in (md5.index(self._layout.index) or {}).items()}
        first = 0 if self._layout.are_sounds_published else 1
        here = [path for track in self._sounds for path in self.files(track)[first:] if path.is_file()]
        named = {path: self._layout.published(path) for path in here}
        files = {path: published[name] for path, name in named.items() if name in published}
        with progress("comparing with mirdata", len(files)) as step:
            return md5.differences(files, step)


def build(path: str = "") -> Dataset:
    """Return RWC-MDB-P-2001.

    Args:
        path: Its folder, `$BENCH_DATA/rwc-pop` when empty.

    Raises:
        MissingComponent: the data set is not there.
        BenchError: its folder has no published layout.
    """
    root = root_of(NAME, path)
    # The archive contains the sounds only; the annotations are in a folder beside theirs.
    are_sounds = root.name == SOUNDS and not (root / SOUNDS).is_dir()
    return RwcPop(root.parent if are_sounds else root)


@lru_cache(maxsize=1)
def listed_pieces() -> dict[str, Row]:
    """Return all 100 pieces with their split, genre and kind of drums."""
    return read_splits(home("data_manifests") / NAME / "splits.csv", SPLITS, 100)


def _piece(track: str) -> int:
    return int(track.removeprefix("RM-P"))


def _inside(name: str) -> str:
    """Return a path of mirdata's index without its first folder if that is named after the annotations' commit."""
    first, _, rest = name.partition("/")
    return rest if first.startswith("rwc-annotations") else name
