"""Streams: tracks of a data set as arrays on disk, one per part, made once and shared by all trainings."""

from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError
from bench.manifest import Excerpt
from bench.music.controls import block_chords, level_matched, piano_cover
from bench.paths import atomic
from bench.runtime.executor import Executor, Serial
from bench.symbols import Beats, Chords, Notes
from bench.task import defaults

PARTS = ("mix", "drums", "bass", "other", "chords", "piano")
"""The mix, three stems, and two rendered controls: block chords and a piano cover."""
_FULL_SCALE = 32767.0
_SLACK_S = 0.01

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Streams:
    """Parts of tracks, mono, of one sample rate and length, as memory-mapped int16 arrays.

    Attributes:
        folder: Folder of the files `<track>/<part>.npy`.
        tracks: The tracks' names, in order.
        sample_rate: Hz.
        duration_s: Length of every track in seconds.
        parts: The parts of every track.
    """

    folder: Path
    tracks: tuple[str, ...]
    sample_rate: int
    duration_s: float
    parts: tuple[str, ...] = PARTS

    def cut(self, track: str, part: str, start: int, n: int) -> Samples:
        """Return samples [start, start + n) of a part, from -1 to 1."""
        return np.asarray(self._mapped(track, part)[start : start + n], dtype=np.float32) / np.float32(_FULL_SCALE)

    def whole(self, track: str, part: str) -> Samples:
        """Return all samples of a part."""
        return self.cut(track, part, 0, self.n_samples)

    @property
    def n_samples(self) -> int:
        """Length of every track in samples."""
        return round(self.duration_s * self.sample_rate)

    def _mapped(self, track: str, part: str) -> npt.NDArray[np.int16]:
        path = self.folder / track / f"{part}.npy"
        try:
            samples: npt.NDArray[np.int16] = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise BenchError(f"{path}: cannot be read ({error}); remove it and run again") from error
        if samples.shape != (self.n_samples,):
            raise BenchError(f"{path}: has shape {samples.shape}, want ({self.n_samples},); remove it and run again")
        return samples


@dataclass(frozen=True)
class Fallbacks:
    """Extractors for parts that a data set does not have.

    Attributes:
        extractors: Pairs of kind and extractor; a missing part without an extractor is an error.
        separates: Whether drums are separated from the mix even if there is a drum stem.
    """

    extractors: tuple[tuple[str, str], ...] = ()
    separates: bool = False

    def extract(self, kind: str, mix: Audio) -> Any:
        """Return the extractor's result for this kind and mix; None if there is no extractor."""
        name = dict(self.extractors).get(kind)
        return _plug("extractors", name).extract(mix) if name else None


def prepare(
    dataset: str,
    manifest: str,
    folder: Path,
    *,
    parts: tuple[str, ...] = PARTS,
    sample_rate: int = 32000,
    duration_s: float = 60.0,
    executor: Executor | None = None,
    are_whole: bool = True,
    fallbacks: Fallbacks = Fallbacks(),
) -> Streams:
    """Make the streams of a manifest's tracks; existing files are kept.

    Args:
        dataset: Name of the data set.
        manifest: Its manifest, e.g. `synthetic-train-240`.
        folder: Folder of the tracks' folders.
        parts: Some of `PARTS`.
        sample_rate: Hz.
        duration_s: Seconds of every track.
        executor: Makes one track per job.
        are_whole: Whether to take the beginning of each track; else each excerpt from its own start, named by its id
            and start in frames of 20 ms.
        fallbacks: Extractors for parts that the data set does not have.

    Raises:
        BenchError: a track is too short, or the data set does not have a part and no extractor finds it.
    """
    excerpts = plugins.load("datasets", dataset).select(manifest).excerpts
    jobs = {e.track: Excerpt(e.track, dataset, e.track, 0.0, duration_s) for e in excerpts}
    if not are_whole:
        jobs = {f"{e.id}-{round(e.start_s * 50)}": replace(e, duration_s=duration_s) for e in excerpts}
    made = Streams(folder, tuple(jobs), sample_rate, duration_s, parts)
    todo = [job for job in jobs.items() if not all((folder / job[0] / f"{part}.npy").is_file() for part in parts)]
    (executor or Serial()).map(partial(_make, made, dataset, fallbacks), todo, f"preparing {manifest}")
    return made


@cache
def _plug(kind: str, name: str) -> Any:
    return plugins.load(kind, name)  # kept from track to track, since renderers cache sounds


def _make(streams: Streams, dataset: str, fallbacks: Fallbacks, job: tuple[str, Excerpt]) -> None:
    track, excerpt = job
    for part in streams.parts:
        path = streams.folder / track / f"{part}.npy"
        if not path.is_file():
            renderer = _plug("renderers", defaults().renderer)
            sound = _part(_plug("datasets", dataset), renderer, excerpt, part, streams.sample_rate, fallbacks)
            _write(path, sound, streams.n_samples)


def _part(
    dataset: Any, renderer: Any, whole: Excerpt, part: str, sample_rate: int, fallbacks: Fallbacks = Fallbacks()
) -> Samples:
    if part not in ("chords", "piano"):
        audio = _read_or_extract(dataset, whole, fallbacks, part) if part == "drums" else dataset.read(whole, part)
        if part in getattr(dataset, "without", ()) or not isinstance(audio, Audio):
            raise BenchError(f"{whole.track}: {whole.dataset} has no {part}; train on a data set with stems")
        if audio.duration_s < whole.duration_s - _SLACK_S:
            raise BenchError(
                f"{whole.track}: {whole.dataset} gives {audio.duration_s:.2f} s of {part} from {whole.start_s:g} s on, "
                f"want {whole.duration_s:g} s; take shorter excerpts"
            )
        return Audio(audio.mono, audio.sample_rate).resampled(sample_rate).mono
    notes = _chord_notes(dataset, whole, fallbacks) if part == "chords" else _cover(dataset, whole, fallbacks)
    sound = renderer.render(notes, whole.duration_s, sample_rate)
    return level_matched(sound, None).mono


def _read_or_extract(dataset: Any, whole: Excerpt, fallbacks: Fallbacks, kind: str) -> Any:
    """Return what the data set has of this kind, else what an extractor finds in its mix, else None."""
    is_read = not (kind == "drums" and fallbacks.separates)
    known = dataset.read(whole, kind) if is_read else None
    if known is not None:
        return known
    mix = dataset.read(whole, "mix")
    return fallbacks.extract(kind, mix) if isinstance(mix, Audio) else None


def _chord_notes(dataset: Any, whole: Excerpt, fallbacks: Fallbacks) -> Notes:
    chords, beats = (_read_or_extract(dataset, whole, fallbacks, kind) for kind in ("chords", "beats"))
    if not isinstance(chords, Chords) or not isinstance(beats, Beats):
        raise BenchError(f"{whole.track}: {whole.dataset} has no chords or beats; train on a data set with both")
    return block_chords(chords, beats, whole.duration_s)


def _cover(dataset: Any, whole: Excerpt, fallbacks: Fallbacks) -> Notes:
    given = dataset.read(whole, "piano")
    if isinstance(given, Notes):
        return given
    notes = _read_or_extract(dataset, whole, fallbacks, "notes")
    if not isinstance(notes, Notes):
        raise BenchError(f"{whole.track}: {whole.dataset} has no notes; train on a data set with MIDI")
    return piano_cover(notes)


def _write(path: Path, sound: Samples, n_samples: int) -> None:
    fitted = np.pad(sound[:n_samples], (0, max(n_samples - len(sound), 0)))
    whole = np.clip(np.rint(fitted * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE).astype(np.int16)
    with atomic(path) as part, part.open("wb") as file:
        np.save(file, whole)
