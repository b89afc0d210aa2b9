"""Tracks: levels, duration and selected start of every track of a data set, cached on disk.

Reading a large data set takes hours. A small record of every track is kept in `$BENCH_MANIFESTS`
(`~/.cache/steerbench/manifests` if it is not set). An interrupted run thus continues where it stopped, and a track is
read again only if one of its files, the seed, the rule or bench has changed.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.errors import BenchError
from bench.recordings.selection import VERSION, Powers, TrackLevels, start_of
from bench.runtime.cache import Cache, key_of
from bench.runtime.executor import Executor, Serial
from bench.runtime.home import caches
from bench.runtime.provenance import version

KEPT = "BENCH_MANIFESTS"


class Library(Protocol):
    """A data set of recordings, as its plug implements it.

    Attributes:
        name: Public name.
        root: Its folder.
        splits: Names of its splits; the first is the default.
    """

    name: str
    root: Path
    splits: tuple[str, ...]

    def tracks(self, split: str) -> list[str]:
        """Return the names of a split's tracks, sorted, as `read` takes them; raises `BenchError` if a list is bad."""
        ...

    def files(self, track: str) -> list[Path]:
        """Return all files of a track."""
        ...

    def levels(self, track: str) -> TrackLevels:
        """Return the levels and beats of a track; raises `BenchError` if a file cannot be read."""
        ...

    def problems(self, track: str) -> list[str]:
        """Return one line per file of the track that is missing or damaged."""
        ...

    def about(self, track: str) -> str:
        """Return the track's text prompt; may be empty."""
        ...


@dataclass(frozen=True)
class Track:
    """The record of a track.

    Attributes:
        duration_s: Its length in seconds.
        mix_db: Mean level of the mix, dBFS.
        drums_db: The same for its drums; None where they are not known.
        has_beats: Whether it has beats.
        start_s: Selected start of its excerpt in seconds; None where it has none.
        why: Why it has none; empty otherwise.
        prompt: Its text prompt.
    """

    duration_s: float
    mix_db: float
    drums_db: float | None
    has_beats: bool
    start_s: float | None
    why: str
    prompt: str


@dataclass(frozen=True)
class _Job:
    library: Library
    track: str
    seed: int


def tracks_of(library: Library, split: str, seed: int, executor: Executor | None = None) -> dict[str, Track]:
    """Return the records of a split's tracks by name; tracks without a cached record are read.

    Args:
        library: The data set.
        split: Name of one of its splits.
        seed: The manifest's seed.
        executor: Runs one job per track; a serial one when None.

    Raises:
        BenchError: tracks cannot be read; it is raised after all others were read and has one line per track.
    """
    names = library.tracks(split)
    jobs = [_Job(library, track, seed) for track in names]
    results = (executor or Serial()).map(_track_or_problem, jobs, f"listening to {library.name}")
    problems = [one for one in results if isinstance(one, str)]
    if len(problems) > 1:
        counted = f"{library.root}: {len(problems)} of {len(names)} tracks of {split} cannot be read"
        problems = [counted, *(f"  {problem}" for problem in problems)]
    if problems:
        raise BenchError("\n".join(problems))
    return {name: one for name, one in zip(names, results, strict=True) if isinstance(one, Track)}


def _track_or_problem(job: _Job) -> Track | str:
    library, track, seed = job.library, job.track, job.seed
    folder = Path(os.environ.get(KEPT) or caches() / "manifests")
    cache = Cache(folder / library.name, f"${KEPT}")
    try:
        states = [_state(file) for file in library.files(track)]
        key = key_of(version(), VERSION, library.root.resolve(), seed, track, *states)
        if (known := _known(cache.record(key))) is not None:
            return known
        levels = library.levels(track)
        prompt = library.about(track)
    except BenchError as error:
        return str(error)
    start_s, why = start_of(levels, track, seed)
    drums_db = None if levels.drums is None else _level_db(levels.drums)
    has_beats = levels.beats_s is not None and len(levels.beats_s) > 0
    record = Track(levels.duration_s, _level_db(levels.mix), drums_db, has_beats, start_s, why, prompt)
    cache.keep(key, asdict(record))
    return record


def _known(record: object) -> Track | None:
    try:
        return Track(**record) if isinstance(record, dict) else None
    except TypeError:
        return None


def _level_db(part: Powers) -> float:
    return 10 * float(np.log10(max(part.mean(), 1e-12))) if len(part) else -120.0


def _state(file: Path) -> str:
    try:
        status = file.stat()
    except OSError as error:
        raise BenchError(
            f"{file}: cannot be read ({error.strerror}); get it again, `bench data verify` lists all such files"
        ) from error
    return f"{file} {status.st_size} {status.st_mtime_ns}"
