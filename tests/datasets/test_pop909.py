"""POP909: a miniature of its layout, one clear line per problem, requests built from it, and real songs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.datasets.pop909 import PARTS, SAMPLE_RATE, beats_of, chords_of, listed_songs, read_parts
from bench.errors import BenchError, MissingComponent
from bench.manifest import Excerpt
from bench.music.controls import block_chords
from bench.pipeline.source import dataset_of
from bench.scores import WHOLE_SET, read_rows

SECONDS, BEAT_S = 36.0, 0.5
REAL = Path(__file__).parents[3] / "shared" / "data" / "pop909"
CHORDS = ("C:maj", "A:min7", "F:maj/3", "G:sus4(b7)", "D:hdim7", "N")


def write_song(root, song, tracks=tuple(PARTS)):
    folder = root / song
    folder.mkdir(parents=True)
    midi = pretty_midi.PrettyMIDI()
    for at, name in enumerate(tracks):
        instrument = pretty_midi.Instrument(0, name=name)
        for k in range(round(SECONDS / BEAT_S)):
            start = k * BEAT_S + 0.1
            instrument.notes.append(pretty_midi.Note(90 - at, 48 + 12 * at + (k * 7 + at) % 12, start, start + 0.45))
        midi.instruments.append(instrument)
    midi.write(str(folder / f"{song}.mid"))
    beats = np.arange(0.1, SECONDS, BEAT_S)
    # As published: the first beat of a bar may come late, and the second column marks bars of two.
    marks = [f"{time} {float(k % 2 == 1)} {float(k % 4 == 1)}\n" for k, time in enumerate(beats)]
    (folder / "beat_midi.txt").write_text("".join(marks))
    edges = [*np.arange(0.1, SECONDS, 2.0), SECONDS]
    labels = [CHORDS[k % len(CHORDS)] for k in range(len(edges) - 1)]
    lines = [f"{start:.6f}\t{end:.6f}\t{label}\n" for start, end, label in zip(edges, edges[1:], labels, strict=False)]
    (folder / "chord_midi.txt").write_text("".join(lines))
    (folder / "key_audio.txt").write_text("2.1\t30.0\tGb:maj\n")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "pop909" / "POP909"
    for song in ("001", "012", "002"):
        write_song(root, song)
    (root / "001" / "versions").mkdir()
    return root.parent


@pytest.fixture
def root(written, tmp_path, monkeypatch):
    """A copy for tests to damage, found through $BENCH_DATA."""
    shutil.copytree(written, tmp_path / "data" / "pop909")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "kept"))
    dataset_of.cache_clear()
    return tmp_path / "data" / "pop909" / "POP909"


def load(path=""):
    return plugins.load("datasets", "pop909", path=str(path))


def bench(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


def excerpt(start_s=4.0, track="001", duration_s=15.0):
    return Excerpt(track, "pop909", track, start_s, duration_s)


def test_every_song_is_in_one_split_and_an_eleventh_in_test():
    splits = [row["split"] for row in listed_songs().values()]
    assert [splits.count(split) for split in ("test", "validation", "train")] == [83, 83, 743]
    assert set(splits[::11]) == {"test"} and set(splits[1::11]) == {"validation"}
    assert list(listed_songs())[::908] == ["001", "909"]


def test_songs_are_found_in_the_repository_its_folder_or_any_other(root):
    for path in ("", root, root.parent):
        assert load(path).tracks("test") == ["001", "012"]
        assert load(path).tracks("validation") == ["002"] and load(path).tracks("train") == []


def test_a_git_clone_is_found(root):
    root.rename(root.parent / "songs")
    (root.parent / "POP909-Dataset").mkdir()
    (root.parent / "songs").rename(root.parent / "POP909-Dataset" / "POP909")
    assert load().tracks("test") == ["001", "012"]


def test_a_key_annotation_added_later_is_in_the_prompt(root, tmp_path):
    (root / "001" / "key_audio.txt").rename(tmp_path / "key")
    assert "major" not in load().select("pop909-test").excerpts[0].prompt
    (tmp_path / "key").rename(root / "001" / "key_audio.txt")
    assert "Gb major" in load().select("pop909-test").excerpts[0].prompt


def test_a_missing_data_set_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(MissingComponent, match=r"Clone github\.com/music-x-lab/POP909-Dataset; put it into"):
        load()


def test_parts_of_an_excerpt_are_timed_from_its_start(written):
    dataset = load(written)
    mix, later = dataset.read(excerpt(4.0), "mix"), dataset.read(excerpt(5.0), "mix")
    assert mix.samples.shape == (1, 15 * SAMPLE_RATE) and mix.sample_rate == SAMPLE_RATE
    assert np.array_equal(mix.mono[SAMPLE_RATE:], later.mono[:-SAMPLE_RATE])
    assert np.array_equal(dataset.read(excerpt(4.0), "other").mono, mix.mono)
    assert not dataset.read(excerpt(), "drums").mono.any() and dataset.read(excerpt(), "bass") is None
    notes, piano = dataset.read(excerpt(4.0), "notes"), dataset.read(excerpt(4.0), "piano")
    assert set(notes.programs) == {program for program, _ in PARTS.values()} and set(piano.programs) == {0}
    assert len(notes) == 90 and len(piano) == 30 and notes.intervals_s[0, 0] == pytest.approx(0.1, abs=2e-3)
    beats, chords = dataset.read(excerpt(4.0), "beats"), dataset.read(excerpt(4.0), "chords")
    assert beats.times_s[:2] == pytest.approx([0.1, 0.6]) and list(beats.positions[:5]) == [4, 1, 2, 3, 4]
    assert chords.labels[:3] == ("A:min7", "F:maj/3", "G:sus4(b7)") and chords.intervals_s[0] == pytest.approx([0, 0.1])


def test_the_sound_renders_the_notes_at_the_suites_level(written):
    mix = load(written).read(excerpt(1.0, duration_s=30.0), "mix").mono
    assert 0.05 < np.sqrt(np.mean(mix**2)) <= 0.12 and np.abs(mix).max() <= 10 ** (-1 / 20) + 1e-6


def test_bars_of_three_are_counted_by_the_first_mark(tmp_path):
    path = tmp_path / "beat_midi.txt"
    path.write_text("".join(f"{k * 0.5} {float(k % 3 == 2)} {float(k % 6 == 2)}\n" for k in range(24)))
    assert list(beats_of(path).positions[:7]) == [2, 3, 1, 2, 3, 1, 2]


def test_the_prompt_names_tempo_metre_and_key(written):
    assert load(written).about("001") == "120 bpm, 4/4, Gb major, flute, strings and piano"


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("chord_midi.txt", "0.0\t2.0\tC:maj\n2.0\t4.0\tC:nonsense\n", "chord_midi.txt:2: 'C:nonsense' is no chord"),
        ("chord_midi.txt", "0.0\t2.0\tC:maj\n1.0\t4.0\tC:min\n", "chord_midi.txt:2: the chord C:min begins at 1.0 s"),
        ("chord_midi.txt", "", "chord_midi.txt: names no chords; get it again"),
        ("chord_midi.txt", "0.0\t2.0\n", "chord_midi.txt:1: want 'start end label'"),
        ("beat_midi.txt", "0.5 1.0 1.0\n0.4 0.0 0.0\n", "beat_midi.txt:2: the beat at 0.4 s comes after one at 0.5 s"),
        ("beat_midi.txt", "0.5 1.0\n", "beat_midi.txt:1: want a time and two marks, found '0.5 1.0'"),
        ("beat_midi.txt", "nan 1.0 1.0\n", "beat_midi.txt:1: want a time and two marks"),
        ("beat_midi.txt", "0.5 one 1.0\n", "beat_midi.txt:1: could not convert"),
        ("beat_midi.txt", "0.5 0.0 0.0\n1.0 0.0 0.0\n", "beat_midi.txt: marks no bars"),
        ("001.mid", "MThd", "001.mid: cannot be read as MIDI"),
    ],
)
def test_a_malformed_file_gives_one_clear_line(root, file, text, why):
    (root / "001" / file).write_text(text)
    said = bench("data", "verify", "pop909", code=1)
    assert why in said and said.count(f"/001/{file}") == 1


@pytest.mark.parametrize("file", ["001.mid", "chord_midi.txt", "beat_midi.txt"])
def test_a_missing_file_is_named(root, file):
    (root / "001" / file).unlink()
    assert f"001/{file}" in bench("data", "verify", "pop909", code=1)
    assert file in bench("build", "--task", "inpaint-chords", "--dataset", "pop909", "--out", root / "out", code=2)


def test_a_song_without_a_track_says_which(root):
    shutil.rmtree(root / "001")
    write_song(root, "001", tracks=("MELODY", "PIANO"))
    assert "001.mid: has no track BRIDGE, but MELODY, PIANO" in bench("data", "verify", "pop909", code=1)


def test_missing_songs_are_counted_and_an_unknown_song_is_refused(root):
    assert "test: lacks 81 of its 83 tracks, the first is 023" in bench("data", "verify", "pop909", code=1)
    with pytest.raises(BenchError, match="holds no song '777'"):
        load(root).read(excerpt(track="777"), "mix")
    with pytest.raises(BenchError, match=r"001\.mid: 3[67]\.[0-9]+ s long, an excerpt asks for 50 s"):
        load(root).read(excerpt(35.0), "mix")


def test_statistics_and_selection(root, tmp_path):
    found = json.loads(bench("data", "stats", "pop909", "--json"))
    assert found["tracks"] == {"test": 2, "validation": 1, "train": 0} and found["test"]["excerpts"] == {"chosen": 2}
    assert "2 excerpts; 0 tracks have none" in bench("data", "select", "pop909", "--out", tmp_path / "lists")
    assert (tmp_path / "lists" / "pop909-test.sha256").read_text().count(".txt\n") == 6


def test_a_run_gives_a_table(root, tmp_path):
    said = bench("data", "prepare", "pop909", "--out", tmp_path / "runs")
    assert (
        "nothing to extract" in said and "left out inpaint-drums: inpaint-drums: pop909 has no drums to follow" in said
    )
    for task, column in (("inpaint-chords", "chord-accuracy"), ("inpaint-piano", "note-f1")):
        words = ["--task", task, "--dataset", "pop909", "--out", tmp_path / "runs"]
        bench("run", *words, "--model", "oracle", "--model", "copy-control")
        (path,) = (tmp_path / "runs" / "results" / task).glob("pop909-test-*/oracle.csv")
        rows = [row for row in read_rows(path) if row.metric == column and not row.example.startswith(WHOLE_SET)]
        assert [row.example for row in rows] == ["001", "012"] and all(row.state == "ok" for row in rows)


def test_a_task_that_follows_drums_is_refused_in_one_line(root, tmp_path):
    said = bench("build", "--task", "inpaint-drums", "--dataset", "pop909", "--out", tmp_path, code=2)
    assert "inpaint-drums: pop909 has no drums to follow" in " ".join(said.split())


@pytest.mark.skipif(not REAL.is_dir(), reason="needs songs of POP909 in ../shared/data")
def test_real_songs_are_read_completely():
    dataset = load(REAL)
    songs = dataset.tracks("test")
    assert len(songs) >= 12
    for song in songs:
        folder = REAL / song
        chords, beats, parts = chords_of(folder / "chord_midi.txt"), beats_of(folder / "beat_midi.txt"), None
        parts = read_parts(folder / f"{song}.mid")
        assert len(chords.labels) > 50 and len(beats.times_s) > 200 and all(len(notes) > 10 for notes in parts.values())
        assert len(block_chords(chords, beats, float(beats.times_s[-1]))) > 300
        assert set(np.diff(np.flatnonzero(beats.positions == 1))) & {3, 4} and dataset.problems(song) == []
