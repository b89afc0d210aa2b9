"""The reader of MIDI files: what was written, and one line for what cannot be read."""

import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
import pytest

from bench import formats
from bench.errors import BenchError
from bench.formats import read_tempo_grid, read_tracks

Reader = Callable[[Path], Any]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Three beats a bar at 120 bpm: a melody with a name, and drums without."""
    written = pretty_midi.PrettyMIDI(initial_tempo=120)
    written.time_signature_changes.append(pretty_midi.TimeSignature(3, 4, 0))
    melody, drums = pretty_midi.Instrument(73, name=" Melody "), pretty_midi.Instrument(0, is_drum=True)
    melody.notes = [pretty_midi.Note(90, 60 + k, 0.5 * k, 0.5 * k + 0.25) for k in range(7)]
    drums.notes = [pretty_midi.Note(100, 36, 1.0, 1.125)]
    written.instruments += [melody, drums]
    written.write(str(tmp_path / "song.mid"))
    return tmp_path / "song.mid"


def test_tracks_are_what_was_written(song: Path) -> None:
    melody, drums = read_tracks(song)
    assert (melody.name, melody.program, melody.is_drum) == (" Melody ", 73, False)
    assert (drums.name, drums.is_drum) == ("", True)
    np.testing.assert_allclose(melody.notes, [[0.5 * k, 0.5 * k + 0.25, 60 + k, 90] for k in range(7)], atol=2e-3)
    np.testing.assert_allclose(drums.notes, [[1.0, 1.125, 36, 100]], atol=2e-3)


def test_beats_and_downbeats_follow_tempo_and_time_signature(song: Path) -> None:
    beats, downbeats = read_tempo_grid(song)
    np.testing.assert_allclose(beats, 0.5 * np.arange(len(beats)), atol=1e-9)
    assert len(beats) >= 7
    np.testing.assert_allclose(downbeats[:3], [0.0, 1.5, 3.0], atol=1e-9)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">I", len(body)) + body


HEAD = chunk(b"MThd", struct.pack(">HHH", 0, 1, 480))
LATE_NOTE = chunk(b"MTrk", b"\xff\xff\xff\x7f\x90\x3c\x40" + b"\x00\xff\x2f\x00")
FILES = {
    "nothing": (b"", "breaks off"),
    "text": (b"no music at all", "OSError"),
    "a head alone": (HEAD[:10], "breaks off"),
    "a track cut off": (HEAD + LATE_NOTE[:12], "breaks off"),
    "a note a week later": (HEAD + LATE_NOTE, "largest tick of 268435456, it is likely corrupt"),
}


@pytest.mark.parametrize("read", [read_tracks, read_tempo_grid])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_midi_is_one_line(tmp_path: Path, name: str, read: Reader) -> None:
    content, why = FILES[name]
    (tmp_path / "a.mid").write_bytes(content)
    with pytest.raises(BenchError, match=rf"a\.mid: cannot be read as MIDI \(.*{why}.*\); get it again$") as told:
        read(tmp_path / "a.mid")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("read", [read_tracks, read_tempo_grid])
def test_missing_and_huge_files_are_refused(song: Path, monkeypatch: pytest.MonkeyPatch, read: Reader) -> None:
    with pytest.raises(BenchError, match=r"none\.mid: cannot be read as MIDI \(no such file\); get it again"):
        read(song.with_name("none.mid"))
    monkeypatch.setattr(formats, "MIDI_BYTES", 100)
    with pytest.raises(BenchError, match=r"song\.mid: cannot be read as MIDI \(.*\d+ bytes, at most 100\)"):
        read(song)


def test_signatures_in_later_tracks_raise_no_warning(tmp_path: Path) -> None:
    end, tempo = b"\x00\xff\x2f\x00", b"\x00\xff\x51\x03\x07\xa1\x20"
    note = b"\x00\x90\x3c\x40\x60\x80\x3c\x40"
    head = chunk(b"MThd", struct.pack(">HHH", 1, 2, 96))
    (tmp_path / "a.mid").write_bytes(head + chunk(b"MTrk", end) + chunk(b"MTrk", tempo + note + end))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_tracks(tmp_path / "a.mid")[0].notes) == 1
