"""MUSDB18-HQ: 150 produced songs with voice, as uncompressed stems: drums, bass, vocals, other."""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bench.audio import recording, stretch, whole_recording
from bench.errors import BenchError
from bench.manifest import Excerpt, Manifest
from bench.paths import home
from bench.protocols import Content, Dataset
from bench.recordings.library import manifest_of, root_of, statistics, verify
from bench.recordings.selection import TrackLevels, powers
from bench.recordings.splits import Row, incomplete_splits, read_splits
from bench.recordings.stems import check_end, summed

NAME = "musdb18hq"
SPLITS = ("test", "validation", "train")
FOLDER_OF = {"test": "test", "validation": "train", "train": "train"}
FILES_OF = {"mix": ("mixture",), "drums": ("drums",), "bass": ("bass",), "other": ("other", "vocals")}
"""The voice is part of `other`, so that drums, bass and other add up to the mix, as in every data set."""
FILES = ("mixture", "drums", "bass", "other", "vocals")
_SLACK_S = 0.1


class Musdb18hq:
    """Songs named by their folder, e.g. `test/Zeno - Signs`; stereo at 44.1 kHz."""

    name = NAME
    splits: tuple[str, ...] = SPLITS

    def __init__(self, root: Path) -> None:
        """Take the folder that holds `train` and `test`."""
        self.root = root

    def select(self, manifest: str | None) -> Manifest:
        """Return a list of excerpts; see `bench.recordings.library.manifest_of`."""
        return manifest_of(self, manifest)

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return a part of the excerpt; see `bench.protocols.Dataset`. `other` is the stem of that name plus the voice.

        Raises:
            BenchError: the song is missing or too short, or one of its files is missing or cannot be read.
        """
        if what not in FILES_OF:
            return None
        paths, end_s = self._paths(excerpt.track), excerpt.start_s + excerpt.duration_s
        rate, length = recording(paths["mixture"])
        check_end(paths["mixture"], length, end_s)
        parts = (stretch(paths[name], excerpt.start_s, excerpt.duration_s) for name in FILES_OF[what])
        return summed(parts, excerpt.duration_s, rate)

    def verify(self) -> list[str]:
        """List songs and files that are missing, unreadable or different from their committed checksums."""
        names = [path.name for path in self._folders]
        return verify(self) + incomplete_splits(listed_songs(), names, SPLITS)

    def statistics(self) -> dict[str, Any]:
        """Return descriptive statistics; see `bench.recordings.library.statistics`."""
        return statistics(self)

    def tracks(self, split: str) -> list[str]:
        """Return the available songs of a split by their folder; raises `BenchError` if one is in the wrong folder."""
        for folder in self._folders:
            row = listed_songs().get(folder.name)
            if row is None:
                raise BenchError(f"{folder}: no song of MUSDB18-HQ; remove it, or name it as in data_manifests/{NAME}")
            if FOLDER_OF[row["split"]] != folder.parent.name:
                raise BenchError(f"{folder}: a song of {FOLDER_OF[row['split']]} in MUSDB18-HQ; move it there")
        chosen = [folder for folder in self._folders if listed_songs()[folder.name]["split"] == split]
        return sorted(folder.relative_to(self.root).as_posix() for folder in chosen)

    def files(self, track: str) -> list[Path]:
        """Return the five sound files of a song."""
        return list(self._paths(track).values())

    def levels(self, track: str) -> TrackLevels:
        """Return the levels of the mix, of the drums, and of everything else."""
        paths = self._paths(track)
        rate, seconds = recording(paths["mixture"])
        mix, drums = (stretch(paths[name], 0, seconds) for name in ("mixture", "drums"))
        harmony = summed((stretch(paths[name], 0, seconds) for name in ("bass", "other", "vocals")), seconds, rate)
        return TrackLevels(mix.duration_s, *(powers(part.samples, rate) for part in (mix, harmony, drums)))

    def problems(self, track: str) -> list[str]:
        """List sound files that are missing, unreadable, or of another rate or length than the mixture."""
        problems, headers = [], {}
        for name, path in self._paths(track).items():
            try:
                headers[name] = whole_recording(path)
            except BenchError as error:
                problems.append(str(error))
        rate, length = headers.get("mixture", next(iter(headers.values()), (0, 0.0)))
        for name, (own_rate, own_length) in headers.items():
            if own_rate != rate or abs(own_length - length) > _SLACK_S:
                problems.append(
                    f"{self.root / track / name}.wav: {own_length:.2f} s at {own_rate} Hz, mixture.wav {length:.2f} s "
                    f"at {rate} Hz; get it again"
                )
        return problems

    def about(self, track: str) -> str:
        """Return the song's genre, e.g. `pop/rock`."""
        return listed_songs()[Path(track).name]["genre"]

    @cached_property
    def _folders(self) -> list[Path]:
        """Folders of all songs."""
        folders = [path for name in ("train", "test") for path in sorted((self.root / name).glob("*")) if path.is_dir()]
        if not folders and any(self.root.glob("*/*.stem.mp4")):
            raise BenchError(f"{self.root}: holds MUSDB18 in .stem.mp4 files; get MUSDB18-HQ, which is uncompressed")
        return folders

    def _paths(self, track: str) -> dict[str, Path]:
        """Return the five sound files of a song by name."""
        folder = self.root / track
        if folder not in self._folders:
            raise BenchError(f"{self.root}: holds no {track!r}; get MUSDB18-HQ whole")
        return {name: folder / f"{name}.wav" for name in FILES}


def build(path: str = "") -> Dataset:
    """Return MUSDB18-HQ.

    Args:
        path: Its folder, `$BENCH_DATA/musdb18hq` when empty.

    Raises:
        MissingComponent: the data set is not there.
    """
    return Musdb18hq(root_of(NAME, path))


@lru_cache(maxsize=1)
def listed_songs() -> dict[str, Row]:
    """Return all 150 songs with their split and genre."""
    return read_splits(home("data_manifests") / NAME / "splits.csv", SPLITS, 150)
