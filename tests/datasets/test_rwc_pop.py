"""RWC-MDB-P-2001: both published layouts, one clear line per problem, and a run up to the table."""

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
from bench.datasets import rwc_pop
from bench.datasets.rwc_pop import listed_pieces
from bench.datasets.rwc_pop.annotations import read_beats, read_chords
from bench.datasets.rwc_pop.layout import place_of
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.manifest import Excerpt, read_manifest
from bench.pipeline.source import dataset_of
from bench.scores import WHOLE_SET, read_rows
from tests.datasets.tiny_rwc import CHORDS, PIECES, RATE, write_discs, write_release

EXCERPT = Excerpt("rm-p009", "rwc-pop", "RM-P009", 2.5, 15.0)
BEAT = "annotations/AIST.RWC-MDB-P-2001.BEAT/RM-P009.BEAT.TXT"
CHORD = "annotations/AIST.RWC-MDB-P-2001.CHORD/RWC_Pop_Chords/N009-M01-T09.lab"
SOUND = "audio/rwc-p-m01/9.wav"
TABLE = "metadata-master/rwc-p.csv"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return {"discs": write_discs(folder / "discs"), "release": write_release(folder / "release")}


@pytest.fixture(params=["discs", "release"])
def whole(request, written):
    """The data set in either layout; read only."""
    return written[request.param]


def copied(source, tmp_path, monkeypatch):
    """A copy found through $BENCH_DATA, with only its songs in the list of pieces."""
    dataset_of.cache_clear()
    shutil.copytree(source, tmp_path / "data" / "rwc-pop")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "kept"))
    rows = {track: row for track, row in listed_pieces().items() if int(track[4:]) in PIECES}
    monkeypatch.setattr(rwc_pop, "listed_pieces", lambda: rows)
    return tmp_path / "data" / "rwc-pop"


@pytest.fixture
def root(written, tmp_path, monkeypatch):
    return copied(written["discs"], tmp_path, monkeypatch)


@pytest.fixture
def release(written, tmp_path, monkeypatch):
    return copied(written["release"], tmp_path, monkeypatch)


def load(path=""):
    return plugins.load("datasets", "rwc-pop", path=str(path))


def bench(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


def test_the_list_of_pieces_equals_the_published_one():
    rows = listed_pieces()
    assert list(rows) == [f"RM-P{piece:03d}" for piece in range(1, 101)]
    assert sum(row["split"] == "test" for row in rows.values()) == 89
    assert all((row["split"] == "drumless") == (row["drums"] == "without drums") for row in rows.values())
    assert sum(row["genre"] == "J-pop" for row in rows.values()) == 80


@pytest.mark.parametrize(
    ("piece", "place"),
    [
        (1, (1, 1)),
        (16, (1, 16)),
        (17, (2, 1)),
        (80, (5, 16)),
        (81, (6, 1)),
        (90, (6, 10)),
        (91, (7, 1)),
        (100, (7, 10)),
    ],
)
def test_pieces_are_on_seven_discs(piece, place):
    assert place_of(piece) == place


def test_missing_data_gives_one_line_that_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(MissingComponent, match=r"rwc-pop is not here \(not in .*zenodo.*--dataset synthetic"):
        load()


def test_songs_without_drums_are_a_split_of_their_own(whole):
    assert load(whole).tracks("test") == ["RM-P001", "RM-P009"]
    assert load(whole).tracks("drumless") == ["RM-P071"]


def test_the_mix_is_read_and_stems_are_none(whole):
    mix = load(whole).read(EXCERPT, "mix")
    path = next(whole.glob("*/RWC_P009.wav"), whole / SOUND)
    samples, _ = soundfile.read(path, dtype="float32", start=round(2.5 * RATE), frames=15 * RATE)
    assert mix.sample_rate == RATE and np.array_equal(mix.samples, samples.T)
    assert all(load(whole).read(EXCERPT, what) is None for what in ("drums", "bass", "other", "notes", "piano"))
    with pytest.raises(BenchError, match=r"20\.00 s long, an excerpt asks for 21 s of it"):
        load(whole).read(Excerpt("x", "rwc-pop", "RM-P009", 6.0, 15.0), "mix")


def test_beats_are_timed_from_the_excerpt_and_counted_from_the_bar(whole):
    first_s = 0.04 if (whole / "audio").is_dir() else 0.06
    beats = load(whole).read(EXCERPT, "beats")
    assert beats.times_s == pytest.approx(first_s + 0.5 * np.arange(30))
    assert beats.positions.tolist() == [(k + 3) % 4 + 1 for k in range(30)]
    whole_song = load(whole).read(Excerpt("x", "rwc-pop", "RM-P009", 0.0, 20.0), "beats")
    assert whole_song.positions[:4].tolist() == [3, 4, 1, 2] and len(whole_song.times_s) == 40


def test_chords_are_as_annotated_and_cut_at_the_excerpt(whole):
    chords = load(whole).read(EXCERPT, "chords")
    assert chords.labels == CHORDS[1:9]
    assert chords.intervals_s[0].tolist() == [0, 1.5] and chords.intervals_s[-1, 1] == 15


@pytest.mark.parametrize(
    ("values", "positions"),
    [
        ([384, 48, 96, 384, 48, 96], [1, 2, 3, 1, 2, 3]),
        ([384, 24, 48, 72, 96, 120, 384], [1, 2, 3, 4, 5, 6, 1]),
        ([144, 384, 48, 96, 144, 384, 48], [4, 1, 2, 3, 4, 1, 2]),
        ([384, 48, -1, 96, 144, 384], [1, 2, 3, 4, 1]),
    ],
)
def test_aist_positions_become_positions_in_the_bar(tmp_path, values, positions):
    (tmp_path / "x.BEAT.TXT").write_text("".join(f"{50 * k}\t{50 * k}\t{value}\n" for k, value in enumerate(values)))
    beats = read_beats(tmp_path / "x.BEAT.TXT")
    assert beats.positions.tolist() == positions
    assert beats.times_s == pytest.approx([0.5 * k for k, value in enumerate(values) if value >= 0])


def test_a_chord_ends_where_the_next_begins(tmp_path):
    (tmp_path / "x.lab").write_text("0 1.2 N\n1.0 2 C:maj\n")
    assert read_chords(tmp_path / "x.lab").intervals_s.tolist() == [[0, 1], [1, 2]]


def test_excerpts_begin_before_beats(root):
    excerpts = load().select(None).excerpts
    assert [(e.id, e.track, e.prompt) for e in excerpts] == [
        ("rm-p001", "RM-P001", "J-pop, drum sequences"),
        ("rm-p009", "RM-P009", "J-pop, live drums"),
    ]
    times = load().read(Excerpt("x", "rwc-pop", "RM-P001", 0.0, 20.0), "beats").times_s
    assert all(np.abs(times - 0.04 - e.start_s).min() < 0.0201 for e in excerpts)
    assert [e.track for e in load().select("rwc-pop-drumless").excerpts] == ["RM-P071"]
    with pytest.raises(UnknownName, match="manifest of rwc-pop"):
        load().select("rwc-pop-train")


def test_from_files_to_a_table(root, tmp_path):
    assert "complete and readable" in bench("data", "verify", "rwc-pop")
    found = json.loads(bench("data", "stats", "rwc-pop", "--json"))
    assert found["tracks"] == {"test": 2, "drumless": 1} and found["test"]["share_with_beats"] == 1
    assert found["test"]["share_with_drums"] is None
    bench("data", "select", "rwc-pop", "--split", "drumless", "--out", tmp_path / "lists")
    (excerpt,) = read_manifest(tmp_path / "lists" / "rwc-pop-drumless.csv").excerpts
    assert excerpt.track == "RM-P071"
    bench("data", "prepare", "rwc-pop", "--task", "inpaint-chords", "--out", tmp_path / "runs")
    bench("build", "--task", "inpaint-chords", "--dataset", "rwc-pop", "--out", tmp_path / "built")
    labels = [read_chords(path).labels for path in (tmp_path / "built").rglob("control-chords.lab")]
    assert len(labels) == 2 and all(set(found) <= set(CHORDS) for found in labels)
    for model in ("oracle", "copy-control"):
        bench("run", "--task", "inpaint-chords", "--dataset", "rwc-pop", "--model", model, "--out", tmp_path / "runs")
        (table,) = (tmp_path / "runs" / "results" / "inpaint-chords").glob(f"rwc-pop-test-*/{model}.csv")
        scores = {row.metric: row.value for row in read_rows(table) if row.example == WHOLE_SET}
        assert scores["context-lsd"] == 0 and 0 <= scores["chord-accuracy"] <= 1
        assert (scores["chroma-cosine"] == pytest.approx(1)) == (model == "oracle")


def test_the_release_gives_a_table(release, tmp_path):
    assert "complete and readable" in bench("data", "verify", "rwc-pop")
    bench("build", "--task", "inpaint-chords", "--dataset", "rwc-pop", "--out", tmp_path / "built")
    assert len(list((tmp_path / "built").rglob("control-chords.lab"))) == 2


def replace(path, old, new):
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


ROW = "No. 9,M01,Tr. 09,A title,Somebody,Male,"
WRONG = {
    "a corrupted sound": (SOUND, None, "RIFF", r"9\.wav: cannot be read as audio .*; get it again"),
    "a missing piece": (SOUND, None, None, r"test: lacks 1 of its 2 tracks, the first is RM-P009"),
    "no beats": (BEAT, None, None, r"P009\.BEAT\.TXT: cannot be read as text \(no such file\); get it again"),
    "an empty file": (BEAT, None, "\n", r"P009\.BEAT\.TXT: is empty"),
    "no bar": (BEAT, None, "4\t4\t48\n54\t54\t96\n", r"P009\.BEAT\.TXT: no bar begins in it"),
    "times that fall": (BEAT, "254\t", "4\t", r"P009\.BEAT\.TXT:6: begins at 4, before the line above"),
    "no position": (BEAT, "\t384\r", "\t385\r", r"P009\.BEAT\.TXT:3: '385' is no whole number from -1 to 384"),
    "no time": (BEAT, "254\t", "nan\t", r"P009\.BEAT\.TXT:6: 'nan' is not a number"),
    "another piece's beats": (BEAT, "1954\t", "9000\t", r"P009\.BEAT\.TXT: a beat at 90\.00 s, 9\.wav is 20\.00 s"),
    "no chords": (CHORD, None, None, r"N009-M01-T09\.lab: cannot be read as text \(no such file\); get it again"),
    "no chord": (CHORD, "Gb:maj6", "Gb:majestic", r"T09\.lab:4: 'Gb:majestic' is no chord in Harte's notation; write"),
    "a short line": (CHORD, "\t8.000\tGb", "\tGb", r"T09\.lab:4: want 'begin end chord', found '6\.000 Gb:maj6'"),
    "a chord backwards": (
        CHORD,
        "\t8.000\tGb",
        "\t5.000\tGb",
        r"T09\.lab:4: the chord Gb:maj6 ends \(5\) before it begins",
    ),
    "another piece's sound": (
        TABLE,
        ROW + "00:21",
        ROW + "04:37",
        r"9\.wav: 20\.00 s long, rwc-p\.csv says 277\.00 s of",
    ),
    "no metadata": (TABLE, None, None, r"rwc-p\.csv: cannot be read as text \(no such file\)"),
    "other metadata": (
        TABLE,
        None,
        "a;b\n1;2\n",
        r"rwc-p\.csv: want the columns Piece No\.,Length,Drum Information, found",
    ),
    "metadata without a piece": (TABLE, "No. 9,", "No. 10,", r"rwc-p\.csv: has no line for RM-P009"),
    "wrong metadata": (
        TABLE,
        "Live drums",
        "Without drums",
        r"rwc-p\.csv: 'without drums' of RM-P009, published is 'live",
    ),
}


def spoil(root, how):
    """Remove a file, write another one in its place, or alter it; return the line that names it."""
    name, old, new, line = WRONG[how]
    if old is not None:
        replace(root / name, old, new)
    elif new is not None:
        (root / name).write_text(new)
    else:
        (root / name).unlink()
    return line


@pytest.mark.parametrize("how", WRONG)
def test_verify_names_every_problem(root, how):
    line = spoil(root, how)
    (found,) = load().verify()
    assert re.search(line, found) and "\n" not in found and len(found) < 400
    assert "Traceback" not in bench("data", "verify", "rwc-pop", code=1)


@pytest.mark.parametrize("how", ["a corrupted sound", "no bar", "times that fall"])
def test_select_names_the_problem(root, how):
    with pytest.raises(BenchError, match=spoil(root, how)):
        load().select(None)


def test_malformed_tables_of_the_release_are_named(release):
    notes = release / "rwc-annotations-main" / "01_annotations_preprocessed"
    replace(notes / "beats" / "RWC-P" / "RWC_P001.csv", "t;beat", "t,beat")
    replace(notes / "chords" / "RWC-P" / "RWC_P009.csv", "6.0;8.0;Gb:maj6", "6.0;8.0")
    found = load().verify()
    assert len(found) == 2
    assert "RWC_P001.csv: want the columns t;beat, found 't,beat'" in found[0]
    assert "RWC_P009.csv:5: 2 cells, the header has 3" in found[1]


def test_unknown_and_duplicate_files_are_refused(root):
    (root / "audio" / "rwc-p-m01" / "17.wav").touch()
    with pytest.raises(BenchError, match=r"17\.wav: no piece of RWC-MDB-P-2001; remove it"):
        load().tracks("test")
    (root / "audio" / "rwc-p-m01" / "17.wav").rename(root / "audio" / "rwc-p-m01" / "9.flac")
    with pytest.raises(BenchError, match=r"9\.wav: RM-P009 is 9\.flac too; remove one"):
        load().tracks("test")
    with pytest.raises(BenchError, match=r"holds no '\.\./\.\./elsewhere'"):
        (root / "audio" / "rwc-p-m01" / "9.flac").unlink()
        load().read(Excerpt("x", "rwc-pop", "../../elsewhere", 0.0, 15.0), "mix")


def test_neither_or_both_layouts_are_refused(root):
    (root / "RWC-P").mkdir()
    with pytest.raises(BenchError, match=r"holds both audio and RWC-P, sounds of two releases"):
        load()
    shutil.rmtree(root / "RWC-P")
    (root / "audio").rename(root / "sounds")
    with pytest.raises(BenchError, match=r"holds neither RWC-P .* nor audio"):
        load()


def test_two_copies_of_the_annotations_are_refused(release):
    shutil.copytree(release / "rwc-annotations-main", release / "rwc-annotations-2b84581b")
    with pytest.raises(BenchError, match=r"rwc-annotations-2b84581b and rwc-annotations-main; remove one"):
        load()


def test_published_md5_are_compared_if_mirdata_is_installed(root, tmp_path, monkeypatch):
    index(tmp_path, monkeypatch, "rwc_popular_index_1.0.json", root, {"audio": SOUND, "beats": BEAT, "chords": CHORD})
    assert load().verify() == []
    soundfile.write(root / SOUND, np.full((20 * RATE, 2), 0.1), RATE)
    assert load().verify() == [], "sounds read from a disc differ by drive"
    replace(root / CHORD, "Gb:maj6", "Gb:maj")
    (line,) = load().verify()
    assert "N009-M01-T09.lab: md5 " in line and "mirdata has" in line


def test_published_sounds_of_the_release_are_compared(release, tmp_path, monkeypatch):
    (release / "rwc-annotations-main").rename(release / "rwc-annotations-2b84581b")
    beats = "rwc-annotations-2b84581b/01_annotations_preprocessed/beats/RWC-P/RWC_P009.csv"
    index(tmp_path, monkeypatch, "rwc_popular_index_2.0.json", release, {"audio": "RWC-P/RWC_P009.wav", "beats": beats})
    (release / "rwc-annotations-2b84581b").rename(release / "rwc-annotations")
    assert load().verify() == []
    soundfile.write(release / "RWC-P" / "RWC_P009.wav", np.full((20 * RATE, 2), 0.1), RATE)
    (line,) = load().verify()
    assert "RWC_P009.wav: md5 " in line


def index(tmp_path, monkeypatch, name, root, files):
    """Install a mirdata with a list of these files, and of one that is not here."""
    md5 = {
        key: hashlib.md5((root / path).read_bytes(), usedforsecurity=False).hexdigest() for key, path in files.items()
    }
    tracks = {
        "RM-P009": {key: [path, md5[key]] for key, path in files.items()},
        "RM-P002": {"audio": ["audio/rwc-p-m01/2.wav", "0" * 32]},
    }
    place = tmp_path / "site" / "mirdata" / "datasets" / "indexes"
    place.mkdir(parents=True)
    (tmp_path / "site" / "mirdata" / "__init__.py").touch()
    (place / name).write_text(json.dumps({"version": "x", "tracks": tracks}))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])


def test_no_path_leads_out_of_the_data_set(whole):
    for path in load(whole).files("RM-P009"):
        assert Path(path).resolve().is_relative_to(whole.resolve())
