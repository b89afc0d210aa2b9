"""A track of Slakh2100: mix.flac, stems/Sxx.flac, MIDI/Sxx.mid, all_src.mid, and metadata.yaml, which describes them.

Sounds may have been converted to WAV. Stems are not numbered consecutively, and not every stem in metadata.yaml has
sound: `audio_rendered` says whether it does. In BabySlakh it is false for all stems although their files exist, so a
stem whose file exists counts as rendered. The mix is the plain sum of the stems, which are as long as it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import whole_recording
from bench.errors import BenchError
from bench.formats import must_have, read_tempo_grid, read_yaml
from bench.symbols import DRUM_PROGRAM, Beats, Notes, read_notes

SUFFIXES = (".flac", ".wav")
ON_GRID, LEAST_ON_GRID = 1 / 32, 0.4
"""An onset is on the grid within this share of a beat from a sixteenth (a quarter are by chance), and the least share
of onsets on the grid."""
SLACK_S = 0.1
_GET_AGAIN = "get the track again, or leave it out of the manifest"
_NEEDED = ("is_drum", "program_num", "inst_class", "audio_rendered", "midi_saved")


@dataclass(frozen=True)
class Stem:
    """A stem as described by metadata.yaml.

    Attributes:
        name: `S00`, `S01`, ...
        group: `drums`, `bass` or `other`.
        program: 0-based GM program, 128 = percussion.
        instrument: Its class in words, lower case.
        is_rendered: Whether it is part of the mix: metadata.yaml says so, or its sound file exists.
        has_notes: Whether it has notes: metadata.yaml says so, or its MIDI file exists.
    """

    name: str
    group: str
    program: int
    instrument: str
    is_rendered: bool
    has_notes: bool


@lru_cache(maxsize=64)
def stems_of(folder: Path) -> tuple[Stem, ...]:
    """Return the stems in metadata.yaml.

    Raises:
        BenchError: the file is missing or malformed.
    """
    path = folder / "metadata.yaml"
    stems = read_yaml(path).get("stems")
    if not isinstance(stems, dict) or not stems:
        raise BenchError(f"{path}: has no stems; {_GET_AGAIN}")
    return tuple(_stem(path, name, keys) for name, keys in stems.items())


def song_of(folder: Path) -> str:
    """Return the name of the song's file in the Lakh MIDI data set, an md5; empty if metadata.yaml has none."""
    return str(read_yaml(folder / "metadata.yaml").get("UUID", ""))


def sound_file(folder: Path, name: str = "mix") -> Path:
    """Return the FLAC file of this name, or else the WAV file; raises `BenchError` if there is neither."""
    for suffix in SUFFIXES:
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    raise BenchError(f"{folder / name}.flac: no such file, nor a .wav; {_GET_AGAIN}")


def sound_files(folder: Path, group: str) -> list[Path]:
    """Return the sound files of a group's stems, or that of the mix; raises `BenchError` if one is missing."""
    if group == "mix":
        return [sound_file(folder)]
    return [sound_file(folder / "stems", s.name) for s in stems_of(folder) if s.is_rendered and s.group == group]


@lru_cache(maxsize=8)
def notes_of(folder: Path) -> Notes | None:
    """Return the notes of all rendered stems, with programs from metadata.yaml; None if one of them has no notes.

    Raises:
        BenchError: a file is missing or is not MIDI.
    """
    stems = [stem for stem in stems_of(folder) if stem.is_rendered]
    if not all(stem.has_notes for stem in stems):
        return None
    parts = []
    for stem in stems:
        path = _midi_file(folder, stem.name)
        if not path.is_file():
            raise BenchError(_no_file(path))
        notes = read_notes(path)
        programs = np.full(len(notes), stem.program)
        parts.append(Notes(notes.intervals_s, notes.pitches, notes.velocities, programs))
    return Notes.joined(parts)


@lru_cache(maxsize=8)
def beats_of(folder: Path) -> Beats | None:
    """Return beats by the song's tempo and time signatures; None if under 40 % of the onsets lie on their grid.

    A file played in without a click has a tempo too, but the music does not follow it.

    Raises:
        BenchError: all_src.mid or a stem's MIDI is missing or cannot be read.
    """
    times, downbeats = read_tempo_grid(folder / "all_src.mid")
    notes = notes_of(folder)
    if len(times) < 2 or notes is None or not len(notes):
        return None
    sixteenths = np.interp(notes.intervals_s[:, 0], times, np.arange(len(times))) * 4
    if np.mean(np.abs(sixteenths - np.rint(sixteenths)) <= 4 * ON_GRID) < LEAST_ON_GRID:
        return None
    bar = np.maximum(np.searchsorted(downbeats, times + 1e-3) - 1, 0)
    first = np.searchsorted(times, downbeats[bar] - 1e-3)
    return Beats(times, np.arange(len(times)) - first + 1)


def problems_of(folder: Path) -> list[str]:
    """List missing and unreadable files, and rendered stems of another rate or length than the mix."""
    try:
        stems, mix = stems_of(folder), whole_recording(sound_file(folder))
    except BenchError as error:
        return [str(error)]
    midi = [folder / "all_src.mid", *(_midi_file(folder, stem.name) for stem in stems if stem.has_notes)]
    problems = [_no_file(path) for path in midi if not path.is_file()]
    for stem in stems:
        problems += _sound_problems(folder, stem, mix) if stem.is_rendered else []
    return problems or _note_problems(folder)


def _stem(path: Path, name: str, keys: Any) -> Stem:
    if not isinstance(keys, dict):
        raise BenchError(f"{path}: stem {name}: want a mapping, found {keys!r:.80}; {_GET_AGAIN}")
    must_have(f"{path}: stem {name}", keys, _NEEDED, _GET_AGAIN)
    try:
        is_drum, program = bool(keys["is_drum"]), int(keys["program_num"])
        instrument = str(keys["inst_class"]).lower().removesuffix(" (continued)")
        is_rendered = bool(keys["audio_rendered"]) or any((path.parent / "stems").glob(f"{name}.*"))
        has_notes = bool(keys["midi_saved"]) or _midi_file(path.parent, name).is_file()
    except (TypeError, ValueError) as error:
        raise BenchError(
            f"{path}: stem {name}: program_num: want a whole number, found {keys['program_num']!r:.80}; {_GET_AGAIN}"
        ) from error
    if not re.fullmatch(r"S\d+", name) or not (is_drum or 0 <= program < DRUM_PROGRAM):
        raise BenchError(f"{path}: stem {name} of program {program}: want S00 and on, 0 to 127; {_GET_AGAIN}")
    group = "drums" if is_drum else "bass" if instrument == "bass" else "other"
    return Stem(name, group, DRUM_PROGRAM if is_drum else program, instrument, is_rendered, has_notes)


def _sound_problems(folder: Path, stem: Stem, mix: tuple[int, float]) -> list[str]:
    try:
        path = sound_file(folder / "stems", stem.name)
        rate, length = whole_recording(path)
    except BenchError as error:
        return [str(error)]
    if rate == mix[0] and abs(length - mix[1]) <= SLACK_S:
        return []
    return [f"{path}: {length:.2f} s at {rate} Hz, the mix {mix[1]:.2f} s at {mix[0]} Hz; {_GET_AGAIN}"]


def _note_problems(folder: Path) -> list[str]:
    try:
        beats_of(folder)
    except BenchError as error:
        return [str(error)]
    return []


def _no_file(path: Path) -> str:
    return f"{path}: no such file; {_GET_AGAIN}"


def _midi_file(folder: Path, name: str) -> Path:
    return folder / "MIDI" / f"{name}.mid"
