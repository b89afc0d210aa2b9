"""Slakh2100: songs of the Lakh MIDI data set rendered with sampled instruments, as stems with their notes."""

import re
from collections import defaultdict
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import recording, stretch
from bench.datasets.slakh2100.track import beats_of, notes_of, problems_of, song_of, sound_file, sound_files, stems_of
from bench.errors import BenchError
from bench.manifest import Excerpt, Manifest
from bench.paths import home
from bench.protocols import Content, Dataset
from bench.recordings import md5
from bench.recordings.library import manifest_of, root_of, statistics, verify
from bench.recordings.selection import TrackLevels, powers
from bench.recordings.splits import Row, incomplete_splits, read_splits
from bench.recordings.stems import check_end, summed
from bench.runtime.executor import progress

NAME = "slakh2100"
SPLITS = ("test", "validation", "train")
ARCHIVE = "slakh2100_flac_redux"
"""The folder that the published archive unpacks to; it may be in $BENCH_DATA/slakh2100 or replace it."""
FOLDERS = ("train", "validation", "test", "omitted", ".")
_TRACK = re.compile(r"Track\d{5}")


class Slakh2100:
    """Tracks of Slakh2100 as FLAC or WAV, in the folders of the original or of the redux release, or in one folder.

    A track's split is that of Slakh2100-redux, by its number, whatever its folder: every song of the Lakh data set then
    occurs once.
    """

    name = NAME
    splits: tuple[str, ...] = SPLITS

    def __init__(self, root: Path) -> None:
        """Take the folder that holds the tracks."""
        self.root = root

    def select(self, manifest: str | None) -> Manifest:
        """Return a list of excerpts; see `bench.recordings.library.manifest_of`."""
        return manifest_of(self, manifest)

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return a part of the excerpt; see `bench.protocols.Dataset`.

        A stem is the sum of the files that metadata.yaml assigns to it, at their levels; silence if there are none.
        `notes` are those of all rendered stems, percussion included. `beats` follow the song's tempo and time
        signatures; None if its notes do not.

        Raises:
            BenchError: the track is missing or too short, or one of its files is missing or cannot be read.
        """
        folder, start = self._folder(excerpt.track), excerpt.start_s
        if what in ("mix", "drums", "bass", "other"):
            rate, length = recording(sound_file(folder))
            check_end(folder, length, start + excerpt.duration_s)
            parts = (stretch(path, start, excerpt.duration_s) for path in sound_files(folder, what))
            return summed(parts, excerpt.duration_s, rate)
        content = notes_of(folder) if what == "notes" else beats_of(folder) if what == "beats" else None
        return None if content is None else content.cut(start, start + excerpt.duration_s).shifted(-start)

    def verify(self) -> list[str]:
        """List files that are missing, unreadable or unlike committed or mirdata's hashes, and repeated songs."""
        return [
            *verify(self),
            *incomplete_splits(listed_tracks(), self._folders, SPLITS),
            *self._repeated(),
            *self._unlike_published(),
        ]

    def statistics(self) -> dict[str, Any]:
        """Return descriptive statistics; see `bench.recordings.library.statistics`."""
        return statistics(self)

    def tracks(self, split: str) -> list[str]:
        """Return the available tracks of a split, e.g. `Track01876`."""
        listed = listed_tracks()
        if unknown := sorted(set(self._folders) - set(listed)):
            raise BenchError(f"{self._folders[unknown[0]]}: no track of Slakh2100, which has 2100; remove it")
        return sorted(track for track in self._folders if listed[track]["split"] == split)

    def files(self, track: str) -> list[Path]:
        """Return all sound files, MIDI files and the metadata of a track."""
        folder = self._folder(track)
        inner = [path for kind in ("stems", "MIDI") for path in sorted((folder / kind).glob("S*.*"))]
        return [sound_file(folder), folder / "all_src.mid", folder / "metadata.yaml", *inner]

    def levels(self, track: str) -> TrackLevels:
        """Return the levels of mix, drums and everything else; without a drum stem the drums are silent.

        A track without known beats gets an empty list of beats, so that no excerpt of it is chosen: then all songs of a
        table are scored against the same kind of truth.
        """
        folder = self._folder(track)
        rate, seconds = recording(sound_file(folder))
        mix = stretch(sound_file(folder), 0, seconds)
        drums = summed((stretch(path, 0, seconds) for path in sound_files(folder, "drums")), mix.duration_s, rate)
        beats = beats_of(folder)
        return TrackLevels(
            mix.duration_s,
            powers(mix.samples, rate),
            powers(mix.samples - drums.samples, rate),
            powers(drums.samples, rate),
            np.zeros(0) if beats is None else beats.times_s,
        )

    def problems(self, track: str) -> list[str]:
        """List missing and unreadable files of a track; see `track.problems_of`."""
        return problems_of(self._folder(track))

    def about(self, track: str) -> str:
        """Return the rendered instruments, drums last, e.g. `bass, guitar, piano and drums`."""
        names = {stem.instrument for stem in stems_of(self._folder(track)) if stem.is_rendered}
        ordered = sorted(names, key=lambda name: (name == "drums", name))
        return " and ".join(filter(None, [", ".join(ordered[:-1]), *ordered[-1:]]))

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """Folder of every track."""
        folders: dict[str, Path] = {}
        for name in FOLDERS:
            for folder in sorted((self.root / name).glob("Track*")):
                if not folder.is_dir() or not _TRACK.fullmatch(folder.name):
                    continue
                if folder.name in folders:
                    raise BenchError(f"{folder}: the track lies in {folders[folder.name]} too; remove one of them")
                folders[folder.name] = folder
        return folders

    def _folder(self, track: str) -> Path:
        if track not in self._folders:
            raise BenchError(f"{self.root}: holds no {track}; get Slakh2100-redux whole")
        return self._folders[track]

    def _repeated(self) -> list[str]:
        """List songs of the Lakh data set that occur in the splits more than once."""
        songs = defaultdict(list)
        for split in SPLITS:
            for track in self.tracks(split):
                with suppress(BenchError):  # unreadable metadata are reported by `problems`
                    songs[song_of(self._folder(track))].append(f"{track} ({split})")
        return [f"{', '.join(tracks)}: one song, {song}.mid" for song, tracks in songs.items() if song and tracks[1:]]

    def _unlike_published(self) -> list[str]:
        """List files that differ from mirdata's md5 if it is installed; sounds converted to WAV are not compared."""
        files = {}
        for name, digest in (md5.index("slakh_index_2100-redux.json") or {}).items():
            _, _, track, *rest = Path(name).parts  # archive, split, track
            path = self._folders.get(track, self.root).joinpath(*rest)
            if track in self._folders and not path.with_suffix(".wav").is_file():
                files[path] = digest
        with progress("comparing with mirdata", len(files)) as step:
            return md5.differences(files, step)


def build(path: str = "") -> Dataset:
    """Return Slakh2100.

    Args:
        path: Its folder, `$BENCH_DATA/slakh2100` when empty.

    Raises:
        MissingComponent: the data set is not there.
    """
    root = root_of(NAME, path)
    return Slakh2100(root / ARCHIVE if (root / ARCHIVE).is_dir() else root)


@lru_cache(maxsize=1)
def listed_tracks() -> dict[str, Row]:
    """Return all 2100 tracks with their split; a track is `omitted` if another track has the same song."""
    return read_splits(home("data_manifests") / NAME / "splits.csv", (*SPLITS, "omitted"), 2100)
