"""RWC-MDB-P-2001: 100 pop songs made for research, with the beats and chords that people heard in them."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bench.audio import recording, stretch, whole_recording
from bench.datasets.rwc_pop.annotations import Said, read_beats, read_chords, read_metadata
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
"""A beat so far behind the end of the sound belongs to another one."""


class RwcPop:
    """Pieces by the names that AIST gave them, `RM-P001` to `RM-P100`; only mixes are published, no stems."""

    name = NAME
    splits: tuple[str, ...] = SPLITS

    def __init__(self, root: Path) -> None:
        """Take the folder that holds sounds and annotations, in either of the layouts; see `layout`."""
        self.root = root
        self._layout = layout_of(root)

    def select(self, manifest: str | None) -> Manifest:
        """Return a list of excerpts; see `bench.recordings.library.manifest_of`."""
        return manifest_of(self, manifest)

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return the excerpt's `mix`, `beats` or `chords`; see `bench.protocols.Dataset`.

        Raises:
            BenchError: the piece is not here or too short, or its file is missing or not of its form.
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
        """List what is missing, unreadable, of another piece, or other than committed checksums and mirdata's."""
        return [*verify(self), *incomplete_splits(listed_pieces(), self._sounds, SPLITS), *self._other_than_published()]

    def statistics(self) -> dict[str, Any]:
        """Return descriptive statistics; see `bench.recordings.library.statistics`."""
        return statistics(self)

    def tracks(self, split: str) -> list[str]:
        """Return the pieces of a split whose sound is here; raises `BenchError` where a sound is of no piece."""
        return sorted(track for track in self._sounds if listed_pieces()[track]["split"] == split)

    def files(self, track: str) -> list[Path]:
        """Return a piece's sound, beats and chords, in this order."""
        if track not in self._sounds:
            raise BenchError(f"{self.root}: holds no {track!r}; get RWC-MDB-P-2001 whole")
        piece = _piece(track)
        return [self._sounds[track], self._layout.beats(piece), self._layout.chords(piece)]

    def levels(self, track: str) -> TrackLevels:
        """Return the levels of the mix and the beats; of the drums nothing is known, so the mix stands for the rest."""
        sound, beats, _ = self.files(track)
        rate, seconds = recording(sound)
        mix = powers(stretch(sound, 0, seconds).samples, rate)
        return TrackLevels(seconds, mix, mix, beats_s=read_beats(beats).times_s)

    def problems(self, track: str) -> list[str]:
        """List what cannot be read of a piece, or does not agree with its sound or with what is published of it."""
        sound, beats, chords = self.files(track)
        looks: list[tuple[Callable[..., object], tuple[object, ...]]] = [
            (self._check_sound, (track, sound, beats)),
            (self._check_drums, (track,)),
            (read_chords, (chords,)),
        ]
        found = []
        for look, at in looks:
            try:
                look(*at)
            except BenchError as error:
                found.append(str(error))
        return found

    def about(self, track: str) -> str:
        """Return a piece's genre and kind of drums, e.g. `J-pop, live drums`."""
        return "{genre}, {drums}".format(**listed_pieces()[track])

    @cached_property
    def _sounds(self) -> dict[str, Path]:
        """Every piece's sound."""
        found: dict[str, Path] = {}
        for piece, path in self._layout.sounds():
            if piece is None:
                raise BenchError(f"{path}: no piece of RWC-MDB-P-2001; remove it, or name it as its card says")
            track = f"RM-P{piece:03d}"
            if track in found:
                raise BenchError(f"{path}: {track} is {found[track].name} too; remove one of them")
            found[track] = path
        return found

    @cached_property
    def _metadata(self) -> dict[int, Said]:
        return read_metadata(self._layout.metadata)

    def _said(self, track: str) -> Said:
        if _piece(track) not in self._metadata:
            raise BenchError(f"{self._layout.metadata}: says nothing of {track}; get it again")
        return self._metadata[_piece(track)]

    def _check_sound(self, track: str, sound: Path, beats: Path) -> None:
        """Raise where the sound is not as long as the metadata say, or its beats go on behind its end."""
        length = whole_recording(sound)[1]
        last = float(read_beats(beats).times_s[-1])
        if last > length + _BEHIND_S:
            raise BenchError(f"{beats}: a beat at {last:.2f} s, {sound.name} is {length:.2f} s long; one is of another")
        said = self._said(track).length_s
        if abs(length - said) > self._layout.slack_s:
            raise BenchError(
                f"{sound}: {length:.2f} s long, {self._layout.metadata.name} says {said:.2f} s of {track}; "
                "see whether it is another piece"
            )

    def _check_drums(self, track: str) -> None:
        said, listed = self._said(track).drums, listed_pieces()[track]["drums"]
        if said != listed:
            raise BenchError(f"{self._layout.metadata}: {said!r} of {track}, published is {listed!r}; get it again")

    def _other_than_published(self) -> list[str]:
        """Compare with mirdata's md5, where that is installed; not sounds that everybody reads from discs anew."""
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
        path: Its folder, where it is not `$BENCH_DATA/rwc-pop`.

    Raises:
        MissingComponent: it is not there.
        BenchError: it is there in no published layout.
    """
    root = root_of(NAME, path)
    # The archive unpacks to the sounds alone; the annotations lie beside their folder.
    are_sounds = root.name == SOUNDS and not (root / SOUNDS).is_dir()
    return RwcPop(root.parent if are_sounds else root)


@lru_cache(maxsize=1)
def listed_pieces() -> dict[str, Row]:
    """Return all 100 pieces with their split, genre and kind of drums."""
    return read_splits(home("data_manifests") / NAME / "splits.csv", SPLITS, 100)


def _piece(track: str) -> int:
    return int(track.removeprefix("RM-P"))


def _inside(name: str) -> str:
    """Return a path of mirdata's without the folder that is named after the annotations' commit."""
    first, _, rest = name.partition("/")
    return rest if first.startswith("rwc-annotations") else name
