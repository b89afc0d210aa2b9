"""Paths of a piece's files: from the seven discs with AIST's annotations, or in the release of 2026."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

N_PIECES = 100
SUFFIXES = (".wav", ".flac", ".aiff", ".aif")
ANNOTATIONS = "01_annotations_preprocessed"
SOUNDS = "RWC-P"
"""The folder that the archive of the release of 2026 unpacks to."""


@dataclass(frozen=True)
class Discs:
    """Seven discs copied to one file per piece, and archives of annotations, in the layout of mirdata up to 1.0.

    Attributes:
        root: The folder that holds both.
        index: Name of mirdata's index.
        are_sounds_published: Whether every user's sound files are the same bytes; copies of a disc are not.
        slack_s: Largest difference between a sound's length and the metadata's, in seconds.
    """

    root: Path
    index: str = "rwc_popular_index_1.0.json"
    are_sounds_published: bool = False
    slack_s: float = 3.0

    @property
    def metadata(self) -> Path:
        """The table of all pieces."""
        return self.root / "metadata-master" / "rwc-p.csv"

    def sounds(self) -> Iterator[tuple[int | None, Path]]:
        """Yield every sound file with its piece, None if unknown, e.g. piece 17 with audio/rwc-p-m02/1.wav."""
        places = {place_of(piece): piece for piece in range(1, N_PIECES + 1)}
        for path in _sounds(self.root / "audio", "rwc-p-m*/*"):
            disc, number = re.fullmatch(r"rwc-p-m0(\d)", path.parent.name), re.fullmatch(r"0?(\d+)", path.stem)
            yield places.get((int(disc[1]), int(number[1]))) if disc and number else None, path

    def beats(self, piece: int) -> Path:
        """Return the file of a piece's beats."""
        return self.root / "annotations" / "AIST.RWC-MDB-P-2001.BEAT" / f"RM-P{piece:03d}.BEAT.TXT"

    def chords(self, piece: int) -> Path:
        """Return the file of a piece's chords."""
        disc, number = place_of(piece)
        folder = self.root / "annotations" / "AIST.RWC-MDB-P-2001.CHORD" / "RWC_Pop_Chords"
        return folder / f"N{piece:03d}-M{disc:02d}-T{number:02d}.lab"

    def published(self, path: Path) -> str:
        """Return a file's path in mirdata's index."""
        return path.relative_to(self.root).as_posix()


@dataclass(frozen=True)
class Release:
    """RWC-P.zip of doi.org/10.5281/zenodo.18656623 and the repository rwc-music/rwc-annotations beside it.

    Attributes:
        root: The folder that holds both.
        annotations: The folder of the repository.
        index: As in `Discs`, like the next two.
    """

    root: Path
    annotations: Path
    index: str = "rwc_popular_index_2.0.json"
    are_sounds_published: bool = True
    slack_s: float = 0.1

    @property
    def metadata(self) -> Path:
        """The table of all pieces of all of RWC."""
        return self.annotations / "metadata.csv"

    def sounds(self) -> Iterator[tuple[int | None, Path]]:
        """Yield every sound file with its piece, None if unknown, e.g. piece 17 with RWC-P/RWC_P017.wav."""
        for path in _sounds(self.root / SOUNDS, "*"):
            match = re.fullmatch(r"RWC_P(\d{3})", path.stem)
            yield int(match[1]) if match and 1 <= int(match[1]) <= N_PIECES else None, path

    def beats(self, piece: int) -> Path:
        """Return the file of a piece's beats."""
        return self._annotation("beats", piece)

    def chords(self, piece: int) -> Path:
        """Return the file of a piece's chords."""
        return self._annotation("chords", piece)

    def published(self, path: Path) -> str:
        """Return a file's path in mirdata's index, without the folder named after the annotations' commit."""
        inside = path.is_relative_to(self.annotations)
        return path.relative_to(self.annotations if inside else self.root).as_posix()

    def _annotation(self, kind: str, piece: int) -> Path:
        return self.annotations / ANNOTATIONS / kind / "RWC-P" / f"RWC_P{piece:03d}.csv"


Layout = Discs | Release


def layout_of(root: Path) -> Layout:
    """Return the layout of a folder.

    Raises:
        BenchError: the folder has neither layout, both, or two copies of the annotations.
    """
    is_disc, is_release = (root / "audio").is_dir(), (root / SOUNDS).is_dir()
    if is_disc and is_release:
        raise BenchError(f"{root}: holds both audio and RWC-P, sounds of two releases whose times differ; remove one")
    if not is_disc and not is_release:
        raise BenchError(f"{root}: holds neither RWC-P (from RWC-P.zip) nor audio (from the discs); get one of them")
    if is_disc:
        return Discs(root)
    copies = [folder for folder in sorted(root.glob("rwc-annotations*")) if (folder / ANNOTATIONS).is_dir()]
    if len(copies) > 1:
        raise BenchError(f"{root}: holds {copies[0].name} and {copies[1].name}; remove one of them")
    return Release(root, copies[0] if copies else root / "rwc-annotations-main")


def place_of(piece: int) -> tuple[int, int]:
    """Return a piece's disc and its number on it: 16 pieces on each of the first five discs, 10 on the other two."""
    first, size, disc = (1, 16, 1) if piece <= 80 else (81, 10, 6)
    return disc + (piece - first) // size, (piece - first) % size + 1


def _sounds(folder: Path, pattern: str) -> Iterator[Path]:
    for path in sorted(folder.glob(pattern)):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            yield path
