"""Streams: whole tracks of a data set as arrays on disk, one a part, made once and shared by all training."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio
from bench.controls import block_chords, level_matched, piano_cover
from bench.defaults import defaults
from bench.errors import BenchError
from bench.executor import executor
from bench.manifest import Excerpt
from bench.paths import atomic
from bench.symbols import Beats, Chords, Notes

PARTS = ("mix", "drums", "bass", "other", "chords", "piano")
"""The mix, three stems, and two controls as a model hears them: block chords and a piano cover."""
_FULL_SCALE = 32767.0

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Streams:
    """Parts of tracks, mono, at one rate and of one length, as int16 arrays that are mapped, not read.

    Attributes:
        folder: Where `<track>/<part>.npy` lie.
        tracks: The tracks' names, in order.
        sample_rate: Hz.
        duration_s: Length of every track in seconds.
    """

    folder: Path
    tracks: tuple[str, ...]
    sample_rate: int
    duration_s: float

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


def prepare(
    dataset: str,
    manifest: str,
    folder: Path,
    *,
    parts: tuple[str, ...] = PARTS,
    sample_rate: int = 32000,
    duration_s: float = 60.0,
    workers: int = 1,
) -> Streams:
    """Make the streams of a manifest's tracks, leaving finished files alone.

    Args:
        dataset: The data set plug's name.
        manifest: Its manifest, e.g. `synthetic-train-240`; the beginning of each track is taken, not the excerpt.
        folder: Where the tracks' folders lie or will lie.
        parts: Some of `PARTS`.
        sample_rate: Hz.
        duration_s: Seconds of every track.
        workers: Processes.

    Raises:
        BenchError: a track is too short, or the data set does not know one of the parts.
    """
    excerpts = plugins.load("datasets", dataset).select(manifest).excerpts
    made = Streams(folder, tuple(excerpt.track for excerpt in excerpts), sample_rate, duration_s)
    jobs = [e for e in excerpts if not all((folder / e.track / f"{part}.npy").is_file() for part in parts)]
    executor(workers).map(partial(_make, made, dataset, parts), jobs, f"preparing {manifest}")
    return made


_DATASETS: dict[str, Any] = {}
_RENDERERS: dict[str, Any] = {}


def _make(streams: Streams, dataset: str, parts: tuple[str, ...], excerpt: Excerpt) -> None:
    if dataset not in _DATASETS:  # kept from track to track: renderers cache what songs share
        _DATASETS[dataset] = plugins.load("datasets", dataset)
        _RENDERERS[dataset] = plugins.load("renderers", defaults().renderer)
    whole = Excerpt(excerpt.track, dataset, excerpt.track, 0.0, streams.duration_s)
    for part in parts:
        path = streams.folder / excerpt.track / f"{part}.npy"
        if not path.is_file():
            sound = _part(_DATASETS[dataset], _RENDERERS[dataset], whole, part, streams.sample_rate)
            _write(path, sound, streams.n_samples)


def _part(dataset: Any, renderer: Any, whole: Excerpt, part: str, sample_rate: int) -> Samples:
    if part not in ("chords", "piano"):
        found = dataset.read(whole, part)
        if not isinstance(found, Audio):
            raise BenchError(f"{whole.track}: {whole.dataset} has no {part}; train on a data set with stems")
        return Audio(found.mono, found.sample_rate).resampled(sample_rate).mono
    notes = _chord_notes(dataset, whole) if part == "chords" else _cover(dataset, whole)
    sound = renderer.render(notes, whole.duration_s, sample_rate)
    return level_matched(sound, None).mono


def _chord_notes(dataset: Any, whole: Excerpt) -> Notes:
    chords, beats = dataset.read(whole, "chords"), dataset.read(whole, "beats")
    if not isinstance(chords, Chords) or not isinstance(beats, Beats):
        raise BenchError(f"{whole.track}: {whole.dataset} has no chords or beats; train on a data set with both")
    return block_chords(chords, beats, whole.duration_s)


def _cover(dataset: Any, whole: Excerpt) -> Notes:
    given = dataset.read(whole, "piano")
    notes = given if isinstance(given, Notes) else dataset.read(whole, "notes")
    if not isinstance(notes, Notes):
        raise BenchError(f"{whole.track}: {whole.dataset} has no notes; train on a data set with MIDI")
    return given if isinstance(given, Notes) else piano_cover(notes)


def _write(path: Path, sound: Samples, n_samples: int) -> None:
    fitted = np.pad(sound[:n_samples], (0, max(n_samples - len(sound), 0)))
    whole = np.clip(np.rint(fitted * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE).astype(np.int16)
    with atomic(path) as part, part.open("wb") as file:
        np.save(file, whole)
