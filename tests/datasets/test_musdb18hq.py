"""MUSDB18-HQ: a miniature of its layout, one clear line per problem, and requests built from it."""

import json
import re
import shutil

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.datasets import musdb18hq
from bench.datasets.musdb18hq import listed_songs
from bench.errors import BenchError, UnknownName
from bench.manifest import Excerpt, read_manifest
from bench.scores import WHOLE_SET, read_rows

RATE, SECONDS = 44100, 19.0
SONGS = (
    "test/M.E.R.C. Music - Knockout",
    "test/We Fell From The Sky - Not You",
    "train/ANiMAL - Rockshow",
    "train/Jokers, Jacks & Kings - Sea Of Leaves",
)
STEMS = {"drums": 0.0, "bass": 80.0, "other": 440.0, "vocals": 660.0}


def write_song(folder, seconds=SECONDS):
    folder.mkdir(parents=True)
    time_s, rng = np.arange(round(seconds * RATE)) / RATE, np.random.default_rng(len(folder.name))
    sounds = {
        name: 0.1 * (np.sin(2 * np.pi * hz * time_s) if hz else rng.normal(0, 1, len(time_s)) * (time_s % 0.5 < 0.1))
        for name, hz in STEMS.items()
    }
    sounds = {name: np.stack([sound, 0.5 * sound], axis=1) for name, sound in sounds.items()}
    for name, sound in {**sounds, "mixture": sum(sounds.values())}.items():
        soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="PCM_16")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "musdb18hq"
    for song in SONGS:
        write_song(root / song)
    return root


@pytest.fixture
def root(written, tmp_path, monkeypatch):
    """A copy for tests to damage, found through $BENCH_DATA, with only these songs in the list of songs."""
    shutil.copytree(written, tmp_path / "data" / "musdb18hq")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "kept"))
    rows = {song.split("/")[1]: listed_songs()[song.split("/")[1]] for song in SONGS}
    monkeypatch.setattr(musdb18hq, "listed_songs", lambda: rows)
    return tmp_path / "data" / "musdb18hq"


def load(path=""):
    return plugins.load("datasets", "musdb18hq", path=str(path))


def bench(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


def test_the_list_of_songs_equals_the_published_one():
    splits = [row["split"] for row in listed_songs().values()]
    assert [splits.count(split) for split in ("train", "validation", "test")] == [86, 14, 50]


def test_songs_are_listed_by_split(written):
    assert load(written).tracks("test") == list(SONGS[:2])
    assert load(written).tracks("validation") == ["train/ANiMAL - Rockshow"]
    assert load(written).tracks("train") == ["train/Jokers, Jacks & Kings - Sea Of Leaves"]


def test_three_stems_add_up_to_the_mix_with_the_voice_in_other(written):
    excerpt = Excerpt("x", "musdb18hq", SONGS[0], 2.0, 15.0)
    parts = {what: load(written).read(excerpt, what) for what in ("mix", "drums", "bass", "other")}
    assert all(part.samples.shape == (2, 15 * RATE) and part.sample_rate == RATE for part in parts.values())
    total = parts["drums"].samples + parts["bass"].samples + parts["other"].samples
    assert np.abs(total - parts["mix"].samples).max() < 4 / 32768
    spectrum = np.abs(np.fft.rfft(parts["other"].mono))
    assert set(np.argsort(spectrum)[-2:] / 15) == {440, 660}
    assert all(load(written).read(excerpt, what) is None for what in ("notes", "beats", "chords", "piano"))
    with pytest.raises(BenchError, match=r"19\.00 s long, an excerpt asks for 20 s of it"):
        load(written).read(Excerpt("y", "musdb18hq", SONGS[0], 5.0, 15.0), "mix")


def test_excerpts_of_odd_names(root):
    excerpts = load().select(None).excerpts
    assert [(e.id, e.track, e.prompt) for e in excerpts] == [
        ("test-m.e.r.c.-music-knockout", SONGS[0], "rap"),
        ("test-we-fell-from-the-sky-not-you", SONGS[1], "heavy metal"),
    ]
    assert all(e.start_s in (1, 2, 3) for e in excerpts)
    train = load().select("musdb18hq-train").excerpts
    assert [e.id for e in train] == ["train-jokers-jacks-kings-sea-of-leaves"]
    with pytest.raises(UnknownName, match="manifest of musdb18hq"):
        load().select("musdb18hq-dev")


def test_from_files_to_a_table(root, tmp_path):
    assert "complete and readable" in bench("data", "verify", "musdb18hq")
    found = json.loads(bench("data", "stats", "musdb18hq", "--json"))
    assert found["tracks"] == {"test": 2, "validation": 1, "train": 1} and found["test"]["share_with_drums"] == 1
    bench("data", "select", "musdb18hq", "--split", "validation", "--out", tmp_path / "lists")
    (excerpt,) = read_manifest(tmp_path / "lists" / "musdb18hq-validation.csv").excerpts
    assert excerpt.track == "train/ANiMAL - Rockshow"
    bench("build", "--task", "inpaint-drums", "--dataset", "musdb18hq", "--out", tmp_path / "built")
    assert len(list((tmp_path / "built").rglob("control-drums.wav"))) == 2
    said = bench("data", "prepare", "musdb18hq", "--task", "inpaint-chords", "--out", tmp_path / "runs")
    assert re.search(r"chords +2 extracted, 0 already there", said) and "beats" in said
    bench("run", "--task", "inpaint-free", "--dataset", "musdb18hq", "--model", "oracle", "--out", tmp_path / "runs")
    (table,) = (tmp_path / "runs" / "results" / "inpaint-free").glob("musdb18hq-test-*/oracle.csv")
    scores = {row.metric: row.value for row in read_rows(table) if row.example == WHOLE_SET}
    assert scores["context-lsd"] == 0 and scores["chroma-cosine"] == pytest.approx(1)


def spoiled(root, how):
    """Spoil a song and return the line that names it."""
    song = root / SONGS[0]
    if how == "a corrupted file":
        (song / "bass.wav").write_bytes(b"RIFF")
        return r"bass\.wav: cannot be read as audio .*; get it again"
    if how == "a missing stem":
        (song / "drums.wav").unlink()
        return r"drums\.wav: cannot be read as audio \(no such file\); get it again"
    if how == "a shorter stem":
        soundfile.write(song / "vocals.wav", np.zeros((9 * RATE, 2)), RATE)
        return r"vocals\.wav: 9\.00 s at 44100 Hz, mixture\.wav 19\.00 s at 44100 Hz"
    shutil.rmtree(root / SONGS[1])
    return r"test: lacks 1 of its 2 tracks, the first is We Fell From The Sky - Not You"


@pytest.mark.parametrize("how", ["a corrupted file", "a missing stem", "a shorter stem", "a missing song"])
def test_verify_names_every_problem(root, how):
    line = spoiled(root, how)
    (found,) = load().verify()
    assert re.search(line, found)
    assert "Traceback" not in bench("data", "verify", "musdb18hq", code=1)


def test_songs_in_the_wrong_folder_are_refused(root):
    (root / SONGS[2]).rename(root / "test" / "ANiMAL - Rockshow")
    with pytest.raises(BenchError, match=r"test/ANiMAL - Rockshow: a song of train in MUSDB18-HQ; move it there"):
        load().tracks("test")
    (root / "test" / "ANiMAL - Rockshow").rename(root / "test" / "Somebody - Else")
    with pytest.raises(BenchError, match=r"Somebody - Else: no song of MUSDB18-HQ"):
        load().tracks("test")


def test_the_compressed_release_is_refused(tmp_path):
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "Zeno - Signs.stem.mp4").touch()
    with pytest.raises(BenchError, match=r"holds MUSDB18 in \.stem\.mp4 files; get MUSDB18-HQ"):
        load(tmp_path).tracks("test")


def test_a_missing_song_is_named(written):
    with pytest.raises(BenchError, match=r"holds no '\.\./\.\./elsewhere'"):
        load(written).read(Excerpt("x", "musdb18hq", "../../elsewhere", 0.0, 15.0), "mix")
