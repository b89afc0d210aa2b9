"""Manifests: locked lists of excerpts, and their CSV form."""

import csv
import hashlib
import io
import math
import re
from collections import Counter
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from bench.errors import BenchError


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a track.

    Attributes:
        id: Name of the excerpt in files and rows, `[a-z0-9][a-z0-9.-]*`: the song's name, followed by `--2` and so on
            for further excerpts of the song.
        dataset: Name of the dataset plug that reads it.
        track: Name of the track in the dataset.
        start_s: Start of the excerpt in seconds from the track's start.
        duration_s: Its length in seconds; a task may ask for another.
        prompt: Text for models that take a prompt; may be empty.
    """

    id: str
    dataset: str
    track: str
    start_s: float
    duration_s: float
    prompt: str = ""


@dataclass(frozen=True)
class Manifest:
    """A named list of excerpts, whose sha256 is part of every row scored on it.

    Attributes:
        name: Public name, e.g. `synthetic-quick`.
        excerpts: The excerpts in order.
        is_public: Whether anyone can reproduce the references from published seeds or files.
    """

    name: str
    excerpts: tuple[Excerpt, ...]
    is_public: bool = True

    @property
    def text(self) -> str:
        """The CSV form, the same bytes on every machine."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(astuple(excerpt) for excerpt in self.excerpts)
        return out.getvalue()

    @property
    def sha256(self) -> str:
        """Hash of the CSV form."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def lasting(self, duration_s: float) -> "Manifest":
        """Return the same excerpts, from the same starts, `duration_s` long."""
        return replace(self, excerpts=tuple(replace(e, duration_s=float(duration_s)) for e in self.excerpts))

    def limited(self, n: int | None) -> "Manifest":
        """Return the first `n` excerpts, named `<name>-first<n>`; itself if there are no more than `n`.

        Raises:
            BenchError: `n` is under 1.
        """
        if n is None or n >= len(self.excerpts):
            return self
        if n < 1:
            raise BenchError(f"--limit {n}: want at least 1 excerpt")
        return replace(self, name=f"{self.name}-first{n}", excerpts=self.excerpts[:n])


def song_of(excerpt_id: str) -> str:
    """Return the name of an excerpt's song: its id up to `--`."""
    return excerpt_id.partition("--")[0]


def limit_of(manifest: str) -> tuple[str, int | None]:
    """Split `synthetic-quick-first4` into the manifest's name and its limit; None without one."""
    match = re.fullmatch(r"(.*)-first(\d{1,9})", manifest)
    return (match[1], int(match[2])) if match else (manifest, None)


_COLUMNS = tuple(column.name for column in fields(Excerpt))
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest CSV; its file name is its name.

    Raises:
        BenchError: missing file, wrong columns, an id that is not allowed in paths, a wrong number, a negative time, or
            two excerpts with one id.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read as a manifest ({error})") from error
    if not rows or tuple(rows[0]) != _COLUMNS:
        raise BenchError(
            f"{path}:1: want the columns {','.join(_COLUMNS)}, found {','.join(rows[0]) if rows else 'none'}"
        )
    excerpts = []
    for number, row in enumerate(rows[1:], 2):
        try:
            name, dataset, track, start, duration, prompt = row
            excerpts.append(_checked(Excerpt(name, dataset, track, float(start), float(duration), prompt)))
        except ValueError as error:
            raise BenchError(f"{path}:{number}: {error} in {','.join(row)!r}") from error
    counts = Counter(excerpt.id for excerpt in excerpts)
    if twice := [name for name, n in counts.items() if n > 1]:
        raise BenchError(f"{path}: two excerpts have the same id {twice[0]!r}; rename one")
    return Manifest(path.stem, tuple(excerpts))


def _checked(excerpt: Excerpt) -> Excerpt:
    """Refuse an id that could lead out of a folder, and impossible times."""
    if not _ID.fullmatch(excerpt.id):
        raise ValueError(f"the id {excerpt.id!r} is not 1 to 128 of a-z 0-9 . - beginning with a letter or digit")
    # Whether csv quotes a bare carriage return depends on Python's version, and the hash would too.
    if "\r" in excerpt.dataset + excerpt.track + excerpt.prompt:
        raise ValueError("a carriage return is not allowed (break lines with a line feed only)")
    if not (0 <= excerpt.start_s < math.inf and 0 < excerpt.duration_s < math.inf):
        raise ValueError(f"no stretch starts at {excerpt.start_s} s and lasts {excerpt.duration_s} s")
    return excerpt
