"""POP909: piano arrangements of 909 Chinese pop songs as MIDI with chords and beats, rendered to sound here."""

import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio, Samples, rms
from bench.errors import BenchError
from bench.formats import MidiTrack, read_tracks
from bench.manifest import Excerpt, Manifest
from bench.paths import home
from bench.protocols import Content, Dataset
from bench.recordings.library import manifest_of, root_of, statistics, verify
from bench.recordings.selection import TrackLevels, powers
from bench.recordings.splits import Row, incomplete_splits, read_splits
from bench.recordings.stems import check_end
from bench.symbols import Beats, Chords, Notes, read_chords
from bench.task import defaults

NAME = "pop909"
SPLITS = ("test", "validation", "train")
ARCHIVE = "POP909"
"""The folder of songs inside the published repository."""
PARTS = {"MELODY": (73, 0.0), "BRIDGE": (48, -6.0), "PIANO": (0, -3.0)}
"""Tracks of the MIDI files: the program they are played with (0-based General MIDI) and their level in dB."""
SAMPLE_RATE, MIX_RMS, PEAK = 32000, 0.1, 10 ** (-1 / 20)
RELEASE_S = 1.0
"""The rendered sound ends this long after the last note."""
_FILES = ("chord_midi.txt", "beat_midi.txt")
_KEY_FILE = "key_audio.txt"
_KEY = re.compile(r"([A-G][b#]?):(maj|min)")


class Pop909:
    """Songs named by three digits; a flute plays the melody, strings play the bridge, and there are no drums.

    Chords and beats are those found in the MIDI files (chord_midi.txt, beat_midi.txt), whose times the rendered sound
    shares. No splits are published; here every eleventh song is in test and the one after it in validation.
    """

    name = NAME
    splits: tuple[str, ...] = SPLITS
    without = ("drums",)

    def __init__(self, root: Path) -> None:
        """Take the published repository, a folder that contains its clone, its folder POP909, or a folder of songs."""
        candidates = [root / ARCHIVE, *sorted(root.glob(f"POP909-Dataset*/{ARCHIVE}"))]
        self.root = next((folder for folder in candidates if folder.is_dir()), root)

    def select(self, manifest: str | None) -> Manifest:
        """Return a list of excerpts; see `bench.recordings.library.manifest_of`."""
        return manifest_of(self, manifest)

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return a part of the excerpt; see `bench.protocols.Dataset`.

        `mix` and `other` are the whole sound, mono at 32 kHz; `drums` is silence; `piano` is the track of that name.

        Raises:
            BenchError: the song is missing or too short, or one of its files is missing or malformed.
        """
        folder = self._folder(excerpt.track)
        start, end = excerpt.start_s, excerpt.start_s + excerpt.duration_s
        if what in ("mix", "other", "drums"):
            sound = rendered(_midi(folder))
            check_end(_midi(folder), len(sound) / SAMPLE_RATE, end)
            first = round(start * SAMPLE_RATE)
            cut = sound[first : first + round(excerpt.duration_s * SAMPLE_RATE)]
            return Audio(np.zeros_like(cut) if what == "drums" else cut, SAMPLE_RATE)
        if what in ("notes", "piano"):
            parts = read_parts(_midi(folder))
            return (
                (parts["PIANO"] if what == "piano" else Notes.joined(list(parts.values())))
                .cut(start, end)
                .shifted(-start)
            )
        if what == "chords":
            return chords_of(folder / "chord_midi.txt").cut(start, end).shifted(-start)
        if what == "beats":
            return beats_of(folder / "beat_midi.txt").cut(start, end).shifted(-start)
        return None

    def verify(self) -> list[str]:
        """List songs and files that are missing, malformed or different from their committed checksums."""
        return [*verify(self), *incomplete_splits(listed_songs(), self._songs, SPLITS)]

    def statistics(self) -> dict[str, Any]:
        """Return descriptive statistics; see `bench.recordings.library.statistics`."""
        return statistics(self)

    def tracks(self, split: str) -> list[str]:
        """Return the available songs of a split."""
        return [song for song in self._songs if listed_songs()[song]["split"] == split]

    def files(self, track: str) -> list[Path]:
        """Return the MIDI file, its chord and beat annotations, and the key annotation if there is one."""
        folder = self._folder(track)
        key = folder / _KEY_FILE
        return [_midi(folder), *(folder / name for name in _FILES), *([key] if key.is_file() else [])]

    def levels(self, track: str) -> TrackLevels:
        """Return the levels of the rendered sound, and the beats."""
        folder = self._folder(track)
        sound = rendered(_midi(folder))
        level = powers(sound, SAMPLE_RATE)
        return TrackLevels(len(sound) / SAMPLE_RATE, level, level, None, beats_of(folder / "beat_midi.txt").times_s)

    def problems(self, track: str) -> list[str]:
        """List files that are missing or malformed."""
        folder, problems = self._folder(track), []
        for read, path in (
            (read_parts, _midi(folder)),
            (chords_of, folder / _FILES[0]),
            (beats_of, folder / _FILES[1]),
        ):
            try:
                read(path)
            except BenchError as error:
                problems.append(str(error))
        return problems

    def about(self, track: str) -> str:
        """Return tempo, metre and key, e.g. `90 bpm, 4/4, Gb major, flute, strings and piano`."""
        folder = self._folder(track)
        beats = beats_of(folder / "beat_midi.txt")
        path = folder / _KEY_FILE
        keys = _KEY.findall(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
        bar = np.median(np.diff(np.flatnonzero(beats.positions == 1)))
        facts = [f"{60 / np.median(np.diff(beats.times_s)):.0f} bpm", f"{bar:.0f}/4"]
        facts += [f"{tonic} {'major' if mode == 'maj' else 'minor'}" for tonic, mode in keys[:1]]
        return ", ".join([*facts, "flute, strings and piano"])

    @cached_property
    def _songs(self) -> list[str]:
        return [song for song in listed_songs() if (self.root / song).is_dir()]

    def _folder(self, track: str) -> Path:
        if track not in self._songs:
            raise BenchError(f"{self.root}: holds no song {track!r}; songs are 001 to 909, get POP909 whole")
        return self.root / track


def build(path: str = "") -> Dataset:
    """Return POP909.

    Args:
        path: Its folder, `$BENCH_DATA/pop909` when empty.

    Raises:
        MissingComponent: the data set is not there.
    """
    return Pop909(root_of(NAME, path))


@lru_cache(maxsize=1)
def listed_songs() -> dict[str, Row]:
    """Return all 909 songs with their split."""
    return read_splits(home("data_manifests") / NAME / "splits.csv", SPLITS, 909)


@lru_cache(maxsize=4)
def read_parts(path: Path) -> dict[str, Notes]:
    """Return the notes of the three tracks, with the programs of `PARTS`.

    Notes that end before they begin are left out.

    Raises:
        BenchError: the file is missing, is not MIDI, or lacks one of the tracks.
    """
    tracks = {track.name.strip().upper(): track for track in read_tracks(path)}
    if missing := [name for name in PARTS if name not in tracks]:
        raise BenchError(
            f"{path}: has no track {' and none '.join(missing)}, but {', '.join(tracks) or 'nothing'}; get it again"
        )
    return {name: _notes(tracks[name], program) for name, (program, _) in PARTS.items()}


@lru_cache(maxsize=2)
def rendered(path: Path) -> Samples:
    """Return a song's sound (n,) at 32 kHz: its parts at their levels, summed.

    The sum has RMS 0.1, or a peak of -1 dBFS if that is quieter.
    """
    renderer = plugins.load("renderers", defaults().renderer)
    parts = read_parts(path)
    duration_s = (
        max((float(notes.intervals_s.max()) for notes in parts.values() if len(notes)), default=0.0) + RELEASE_S
    )
    total = np.zeros(round(duration_s * SAMPLE_RATE), dtype=np.float32)
    for name, notes in parts.items():
        if len(notes):
            sound = renderer.render(notes, duration_s, SAMPLE_RATE).mono
            total += sound * np.float32(10 ** (PARTS[name][1] / 20) / rms(sound))
    if total.any():
        total *= np.float32(min(MIX_RMS / rms(total), PEAK / float(np.abs(total).max())))
    total.setflags(write=False)
    return total


def chords_of(path: Path) -> Chords:
    """Return the chords of an annotation in Harte's notation.

    Raises:
        BenchError: the file is missing, empty or malformed, chords overlap, or a label is not Harte's; with the line.
    """
    import mir_eval

    chords = read_chords(path)
    if not chords.labels:
        raise BenchError(f"{path}: names no chords; get it again")
    last_end = 0.0
    for number, ((start, end), label) in enumerate(zip(chords.intervals_s, chords.labels, strict=True), 1):
        if start < last_end - 1e-3:
            raise BenchError(
                f"{path}:{number}: the chord {label} begins at {start} s, the one before it ends at {last_end} s"
            )
        last_end = end
        try:
            mir_eval.chord.encode(label)
        except mir_eval.chord.InvalidChordException as error:
            raise BenchError(f"{path}:{number}: {label!r} is no chord in Harte's notation; get it again") from error
    return chords


def beats_of(path: Path) -> Beats:
    """Return the beats of beat_midi.txt with their positions in the bar.

    Its columns are a time, a mark for the start of a bar of two or three beats, and a mark for the start of a bar of
    twice as many. If the first marks are three beats apart, bars are theirs; otherwise those of the second, of four
    beats. Beats before the first mark are counted backwards from it.

    Raises:
        BenchError: the file is missing or malformed, its times do not rise, or it marks no bars; with the line.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: cannot be read as beats ({error})") from error
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        try:
            row = [float(text) for text in line]
        except ValueError as error:
            raise BenchError(f"{path}:{number}: {error}; want a time and two marks") from error
        if len(row) != 3 or not np.isfinite(row).all():
            raise BenchError(f"{path}:{number}: want a time and two marks, found {' '.join(line)!r}")
        if rows and row[0] <= rows[-1][0]:
            raise BenchError(f"{path}:{number}: the beat at {row[0]} s comes after one at {rows[-1][0]} s")
        rows.append(row)
    table = np.array(rows).reshape(-1, 3)
    marks = [np.flatnonzero(column) for column in table[:, 1:].T]
    if min(map(len, marks)) < 2:
        raise BenchError(f"{path}: marks no bars; get it again")
    per_mark = round(float(np.median(np.diff(marks[0]))))
    return Beats(table[:, 0], _positions(marks[0] if per_mark == 3 else marks[1], len(table)))


def _positions(firsts: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.int64]:
    """Return every beat's position in its bar, from 1, given the indices of first beats."""
    length = round(float(np.median(np.diff(firsts))))
    beats = np.arange(n)
    bar = firsts[np.maximum(np.searchsorted(firsts, beats, side="right") - 1, 0)]
    positions: npt.NDArray[np.int64] = np.where(beats < firsts[0], (beats - firsts[0]) % length, beats - bar) + 1
    return positions


def _notes(track: MidiTrack, program: int) -> Notes:
    starts, ends = track.notes[:, 0], track.notes[:, 1]
    sounding = track.notes[(ends > starts) & (starts >= 0)]
    velocities = np.clip(sounding[:, 3], 1, 127)
    return Notes(sounding[:, :2], sounding[:, 2], velocities, np.full(len(sounding), program))


def _midi(folder: Path) -> Path:
    return folder / f"{folder.name}.mid"
