"""Tests of bench.checking.fingerprint."""

import base64
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.audio import Audio, write_audio
from bench.checking.fingerprint import MATCH, SONG_BYTES, agreement, fingerprint, overlap, read_list, written
from bench.cli.app import app
from bench.errors import BenchError

RATE = 32000


def song(seed: int, seconds: float = 15.0) -> Audio:
    """Chords of decaying tones, different in every song."""
    rng, n = np.random.default_rng(seed), round(seconds * RATE)
    out = np.zeros(n)
    for start in np.arange(0, seconds - 0.5, 0.25):
        time = np.arange(min(RATE // 2, n - round(start * RATE))) / RATE
        for hz in rng.choice(np.geomspace(110, 3520, 60), 3, replace=False):
            out[round(start * RATE) :][: len(time)] += np.sin(2 * np.pi * hz * time) * np.exp(-6 * time)
    return Audio(0.1 * out, RATE)


def test_the_same_sound_agrees_fully_and_another_hardly() -> None:
    marks = [fingerprint(song(k)) for k in range(6)]
    assert all(agreement(m, m) == 1 for m in marks)
    assert max(agreement(a, b) for a in marks for b in marks if a is not b) < MATCH / 2
    assert all(len(m) > 200 for m in marks)


@pytest.mark.parametrize("offset", [0, 777, 40_321])
def test_a_song_is_recognised_in_a_longer_softer_and_noisy_one(offset: int) -> None:
    audio = song(1)
    rng = np.random.default_rng(5)
    longer = np.concatenate([0.01 * rng.standard_normal(offset), audio.mono, song(2, 5).mono])
    longer = 0.3 * longer + 0.01 * longer.std() * rng.standard_normal(len(longer))
    assert agreement(fingerprint(audio), fingerprint(Audio(longer, RATE))) > 1.5 * MATCH


def test_silence_and_very_short_sounds_have_no_landmarks() -> None:
    nothing = fingerprint(Audio(np.zeros(RATE), RATE))
    assert nothing.shape == fingerprint(Audio(np.ones(10), RATE)).shape == (0, 2)
    assert agreement(nothing, fingerprint(song(1))) == agreement(fingerprint(song(1)), nothing) == 0


def test_a_list_is_read_back_as_written(tmp_path: Path) -> None:
    marks = fingerprint(song(1))
    path = tmp_path / "list.txt"
    path.write_text(f"# a comment\n\n{written('My  song', marks)}\nOnly a name\n")
    (first, second) = read_list(path)
    assert first[0] == "My song" and np.array_equal(first[1], marks)
    assert second[0] == "Only a name" and len(second[1]) == 0


BOMB = base64.b64encode(zlib.compress(b"\0" * (SONG_BYTES + 8))).decode()


@pytest.mark.parametrize(
    "packed", ["!!", base64.b64encode(b"no zlib").decode(), base64.b64encode(zlib.compress(b"abc")).decode(), BOMB]
)
def test_damaged_landmarks_name_their_line(tmp_path: Path, packed: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"fine\nbad\t{packed}\n")
    with pytest.raises(BenchError, match=r"list\.txt:2: damaged landmarks"):
        read_list(path)


def test_a_binary_or_missing_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match="cannot be read as a training list"):
        read_list(path)
    with pytest.raises(BenchError, match="cannot be read as a training list"):
        read_list(tmp_path / "none")


@pytest.mark.parametrize(
    ("title", "is_known"),
    [
        ("blue moon", True),
        ("01 - BLUE_MOON (remaster).mp3", True),
        ("Blüe Móon", True),
        ("moon", False),
        ("bluemoon", False),
    ],
)
def test_names_are_compared_without_case_accents_and_punctuation(title: str, is_known: bool) -> None:
    nothing = np.zeros((0, 2), np.uint32)
    assert bool(overlap([(title, nothing)], ["Blue Moon", "x"], {})) == is_known


def test_the_command_makes_a_list_of_a_folder(tmp_path: Path) -> None:
    write_audio(tmp_path / "a" / "one.wav", song(1))
    write_audio(tmp_path / "two.wav", song(2))
    command = ["fingerprint", str(tmp_path)]
    made = CliRunner().invoke(app, command)
    assert made.exit_code == 0
    (tmp_path / "list.txt").write_text(made.stdout)
    songs = read_list(tmp_path / "list.txt")
    assert [name for name, _ in songs] == ["one", "two"]
    lines = overlap(songs, [], {"excerpt": fingerprint(song(2))})
    assert lines == ["'two' is the recording of the test excerpt excerpt (100% of landmarks agree)"]
    songs = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert ["\t".join(one.values()) for one in songs] == made.stdout.splitlines()
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    bad = CliRunner().invoke(app, command)
    assert bad.exit_code == 2 and "broken.wav" in bad.stderr


@pytest.mark.parametrize("name", ["nowhere", ""])
def test_a_folder_without_songs_is_no_empty_list(name: str, tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["fingerprint", str(tmp_path / name)])
    assert said.exit_code == 2 and not said.stdout and "holds no song (.wav, .flac, .ogg, .mp3)" in said.stderr
