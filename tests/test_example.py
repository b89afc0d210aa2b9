"""Tests of bench.example."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import example
from bench.audio import Audio, write_audio
from bench.errors import BenchError
from bench.example import (
    Control,
    Example,
    Request,
    Truth,
    masked,
    other_songs,
    read_example,
    read_request,
    write_reference,
    write_request,
)  # fmt: skip
from bench.manifest import song_of
from bench.mask import Mask
from bench.symbols import Beats, Chords, Notes

RATE, MASK = 16000, Mask(((10, 40),), 100)
SOUND = Audio(np.random.default_rng(0).normal(0, 0.1, 2 * RATE), RATE)
CHORDS, BEATS = Chords(np.array([[0.0, 2.0]]), ("C:maj",)), Beats(np.array([0.0, 0.5]), np.array([1, 2]))
NOTES = Notes(np.array([[0.5, 1.0]]), [60], [90], [128])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    controls = {
        "drums": Control("drums", SOUND, SOUND),
        "chords": Control("chords", CHORDS, SOUND, BEATS),
        "piano": Control("piano", NOTES, SOUND),
    }
    request = Request("a--2", "t", 3, masked(SOUND, MASK), MASK, controls, "a prompt", 77)
    write_request(tmp_path / "requests", request)
    write_reference(tmp_path / "references", Example(request, SOUND, Truth(CHORDS, BEATS, NOTES)))
    return tmp_path


def test_an_example_is_read_back_as_written(folder: Path) -> None:
    back = read_example(folder / "requests", folder / "references", "a--2")
    request = back.request
    assert (request.id, request.task, request.version, request.prompt, request.seed) == ("a--2", "t", 3, "a prompt", 77)
    assert request.mask == MASK and back.song == "a"
    assert np.array_equal(back.reference.samples, SOUND.samples)
    assert request.controls["chords"].content.labels == ("C:maj",)
    assert request.controls["chords"].beats.positions.tolist() == [1, 2]
    assert request.controls["piano"].content.programs.tolist() == [128]
    assert np.array_equal(request.controls["drums"].content.samples, SOUND.samples)
    assert back.truth.notes.pitches.tolist() == [60] and back.truth.beats.times_s[1] == 0.5


def test_missing_annotations_stay_missing(tmp_path: Path, folder: Path) -> None:
    request = read_request(folder / "requests" / "a--2")
    write_reference(tmp_path / "bare", Example(request, SOUND, Truth()))
    truth = read_example(folder / "requests", tmp_path / "bare", "a--2").truth
    assert (truth.chords, truth.beats, truth.notes) == (None, None, None)


def test_the_hole_is_zero_and_the_context_untouched() -> None:
    inside = MASK.inside(RATE)
    assert not masked(SOUND, MASK).mono[inside].any()
    assert np.array_equal(masked(SOUND, MASK).mono[~inside], SOUND.mono[~inside])


def test_a_request_holds_no_reference(folder: Path) -> None:
    names = {path.name for path in (folder / "requests" / "a--2").iterdir()}
    assert names == {
        "request.yaml", "masked.wav", "control-drums.wav", "control-chords.wav", "control-piano.wav",
        "control-chords.lab", "control-piano.mid", "beats.txt",
    }  # fmt: skip


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "request.yaml").read_text()
    assert text.count(old) == 1
    (folder / "request.yaml").write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "masked.wav").unlink(), r"masked\.wav: cannot be read as audio \(no such file\)"),
        (
            lambda folder: write_audio(folder / "masked.wav", SOUND.cut(0, 1)),
            "16000 samples at 16000 Hz, the request says 32000",
        ),
        (lambda folder: (folder / "request.yaml").unlink(), r"request\.yaml: cannot be read"),
        (
            lambda folder: (folder / "request.yaml").write_text("id: a--2\n"),
            "the keys 'task', 'prompt', .*'controls' are missing; get the requests",
        ),
        (lambda folder: (folder / "request.yaml").write_text("secret: a\n"), "no key is called 'secret'"),
        (lambda folder: (folder / "control-chords.lab").unlink(), r"control-chords\.lab: cannot be read"),
        (lambda folder: (folder / "beats.txt").unlink(), r"beats\.txt: cannot be read"),
        (
            lambda folder: (folder / "control-piano.mid").write_bytes(b"MThd"),
            r"control-piano\.mid: cannot be read as MIDI",
        ),
        (lambda folder: edit(folder, "id: a--2", "id: b"), "the id is 'b', the folder's name is 'a--2'"),
        (lambda folder: edit(folder, "- drums", "- [drums]"), r"no kind of control is called \['drums'\]"),
        (lambda folder: edit(folder, "sample_rate: 16000", "sample_rate: 32000"), "the request says 64000 at 32000 Hz"),
        (lambda folder: edit(folder, "seed: 77", "seed: none"), "seed: want a whole number, found 'none'"),
    ],
)
def test_a_damaged_request_is_named(folder: Path, change, said: str) -> None:
    change(folder / "requests" / "a--2")
    with pytest.raises(BenchError, match=said):
        read_request(folder / "requests" / "a--2")


@pytest.mark.parametrize("n", [2, 3, 7, 16])
def test_every_song_stands_in_for_exactly_one_other(n: int) -> None:
    ids = [f"song-{k}" for k in range(n)]
    partners = other_songs(ids)
    assert sorted(partners) == sorted(partners.values()) == sorted(ids)
    assert all(a != b for a, b in partners.items())
    assert partners == other_songs(ids)


def test_excerpts_of_one_song_are_not_each_others_partners() -> None:
    partners = other_songs(["a", "a--2", "b", "c", "c--2", "c--3"])
    assert all(a.partition("--")[0] != b.partition("--")[0] for a, b in partners.items())
    with pytest.raises(BenchError, match="all 2 excerpts are of one song"):
        other_songs(["a", "a--2"])


def test_no_byte_of_a_request_depends_on_the_hidden_sound(tmp_path: Path) -> None:
    """Two songs that differ in the hole alone give the same request, file by file, byte by byte."""
    inside, requests = MASK.inside(RATE), []
    for k in range(2):
        hidden = np.random.default_rng(k + 1).normal(0, 0.3, SOUND.n_samples)
        song = Audio(np.where(inside, hidden, SOUND.mono), RATE)
        request = Request("a", "t", 1, masked(song, MASK), MASK, {"drums": Control("drums", SOUND, SOUND)}, "p", 7)
        write_request(tmp_path / str(k), request)
        requests.append({path.name: path.read_bytes() for path in (tmp_path / str(k) / "a").iterdir()})
    assert requests[0] == requests[1] and len(requests[0]) == 3


def test_a_mask_of_everything_leaves_silence_and_of_nothing_the_song() -> None:
    assert not masked(SOUND, Mask(((0, 100),), 100)).samples.any()
    assert np.array_equal(masked(SOUND, Mask((), 100)).mono, SOUND.mono)


def test_a_request_is_complete_when_its_yaml_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run killed between two files leaves no request.yaml, so that the example is built again."""
    written = []
    for name in ("write_audio", "write_symbols", "write_text"):
        monkeypatch.setattr(example, name, lambda path, what: written.append(path.name))
    controls = {"chords": Control("chords", CHORDS, SOUND, BEATS), "piano": Control("piano", NOTES, SOUND)}
    write_request(tmp_path, Request("a", "t", 1, SOUND, MASK, controls))
    assert written[-1] == "request.yaml" and len(written) == 7


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=12), st.integers(0, 10**6))
def test_songs_stand_in_for_one_another_by_a_permutation_without_fixed_points(counts: list[int], salt: int) -> None:
    songs = [f"s{salt}-{k}" for k in range(len(counts))]
    ids = [song if k == 0 else f"{song}--{k + 1}" for song, n in zip(songs, counts, strict=True) for k in range(n)]
    partners = other_songs(ids)
    assert set(partners) == set(ids) and set(partners.values()) <= set(ids)
    assert other_songs(ids[::-1]) == partners
    by_song = {song_of(a): song_of(b) for a, b in partners.items()}
    assert sorted(by_song) == sorted(by_song.values()) == sorted(songs)
    assert all(a != b for a, b in by_song.items())
    assert all(by_song[song_of(a)] == song_of(b) for a, b in partners.items())


def test_partners_do_not_follow_the_alphabet() -> None:
    """Neighbours in a list may be of the same album, and too similar for a chance level."""
    steps = set()
    for salt in range(20):
        ids = [f"s{salt}-{k:02d}" for k in range(16)]
        steps |= {(ids.index(b) - ids.index(a)) % 16 for a, b in other_songs(ids).items()}
    assert steps == set(range(1, 16))
