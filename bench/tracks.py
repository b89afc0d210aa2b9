"""Tracks: what the selection rule hears of every track of a data set, and where it lets an excerpt begin.

A large set takes hours to hear. A small record of every track is kept in `$BENCH_MANIFESTS`
(`~/.cache/steerbench/manifests` where it is not set), so that what was broken off goes on where it was, and a track is
heard again only when one of its files, the seed, the rule or bench has changed.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.cache import Cache, key_of
from bench.caches import caches
from bench.errors import BenchError
from bench.executor import Executor, Serial
from bench.provenance import version
from bench.selection import VERSION, Heard, Powers, start_of

KEPT = "BENCH_MANIFESTS"


class Library(Protocol):
    """A data set of recordings as its plug found it.

    Attributes:
        name: Public name.
        root: Its folder.
        splits: Names of its parts; the first is what is taken when nothing is said.
    """

    name: str
    root: Path
    splits: tuple[str, ...]

    def tracks(self, split: str) -> list[str]:
        """Return the tracks of a split, sorted: names that `read` knows; raises `BenchError` where the list is bad."""
        ...

    def files(self, track: str) -> list[Path]:
        """Return all files that a track rests on."""
        ...

    def heard(self, track: str) -> Heard:
        """Return what the selection rule asks of a track; raises `BenchError` where a file cannot be read."""
        ...

    def problems(self, track: str) -> list[str]:
        """List what the layout promises and this track lacks, a line each, naming the file."""
        ...

    def about(self, track: str) -> str:
        """Return a prompt's text; may be empty."""
        ...


@dataclass(frozen=True)
class Track:
    """What is known of a track once it was heard.

    Attributes:
        duration_s: Its length in seconds.
        mix_db: Mean level of the mix, dBFS.
        drums_db: The same of its drums; None where nothing is known of them.
        has_beats: Whether beats are known.
        start_s: Where the rule lets its excerpt begin, in seconds; None where it has none.
        why: Why it has none.
        prompt: A prompt's text.
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
    """Hear every track of a split that was not heard before.

    Args:
        library: The data set.
        split: Its part.
        seed: Of the manifest.
        executor: Hears one track a job.

    Raises:
        BenchError: tracks cannot be read, each on a line, once all others were heard.
    """
    names = library.tracks(split)
    jobs = [_Job(library, track, seed) for track in names]
    found = (executor or Serial()).map(_track_or_problem, jobs, f"listening to {library.name}")
    problems = [one for one in found if isinstance(one, str)]
    if len(problems) > 1:
        counted = f"{library.root}: {len(problems)} of {len(names)} tracks of {split} cannot be read"
        problems = [counted, *(f"  {problem}" for problem in problems)]
    if problems:
        raise BenchError("\n".join(problems))
    return {name: one for name, one in zip(names, found, strict=True) if isinstance(one, Track)}


def _track_or_problem(job: _Job) -> Track | str:
    library, track, seed = job.library, job.track, job.seed
    home = Path(os.environ.get(KEPT) or caches() / "manifests")
    kept = Cache(home / library.name, f"${KEPT}")
    try:
        states = [_state(file) for file in library.files(track)]
        key = key_of(version(), VERSION, library.root.resolve(), seed, track, *states)
        if (known := _known(kept.record(key))) is not None:
            return known
        heard = library.heard(track)
        prompt = library.about(track)
    except BenchError as error:
        return str(error)
    start_s, why = start_of(heard, track, seed)
    drums_db = None if heard.drums is None else _level_db(heard.drums)
    has_beats = heard.beats_s is not None and len(heard.beats_s) > 0
    found = Track(heard.duration_s, _level_db(heard.mix), drums_db, has_beats, start_s, why, prompt)
    kept.keep(key, asdict(found))
    return found


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
            f"{file}: cannot be read ({error.strerror}); get it again; `bench data verify` lists all such files"
        ) from error
    return f"{file} {status.st_size} {status.st_mtime_ns}"
