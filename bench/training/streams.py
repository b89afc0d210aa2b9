"""Streams: whole tracks of a data set as arrays on disk, one a part, made once and shared by all training."""

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
"""The mix, three stems, and two controls as a model hears them: block chords and a piano cover."""
_FULL_SCALE = 32767.0
_SLACK_S = 0.01

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Streams:
    """Parts of tracks, mono, at one rate and of one length, as int16 arrays that are mapped, not read.

    Attributes:
        folder: Where `<track>/<part>.npy` lie.
        tracks: The tracks' names, in order.
        sample_rate: Hz.
        duration_s: Length of every track in seconds.
        parts: Which there are.
    """

    folder: Path
    tracks: tuple[str, ...]
    sample_rate: int
    duration_s: float
    parts: tuple[str, ...] = PARTS

    def cut(self, track: str, part: str, start: int, n: int) -> Samples:
        """Return samples [start, start + n) of a part."""
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
            found: npt.NDArray[np.int16] = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise BenchError(f"{path}: cannot be read ({error}); remove it to have it made again") from error
        if found.shape != (self.n_samples,):
            raise BenchError(f"{path}: has shape {found.shape}, want {self.n_samples} samples; remove it and run again")
        return found


@dataclass(frozen=True)
class Ears:
    """What is heard in a mix for want of something that a data set knows.

    Attributes:
        extractors: Extractor by kind; none, and whatever a data set lacks is an error.
        separates: Whether drums are always heard in the mix, even where there is a stem of them.
    """

    extractors: tuple[tuple[str, str], ...] = ()
    separates: bool = False

    def find(self, kind: str, mix: Audio) -> Any:
        """Return what the extractor of this kind finds in the mix; None without one."""
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
    ears: Ears = Ears(),
) -> Streams:
    """Make the streams of a manifest's tracks, leaving finished files alone.

    Args:
        dataset: The data set plug's name.
        manifest: Its manifest, e.g. `synthetic-train-240`.
        folder: Where the tracks' folders lie or will lie.
        parts: Some of `PARTS`.
        sample_rate: Hz.
        duration_s: Seconds of every track.
        executor: Makes one track per job.
        are_whole: Take the beginning of each track. Else each excerpt from its own start; it is called by its id and
            the frame of 20 ms that it starts at.
        ears: What to do where the data set lacks something.

    Raises:
        BenchError: a track is too short, or a part is neither known nor heard.
    """
    excerpts = plugins.load("datasets", dataset).select(manifest).excerpts
    jobs = {e.track: Excerpt(e.track, dataset, e.track, 0.0, duration_s) for e in excerpts}
    if not are_whole:
        jobs = {f"{e.id}-{round(e.start_s * 50)}": replace(e, duration_s=duration_s) for e in excerpts}
    made = Streams(folder, tuple(jobs), sample_rate, duration_s, parts)
    todo = [job for job in jobs.items() if not all((folder / job[0] / f"{part}.npy").is_file() for part in parts)]
    (executor or Serial()).map(partial(_make, made, dataset, ears), todo, f"preparing {manifest}")
    return made


@cache
def _plug(kind: str, name: str) -> Any:
    return plugins.load(kind, name)  # kept from track to track: renderers cache what songs share


def _make(streams: Streams, dataset: str, ears: Ears, job: tuple[str, Excerpt]) -> None:
    track, excerpt = job
    for part in streams.parts:
        path = streams.folder / track / f"{part}.npy"
        if not path.is_file():
            renderer = _plug("renderers", defaults().renderer)
            sound = _part(_plug("datasets", dataset), renderer, excerpt, part, streams.sample_rate, ears)
            _write(path, sound, streams.n_samples)


def _part(dataset: Any, renderer: Any, whole: Excerpt, part: str, sample_rate: int, ears: Ears = Ears()) -> Samples:
    if part not in ("chords", "piano"):
        found = _heard(dataset, whole, ears, part) if part == "drums" else dataset.read(whole, part)
        if part in getattr(dataset, "without", ()) or not isinstance(found, Audio):
            raise BenchError(f"{whole.track}: {whole.dataset} has no {part}; train on a data set with stems")
        if found.duration_s < whole.duration_s - _SLACK_S:
            raise BenchError(
                f"{whole.track}: {whole.dataset} gives {found.duration_s:.2f} s of {part} from {whole.start_s:g} s on, "
                f"want {whole.duration_s:g} s; take shorter excerpts"
            )
        return Audio(found.mono, found.sample_rate).resampled(sample_rate).mono
    notes = _chord_notes(dataset, whole, ears) if part == "chords" else _cover(dataset, whole, ears)
    sound = renderer.render(notes, whole.duration_s, sample_rate)
    return level_matched(sound, None).mono


def _heard(dataset: Any, whole: Excerpt, ears: Ears, kind: str) -> Any:
    """Return what the data set knows of this kind, else what is heard in its mix."""
    is_asked = not (kind == "drums" and ears.separates)
    known = dataset.read(whole, kind) if is_asked else None
    if known is not None:
        return known
    mix = dataset.read(whole, "mix")
    return ears.find(kind, mix) if isinstance(mix, Audio) else None


def _chord_notes(dataset: Any, whole: Excerpt, ears: Ears) -> Notes:
    chords, beats = (_heard(dataset, whole, ears, kind) for kind in ("chords", "beats"))
    if not isinstance(chords, Chords) or not isinstance(beats, Beats):
        raise BenchError(f"{whole.track}: {whole.dataset} has no chords or beats; train on a data set with both")
    return block_chords(chords, beats, whole.duration_s)


def _cover(dataset: Any, whole: Excerpt, ears: Ears) -> Notes:
    given = dataset.read(whole, "piano")
    if isinstance(given, Notes):
        return given
    notes = _heard(dataset, whole, ears, "notes")
    if not isinstance(notes, Notes):
        raise BenchError(f"{whole.track}: {whole.dataset} has no notes; train on a data set with MIDI")
    return piano_cover(notes)


def _write(path: Path, sound: Samples, n_samples: int) -> None:
    fitted = np.pad(sound[:n_samples], (0, max(n_samples - len(sound), 0)))
    whole = np.clip(np.rint(fitted * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE).astype(np.int16)
    with atomic(path) as part, part.open("wb") as file:
        np.save(file, whole)
