"""Symbols: written and read back, cut and shifted."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes, read_beats, read_chords, read_notes, write_symbols

CHORDS = Chords(np.array([[0.0, 1.5], [1.5, 3.25]]), ("C:maj", "A:min7/b3"))


def test_chords_go_to_disk_and_back(tmp_path: Path) -> None:
    write_symbols(tmp_path / "a.lab", CHORDS)
    back = read_chords(tmp_path / "a.lab")
    assert back.labels == CHORDS.labels and np.allclose(back.intervals_s, CHORDS.intervals_s, atol=1e-6)


@pytest.mark.parametrize("positions", [(), (1, 2, 3)])
def test_beats_go_to_disk_and_back(tmp_path: Path, positions: tuple) -> None:
    write_symbols(tmp_path / "b.txt", Beats(np.array([0.1, 0.6, 1.1]), np.array(positions)))
    back = read_beats(tmp_path / "b.txt")
    assert back.times_s == pytest.approx([0.1, 0.6, 1.1]) and tuple(back.positions) == positions
    assert back.downbeats_s.tolist() == ([0.1] if positions else [])


note_rows = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0.01, 5), st.integers(0, 127), st.integers(1, 127), st.integers(0, 128)),
    min_size=1, max_size=20, unique_by=lambda row: (row[2], row[4]),
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(note_rows)
def test_notes_go_to_midi_and_back_within_a_tenth_of_a_millisecond(rows) -> None:
    table = np.array(rows)
    notes = Notes.joined([Notes(np.c_[table[:, 0], table[:, 0] + table[:, 1]], table[:, 2], table[:, 3], table[:, 4])])
    with tempfile.TemporaryDirectory() as folder:
        write_symbols(Path(folder) / "n.mid", notes)
        back = read_notes(Path(folder) / "n.mid")
    key = lambda n: np.lexsort((n.programs, n.pitches))  # noqa: E731
    a, b = notes.where(key(notes)), back.where(key(back))
    assert np.array_equal(a.pitches, b.pitches) and np.array_equal(a.velocities, b.velocities)
    assert np.array_equal(a.programs, b.programs)
    assert np.abs(a.intervals_s - b.intervals_s).max() <= 1.01e-4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 1", "a.lab:1: want 'start end label'"),
        ("0 1 C:maj\n1 x D:maj", "a.lab:2: 'x' is not a number"),
        ("2 1 C:maj", r"a.lab:1: the chord C:maj ends \(1.0\) before it starts \(2.0\)"),
        ("nan 1 C", "a.lab:1: 'nan' is not a number"),
        ("0 1e400 C", "a.lab:1: '1e400' is not a number"),
        ("0 1 C:maj extra", "a.lab:1: want 'start end label'"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.lab").write_text(text)
    with pytest.raises(BenchError, match=said):
        read_chords(tmp_path / "a.lab")


def test_bad_beats_and_midi_are_named(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("0.5 1\n1.0\n")
    with pytest.raises(BenchError, match="some lines have a position"):
        read_beats(tmp_path / "b.txt")
    (tmp_path / "n.mid").write_bytes(b"MThd nonsense")
    with pytest.raises(BenchError, match=r"n\.mid: cannot be read as MIDI"):
        read_notes(tmp_path / "n.mid")
    with pytest.raises(BenchError, match=r"gone\.lab: cannot be read as text"):
        read_chords(tmp_path / "gone.lab")


def test_cutting_keeps_the_origin_of_times() -> None:
    assert CHORDS.cut(1, 2).intervals_s.tolist() == [[1, 1.5], [1.5, 2]]
    notes = Notes(np.array([[0.5, 1.0], [1.5, 3.0]]), [60, 62], [90, 91], [0, 1])
    kept = notes.cut(1, 2)
    assert kept.intervals_s.tolist() == [[1.5, 2.0]] and kept.programs.tolist() == [1]
    assert notes.shifted(1).intervals_s[0].tolist() == [1.5, 2.0]
    beats = Beats(np.array([0.5, 1.0, 2.0]), np.array([1, 2, 1]))
    assert beats.cut(1, 2).times_s.tolist() == [1.0] and beats.shifted(1).times_s[0] == 1.5


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="1 intervals but 2 labels"):
        Chords(np.zeros((1, 2)), ("a", "b"))
    with pytest.raises(ValueError, match="2 intervals"):
        Notes(np.zeros((2, 2)), [1], [1, 2])
    with pytest.raises(ValueError, match="2 times but 1 positions"):
        Beats(np.zeros(2), np.array([1]))
    assert len(Notes.joined([])) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.001, 9), st.sampled_from(["N", "X", "C:maj", "F#:hdim7/b5", "B:min/5"])), max_size=9)
)
def test_any_chords_go_to_disk_and_back_to_the_microsecond(rows) -> None:
    ends = np.cumsum([length for length, _ in rows])
    chords = Chords(np.c_[np.append(0.0, ends)[: len(rows)], ends], tuple(label for _, label in rows))
    with tempfile.TemporaryDirectory() as folder:
        write_symbols(Path(folder) / "a.lab", chords)
        back = read_chords(Path(folder) / "a.lab")
        write_symbols(Path(folder) / "b.lab", back)
        assert (Path(folder) / "a.lab").read_bytes() == (Path(folder) / "b.lab").read_bytes()
    assert back.labels == chords.labels and back.intervals_s.shape == (len(rows), 2)
    assert np.allclose(back.intervals_s, chords.intervals_s, rtol=0, atol=5.1e-7)


@pytest.mark.parametrize("start_s", [0.0, 0.00005, 1.0, 14.99999, 119.5])
@pytest.mark.parametrize("length_s", [0.0, 1e-5, 5e-5, 1e-4])
def test_the_shortest_notes_keep_their_onsets(tmp_path: Path, start_s: float, length_s: float) -> None:
    """A hit cut off by an excerpt's end still counts as an onset."""
    write_symbols(tmp_path / "n.mid", Notes(np.array([[start_s, start_s + length_s]]), [38], [90], [DRUM_PROGRAM]))
    back = read_notes(tmp_path / "n.mid")
    assert len(back) == 1 and back.intervals_s[0] == pytest.approx([start_s, start_s + length_s], abs=2.1e-4)


def test_empty_notes_and_chords_are_written_and_read(tmp_path: Path) -> None:
    write_symbols(tmp_path / "n.mid", Notes.joined([]))
    write_symbols(tmp_path / "c.lab", Chords(np.zeros((0, 2)), ()))
    write_symbols(tmp_path / "b.txt", Beats())
    assert len(read_notes(tmp_path / "n.mid")) == 0
    assert read_chords(tmp_path / "c.lab").intervals_s.shape == (0, 2)
    assert read_beats(tmp_path / "b.txt").times_s.shape == (0,)


def test_the_same_symbols_give_the_same_bytes(tmp_path: Path) -> None:
    notes = Notes(np.array([[0.1, 0.4], [0.1, 0.2], [0.3, 0.9]]), [60, 36, 64], [90, 80, 70], [0, 128, 40])
    write_symbols(tmp_path / "a.mid", notes)
    write_symbols(tmp_path / "b.mid", notes)
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()


@pytest.mark.parametrize("position", ["0", "-3", "1.5", "1e30", "inf", "two"])
def test_a_wrong_position_is_named(tmp_path: Path, position: str) -> None:
    (tmp_path / "b.txt").write_text(f"0.5 1\n1.0 {position}\n")
    with pytest.raises(BenchError, match=rf"b\.txt:2: '{position}' is (not a position in a bar|not a number)"):
        read_beats(tmp_path / "b.txt")
