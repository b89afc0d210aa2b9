"""MoisesDB: a miniature of its layout with files of several lengths, splits by artist, one clear line per problem."""

import json
import re
import shutil
import uuid

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.datasets import moisesdb
from bench.datasets.moisesdb import SPLITS, split_of
from bench.errors import BenchError
from bench.manifest import Excerpt, read_manifest
from bench.scores import WHOLE_SET, read_rows

RATE, SEED = 44100, 240
STEMS = {
    "drums": [("kick_drum", 0.0, 19.0), ("cymbals", 0.0, 18.0)],
    "bass": [("bass_guitar", 80.0, 19.0)],
    "vocals": [("lead male singer", 660.0, 17.5)],
    "other_keys": [("organ, electric organ", 440.0, 20.0)],
    "percussion": [("a-tonal percussion (claps, shakers, congas, cowbell etc)", 1500.0, 19.0)],
}
"""The kinds of tracks, their pitch (0: noise on beats) and length: those of a song differ."""


def named(artist, k):
    """Return the folder of a song; a real one is a UUID too."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{artist} {k}"))


def artist_of(split):
    """Return the first made-up artist of a split."""
    return next(f"Artist {k}" for k in range(1000) if split_of(f"Artist {k}", SEED) == split)


def write_song(folder, artist, genre="singer_songwriter"):
    stems = []
    for stem, tracks in STEMS.items():
        (folder / stem).mkdir(parents=True)
        said = []
        for kind, hz, seconds in tracks:
            name, time_s = (
                str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{folder.name} {kind}")),
                np.arange(round(seconds * RATE)) / RATE,
            )
            noise = np.random.default_rng(len(kind)).normal(0, 1, len(time_s)) * (time_s % 0.5 < 0.1)
            sound = 0.1 * (np.sin(2 * np.pi * hz * time_s) if hz else noise)
            channels = 1 if stem == "bass" else 2
            soundfile.write(folder / stem / f"{name}.wav", np.stack([sound] * channels, axis=1), RATE, subtype="PCM_16")
            said.append({"id": name, "trackType": kind, "extension": "wav", "has_bleed": False})
        stems.append({"stemName": stem, "id": str(uuid.uuid4()), "tracks": said})
    data = {"song": "A Song", "artist": artist, "genre": genre, "stems": stems}
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "moisesdb" / "moisesdb_v0.1"
    for split, songs in {"test": 2, "validation": 1, "train": 1}.items():
        for k in range(songs):
            artist = artist_of(split)
            write_song(root / named(artist, k), artist)
    return root.parent


@pytest.fixture
def root(written, tmp_path, monkeypatch):
    """A copy for tests to damage, found through $BENCH_DATA; the folder of its songs."""
    shutil.copytree(written, tmp_path / "data" / "moisesdb")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "kept"))
    monkeypatch.setattr(moisesdb, "N_SONGS", 4)
    return tmp_path / "data" / "moisesdb" / "moisesdb_v0.1"


def load(path=""):
    return plugins.load("datasets", "moisesdb", path=str(path))


def bench(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


def test_artists_are_drawn_into_splits_of_about_the_shares():
    splits = [split_of(f"Somebody {k}", SEED) for k in range(2000)]
    assert [round(splits.count(split) / 2000, 1) for split in SPLITS] == [0.2, 0.1, 0.7]
    assert split_of("Some  BODY ", SEED) == split_of("some body", SEED)
    assert {split_of(nobody, seed) for nobody in ("", "  ") for seed in range(20)} == {"train"}
    assert [split_of(f"Somebody {k}", SEED + 1) for k in range(99)] != splits[:99]


def test_all_songs_of_an_artist_are_in_one_split(written):
    songs = {split: load(written).tracks(split) for split in SPLITS}
    assert songs["test"] == sorted(named(artist_of("test"), k) for k in range(2))
    assert [len(songs[split]) for split in SPLITS] == [2, 1, 1]
    assert load(written / "moisesdb_v0.1").tracks("test") == songs["test"]


def test_the_mix_is_the_sum_of_all_files_to_the_longest_one(written):
    song = named(artist_of("test"), 0)
    excerpt = Excerpt("x", "moisesdb", song, 5.0, 15.0)
    parts = {what: load(written).read(excerpt, what) for what in ("mix", "drums", "bass", "other")}
    assert parts["mix"].samples.shape == (2, 15 * RATE) and parts["bass"].samples.shape == (1, 15 * RATE)
    total = parts["drums"].samples + parts["bass"].samples + parts["other"].samples
    assert np.abs(total - parts["mix"].samples).max() < 1e-6
    at = np.abs(parts["mix"].mono).reshape(150, -1).max(axis=1)  # every 0.1 s from 5 s on
    assert at[145:].min() == pytest.approx(0.1, abs=0.01)  # the organ alone after 19 s
    spectrum = np.abs(np.fft.rfft(parts["other"].mono))
    assert set(np.argsort(spectrum)[-3:] / 15) == {440, 660, 1500}
    with pytest.raises(BenchError, match=r"20\.00 s long, an excerpt asks for 21 s of it"):
        load(written).read(Excerpt("y", "moisesdb", song, 6.0, 15.0), "mix")


def test_from_files_to_a_table(root, tmp_path):
    assert "complete and readable" in bench("data", "verify", "moisesdb")
    found = json.loads(bench("data", "stats", "moisesdb", "--json"))
    assert found["tracks"] == {"test": 2, "validation": 1, "train": 1} and found["test"]["share_with_drums"] == 1
    bench("data", "select", "moisesdb", "--out", tmp_path / "lists")
    excerpts = read_manifest(tmp_path / "lists" / "moisesdb-test.csv").excerpts
    assert len(excerpts) == 2 and {e.prompt for e in excerpts} == {"singer songwriter"}
    assert len((tmp_path / "lists" / "moisesdb-test.sha256").read_text().splitlines()) == 2 * 7
    said = bench("data", "prepare", "moisesdb", "--task", "inpaint-chords", "--out", tmp_path / "runs")
    assert re.search(r"chords +2 extracted, 0 already there", said) and "beats" in said
    bench("run", "--task", "inpaint-free", "--dataset", "moisesdb", "--model", "oracle", "--out", tmp_path / "runs")
    (table,) = (tmp_path / "runs" / "results" / "inpaint-free").glob("moisesdb-test-*/oracle.csv")
    scores = {row.metric: row.value for row in read_rows(table) if row.example == WHOLE_SET}
    assert scores["context-lsd"] == 0 and scores["chroma-cosine"] == pytest.approx(1)


def spoiled(song, how):
    """Spoil a song and return the line that names it."""
    data = song / "data.json"
    if how == "no data.json":
        data.unlink()
        return r"data\.json: cannot be read \(No such file or directory\); get the song again"
    if how == "data.json cut short":
        data.write_text(data.read_text()[:200])
        return r"data\.json: cannot be read as JSON \(Unterminated"
    if how == "a stem without a name":
        data.write_text(data.read_text().replace('"stemName": "bass", ', ""))
        return r"data\.json: the key 'stemName' is missing; get the song again"
    if how == "a path out of the folder":
        data.write_text(data.read_text().replace('"stemName": "bass"', '"stemName": "../bass"'))
        return r"data\.json: '\.\./bass' is no file of a song"
    (path,) = (song / "bass").glob("*.wav")
    if how == "a missing file":
        path.unlink()
        return rf"bass/{path.name}: cannot be read as audio \(no such file\); get it again"
    path.write_bytes(b"RIFF")
    return rf"bass/{path.name}: cannot be read as audio"


@pytest.mark.parametrize("how", ["a missing file", "a corrupted file"])
def test_verify_names_every_problem(root, how):
    line = spoiled(root / named(artist_of("test"), 0), how)
    (found,) = load().verify()
    assert re.search(line, found)
    assert "Traceback" not in bench("data", "verify", "moisesdb", code=1)


@pytest.mark.parametrize(
    "how", ["no data.json", "data.json cut short", "a stem without a name", "a path out of the folder"]
)
def test_a_malformed_data_json_is_named(root, how):
    line = spoiled(root / named(artist_of("test"), 0), how)
    with pytest.raises(BenchError, match=line):
        load().tracks("test")
    (found,) = load().verify()
    assert re.search(line, found) and "Traceback" not in bench("data", "verify", "moisesdb", code=1)


def test_all_malformed_data_json_files_are_named(root):
    for split in ("test", "train"):
        spoiled(root / named(artist_of(split), 0), "no data.json")
    assert len(load().verify()) == 2


def test_an_incomplete_data_set_is_named(root):
    shutil.rmtree(root / named(artist_of("train"), 0))
    assert load().verify() == [f"{root}: 3 songs, not 4"]


def test_a_missing_song_is_named(written):
    with pytest.raises(BenchError, match="holds no 'elsewhere'"):
        load(written).read(Excerpt("x", "moisesdb", "elsewhere", 0.0, 15.0), "mix")
