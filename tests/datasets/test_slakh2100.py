"""Slakh2100: its published layout, one clear line per problem, and a run up to the table."""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from bench import plugins
from bench.cli.app import app
from bench.datasets import slakh2100
from bench.datasets.slakh2100 import listed_tracks
from bench.datasets.slakh2100.track import notes_of, stems_of
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.manifest import Excerpt, read_manifest
from bench.recordings.library import select
from bench.scores import WHOLE_SET, read_rows
from bench.symbols import DRUM_PROGRAM
from tests.datasets.tiny_slakh import RATE, song_of, write_slakh, write_track

EXCERPT = Excerpt("track01876", "slakh2100", "Track01876", 2.0, 15.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_slakh(tmp_path_factory.mktemp("data") / "slakh2100")


@pytest.fixture
def root(written, tmp_path, monkeypatch):
    """A copy for tests to damage, found through $BENCH_DATA, with its own folder of manifests."""
    shutil.copytree(written, tmp_path / "data" / "slakh2100")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "kept"))
    listed = listed_tracks()
    here = {folder.name for folder in (tmp_path / "data").glob("*/*/Track*")}
    monkeypatch.setattr(slakh2100, "listed_tracks", lambda: {track: listed[track] for track in sorted(here)})
    return tmp_path / "data" / "slakh2100"


def load(path=""):
    return plugins.load("datasets", "slakh2100", path=str(path))


def bench(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


def test_the_list_of_splits_equals_that_of_the_redux_release():
    listed = listed_tracks()
    sizes = {
        split: sum(row["split"] == split for row in listed.values())
        for split in ("train", "validation", "test", "omitted")
    }
    assert sizes == {"train": 1289, "validation": 270, "test": 151, "omitted": 390}
    bounds = {"train": (1, 1500), "validation": (1501, 1875), "test": (1876, 2100)}
    for track, row in listed.items():
        first, last = bounds.get(row["split"], (1, 2100))
        assert first <= int(track[5:]) <= last


def test_missing_data_gives_one_line_that_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(MissingComponent, match=r"slakh2100 is not here \(not in .*zenodo.*--dataset synthetic"):
        load()


def test_tracks_are_in_the_redux_splits_whatever_their_folder(written, tmp_path):
    splits = {split: load(written).tracks(split) for split in ("test", "validation", "train")}
    assert splits == {"test": ["Track01876", "Track01877"], "validation": ["Track01501"], "train": ["Track00001"]}
    for folder in written.glob("*/Track*"):
        shutil.copytree(folder, tmp_path / "flat" / folder.name)
    assert {split: load(tmp_path / "flat").tracks(split) for split in splits} == splits
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "slakh2100_flac_redux").symlink_to(written)
    assert load(tmp_path / "archive").tracks("test") == splits["test"]


@pytest.mark.parametrize("track", ["Track01876", "Track01877"])
def test_stems_add_up_to_the_mix(written, track):
    parts = {
        what: load(written).read(Excerpt("x", "slakh2100", track, 2.0, 15.0), what)
        for what in ("mix", "drums", "bass", "other")
    }
    assert all(part.samples.shape == (1, 15 * RATE) and part.sample_rate == RATE for part in parts.values())
    total = parts["drums"].samples + parts["bass"].samples + parts["other"].samples
    assert np.abs(total - parts["mix"].samples).max() < 4 / 32768
    whole, _ = soundfile.read(written / "test" / "Track01876" / "stems" / "S00.flac", dtype="float32")
    assert track != "Track01876" or np.array_equal(parts["drums"].mono, whole[2 * RATE : 17 * RATE])


def test_notes_are_those_of_rendered_stems(written):
    notes = load(written).read(EXCERPT, "notes")
    assert set(notes.programs.tolist()) == {0, 33, DRUM_PROGRAM}  # the strings began before, the effects do not sound
    drums = notes.where(notes.programs == DRUM_PROGRAM)
    assert np.allclose(drums.intervals_s[:, 0], np.arange(0, 15, 0.5), atol=2e-3) and set(drums.pitches.tolist()) == {
        36
    }
    assert load(written).read(EXCERPT, "chords") is None and load(written).read(EXCERPT, "piano") is None


@pytest.mark.parametrize(("track", "beats_per_bar"), [("Track01876", 4), ("Track01877", 3)])
def test_beats_and_bars_follow_the_tempo(written, track, beats_per_bar):
    beats = load(written).read(Excerpt("x", "slakh2100", track, 2.0, 15.0), "beats")
    assert np.allclose(beats.times_s, np.arange(0, 15, 0.5), atol=2e-3)
    assert beats.positions.tolist() == [k % beats_per_bar + 1 for k in range(4, 34)]


def test_notes_that_do_not_follow_the_tempo_give_no_beats(tmp_path):
    import pretty_midi

    folder = write_track(tmp_path / "Track01876")
    rng = np.random.default_rng(0)
    for path in (folder / "MIDI").glob("S*.mid"):
        midi = pretty_midi.PrettyMIDI(str(path))
        for note in midi.instruments[0].notes:
            late = rng.uniform(0, 0.25)
            note.start, note.end = note.start + late, note.end + late
        midi.write(str(path))
    assert load(tmp_path).read(EXCERPT, "beats") is None
    with pytest.raises(BenchError, match="Track01876: no beat where an excerpt may begin"):
        select(load(tmp_path), "test")
    assert len(load(tmp_path).read(EXCERPT, "notes")) > 20


def test_existing_files_count_whatever_metadata_say(root):
    path = root / "test" / "Track01876" / "metadata.yaml"
    said = path.read_text()
    before = load().read(EXCERPT, "notes")
    path.write_text(said.replace("rendered: true", "rendered: false").replace("saved: true", "saved: false"))
    stems_of.cache_clear()
    notes_of.cache_clear()
    drums, notes = (load().read(EXCERPT, what) for what in ("drums", "notes"))
    assert drums.samples.any() and np.array_equal(notes.intervals_s, before.intervals_s) and load().verify() == []
    assert load().about("Track01876") == "bass, piano, strings and drums"


def test_levels_of_drums_and_harmony(written):
    levels = load(written).levels("Track01876")
    assert levels.duration_s == 20 and len(levels.mix) == len(levels.drums) == len(levels.harmony) == 200
    assert np.allclose(levels.beats_s, np.arange(0, 20, 0.5), atol=2e-3)
    strings, _ = soundfile.read(written / "test" / "Track01876" / "stems" / "S04.flac")
    assert levels.harmony.mean() > np.mean(strings**2) > levels.drums.mean() > 1e-5


def test_excerpts_begin_just_before_a_beat_and_carry_the_instruments(root):
    manifest = load().select(None)
    assert manifest.name.startswith("slakh2100-test-") and not manifest.is_public
    assert [e.track for e in manifest.excerpts] == ["Track01876", "Track01877"]
    assert {e.prompt for e in manifest.excerpts} == {"bass, piano, strings and drums"}
    assert all(
        (e.start_s + 0.04) % 0.5 == pytest.approx(0, abs=1e-6) and 1 <= e.start_s <= 4 for e in manifest.excerpts
    )
    with pytest.raises(UnknownName, match="is called 'slakh2100-everything'; did you mean"):
        load().select("slakh2100-everything")


def test_from_files_to_a_table(root, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert "complete and readable" in bench("data", "verify", "slakh2100")
    found = json.loads(bench("data", "stats", "slakh2100", "--json"))
    assert found["tracks"] == {"test": 2, "validation": 1, "train": 1}
    assert found["test"]["share_with_drums"] == found["test"]["share_with_beats"] == 1
    bench("data", "select", "slakh2100", "--split", "test", "--out", tmp_path / "lists")
    assert len(read_manifest(tmp_path / "lists" / "slakh2100-test.csv").excerpts) == 2
    assert "test/Track01877/stems/S04.wav" in (tmp_path / "lists" / "slakh2100-test.sha256").read_text()
    task = ("--task", "inpaint-drums", "--dataset", "slakh2100")
    bench("run", *task, "--model", "oracle", "--model", "copy-control", "--out", tmp_path / "runs")
    for system in ("oracle", "copy-control"):
        (table,) = (tmp_path / "runs" / "results" / "inpaint-drums").glob(f"slakh2100-test-*/{system}.csv")
        scores = {row.metric: row.value for row in read_rows(table) if row.example == WHOLE_SET}
        # The miniature's drums are tones, of which a separator keeps a part.
        assert scores["drum-onset-f1"] > 0.5 and (scores["loudness-gap"] == 0) == (system == "oracle")
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def spoiled(root, how):
    """Spoil a track and return the line that names it."""
    track = root / "test" / "Track01876"
    if how == "a corrupted file":
        (track / "stems" / "S02.flac").write_bytes(b"no sound")
        return r"S02\.flac: cannot be read as audio \(Format not recognised\); get it again"
    if how == "a missing stem":
        (track / "stems" / "S00.flac").unlink()
        return r"S00\.flac: no such file, nor a \.wav; get the track again"
    if how == "no MIDI":
        shutil.rmtree(track / "MIDI")
        return r"MIDI/S00\.mid: no such file; get the track again"
    if how == "no metadata":
        (track / "metadata.yaml").unlink()
        return r"metadata\.yaml: cannot be read"
    if how == "a stem unexplained":
        said = (track / "metadata.yaml").read_text()
        (track / "metadata.yaml").write_text(said.replace("    program_num: 33\n", ""))
        return r"metadata\.yaml: stem S01: the key 'program_num' is missing; get the track again"
    if how == "another rate":
        soundfile.write(track / "stems" / "S01.flac", np.zeros(16000), 16000)
        return r"S01\.flac: 1\.00 s at 16000 Hz, the mix 20\.00 s at 44100 Hz"
    other = root / "train" / "Track00001" / "metadata.yaml"
    other.write_text(other.read_text().replace(song_of("Track00001"), song_of("Track01876")))
    return r"Track01876 \(test\), Track00001 \(train\): one song, 0+754f\.mid"


@pytest.mark.parametrize(
    "how",
    [
        "a corrupted file",
        "a missing stem",
        "no MIDI",
        "no metadata",
        "a stem unexplained",
        "another rate",
        "a song twice",
    ],
)
def test_verify_names_every_problem(root, how):
    line = spoiled(root, how)
    found = load().verify()
    assert any(re.search(line, one) for one in found), found
    assert all("\n" not in one and len(one.replace(str(root), "")) < 200 for one in found) and len(found) <= 5
    assert "Traceback" not in bench("data", "verify", "slakh2100", code=1)


@pytest.mark.parametrize("name", ["MIDI/S02.mid", "all_src.mid", "stems/S02.flac", "mix.flac"])
def test_verify_names_a_truncated_file(root, name):
    path = root / "test" / "Track01876" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert [one for one in load().verify() if re.search(rf"{path.name}: (breaks off|cannot be read as)", one)]


@pytest.mark.parametrize("how", ["a missing stem", "no MIDI", "no metadata"])
def test_build_names_the_problem(root, how, tmp_path):
    line = spoiled(root, how)
    with pytest.raises(BenchError, match=line):
        load().select(None)


def test_a_truncated_sound_is_named(root):
    path = root / "test" / "Track01877" / "mix.wav"
    path.write_bytes(path.read_bytes()[: 44 + 10 * RATE * 2])
    excerpt = Excerpt("x", "slakh2100", "Track01877", 2.0, 15.0)
    with pytest.raises(
        BenchError, match=r"mix\.wav: breaks off after 882000 bytes of sound, its header states 1764000"
    ):
        load().read(excerpt, "mix")
    path = root / "test" / "Track01876" / "mix.flac"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BenchError, match=r"mix\.flac: (breaks off|cannot be read as audio)"):
        load().read(EXCERPT, "mix")


def test_a_partly_unpacked_split_is_named(written):
    found = load(written).verify()
    first = min(track for track, row in listed_tracks().items() if row["split"] == "test" and track > "Track01877")
    assert f"test: lacks 149 of its 151 tracks, the first is {first}" in found


def test_unknown_and_duplicate_files_are_refused(root):
    shutil.copytree(root / "test" / "Track01876", root / "train" / "Track01876")
    with pytest.raises(BenchError, match=r"Track01876: the track lies in .* too; remove one"):
        load().tracks("test")
    shutil.rmtree(root / "train" / "Track01876")
    (root / "test" / "Track02101").mkdir()
    with pytest.raises(BenchError, match="Track02101: no track of Slakh2100"):
        load().tracks("test")
    with pytest.raises(BenchError, match="holds no Track01900"):
        load().read(Excerpt("x", "slakh2100", "Track01900", 2.0, 15.0), "mix")


def test_published_md5_are_compared_if_mirdata_is_installed(root, tmp_path, monkeypatch):
    folder = root / "test" / "Track01876"
    files = {
        name: hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
        for name in ("mix.flac", "stems/S00.flac")
    }
    entries = {name: [f"slakh2100_flac_redux/test/Track01876/{name}", md5] for name, md5 in files.items()}
    elsewhere = ["slakh2100_flac_redux/test/Track01900/mix.flac", "0" * 32]
    converted = ["slakh2100_flac_redux/test/Track01877/mix.flac", "0" * 32]
    index = {
        "version": "2100-redux",
        "tracks": {"Track01876-S00": {"audio": entries["stems/S00.flac"]}, "Track01876-S05": {"audio": [None, None]}},
        "multitracks": {
            "Track01876": {"tracks": ["Track01876-S00"], "mix": entries["mix.flac"]},
            "Track01900": {"tracks": [], "mix": elsewhere},
            "Track01877": {"tracks": [], "mix": converted},
        },
    }
    place = tmp_path / "site" / "mirdata" / "datasets" / "indexes"
    place.mkdir(parents=True)
    (tmp_path / "site" / "mirdata" / "__init__.py").touch()
    (place / "slakh_index_2100-redux.json").write_text(json.dumps(index))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    assert load().verify() == []
    soundfile.write(folder / "stems" / "S00.flac", np.zeros(20 * RATE), RATE)
    (line,) = load().verify()
    assert "S00.flac: md5 " in line and "mirdata has" in line


def test_no_path_leads_out_of_the_data_set(written):
    for path in load(written).files("Track01876"):
        assert Path(path).resolve().is_relative_to(written.resolve())
