"""MIDI files, read in one place: their tracks, notes and beats."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.text import shown

MAX_BYTES = 16 * 2**20
"""Songs take a few hundred kilobytes; a parser in Python needs minutes for more than this."""

Floats = npt.NDArray[np.float64]
Part = TypeVar("Part")


@dataclass(frozen=True, eq=False)
class MidiTrack:
    """The notes of one instrument.

    Attributes:
        name: As the file has it; may be empty.
        program: 0-based GM program.
        is_drum: Whether it is percussion, whatever its program.
        notes: (n, 4): start and end in seconds, pitch, velocity.
    """

    name: str
    program: int
    is_drum: bool
    notes: Floats


def read_tracks(path: Path) -> list[MidiTrack]:
    """Read every instrument that has notes.

    Raises:
        BenchError: the file is missing, too large, or is not MIDI.
    """
    return _read(path, lambda midi: [_track(instrument) for instrument in midi.instruments])


def read_tempo_grid(path: Path) -> tuple[Floats, Floats]:
    """Read beats and downbeats in seconds, as tempo and time signatures have them.

    Raises:
        BenchError: the file is missing, too large, or is not MIDI.
    """
    return _read(path, lambda midi: (np.array(midi.get_beats()), np.array(midi.get_downbeats())))


def _track(instrument: Any) -> MidiTrack:
    rows = [(note.start, note.end, note.pitch, note.velocity) for note in instrument.notes]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return MidiTrack(instrument.name, instrument.program, instrument.is_drum, table)


def _read(path: Path, part: Callable[[Any], Part]) -> Part:
    import pretty_midi

    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise ValueError(f"{size} bytes, at most {MAX_BYTES}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Many files keep tempo and signatures in other tracks than the first.
            return part(pretty_midi.PrettyMIDI(str(path)))
    except FileNotFoundError as error:
        raise BenchError(f"{path}: cannot be read as MIDI (no such file); get it again") from error
    except Exception as error:  # mido raises whatever its parser stumbles on
        why = "breaks off" if isinstance(error, EOFError) else f"{type(error).__name__}: {shown(str(error))}"
        raise BenchError(f"{path}: cannot be read as MIDI ({why}); get it again") from error
