"""Composed songs: deterministic, split into train and test, consistent with their chords, and locked."""

from itertools import pairwise
from pathlib import Path

import mir_eval.chord
import numpy as np
import pytest

from bench import plugins
from bench.composing import inventory as inv
from bench.composing.composer import compose, streams
from bench.datasets.synthetic.description import _duplicates
from bench.errors import BenchError, UnknownName
from bench.manifest import Excerpt
from bench.symbols import DRUM_PROGRAM, Notes

LISTS = {
    "progressions": inv.PROGRESSIONS, "grooves": inv.GROOVES, "basses": inv.BASSES, "compings": inv.COMPINGS,
    "bands": inv.BANDS, "tempos": inv.TEMPOS,
}  # fmt: skip


@pytest.fixture(scope="module")
def songs():
    return plugins.load("datasets", "synthetic")


def test_a_song_is_a_function_of_its_seed() -> None:
    assert compose("a", 5, True).sha256 == compose("a", 5, True).sha256
    assert compose("a", 5, True).sha256 != compose("a", 6, True).sha256


def test_the_hash_covers_every_note() -> None:
    song = compose("a", 5, True)
    before = song.sha256
    song.parts["bass"].pitches[3] += 1
    assert song.sha256 != before


def test_parts_have_independent_random_streams() -> None:
    one, other = streams(7), streams(7)
    other["drums"].random(100)
    assert one["bass"].random() == other["bass"].random()


@pytest.mark.parametrize("name", LISTS)
def test_thirty_percent_of_every_list_is_test_only(name: str) -> None:
    assert np.mean([kind.is_test_only for kind in LISTS[name]]) >= 0.3


def test_training_songs_never_use_test_only_entries(songs) -> None:
    kept = {groove.name for groove in inv.GROOVES if groove.is_test_only}
    train = [songs.song(f"train-{k:04d}") for k in range(1, 31)]
    test = [songs.song(f"test-{k:04d}") for k in range(1, 31)]
    assert not kept & {song.groove for song in train} and kept & {song.groove for song in test}
    assert not kept & {song.other_groove for song in train}
    allowed = [(t.low, t.high) for t in inv.TEMPOS if not t.is_test_only]
    assert all(any(low <= song.bpm <= high for low, high in allowed) for song in train)
    programs = {band.lead for band in inv.BANDS if not band.is_test_only}
    assert {int(p) for song in train for p in song.parts["lead"].programs} <= programs


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_other_groove_is_never_the_songs_own(songs, split: str) -> None:
    made = [songs.song(f"{split}-{k:04d}") for k in range(1, 41)]
    assert {song.beats_per_bar for song in made} == {3, 4}
    assert all(song.other_groove != song.groove for song in made)
    beats = {groove.name: groove.beats for groove in (*inv.GROOVES, inv.SPARE_THREE)}
    assert all(beats[song.other_groove] == song.beats_per_bar for song in made)


def test_songs_differ_in_tempo_key_metre_and_instruments(songs) -> None:
    test = [songs.song(f"test-{k:04d}") for k in range(1, 49)]
    assert len({song.bpm for song in test}) > 40
    assert len({(song.tonic, song.mode) for song in test}) >= 15
    assert {song.beats_per_bar for song in test} == {3, 4}
    assert len({song.groove for song in test}) >= 10
    assert len({tuple(sorted({int(n.programs[0]) for n in song.parts.values() if len(n)})) for song in test}) >= 8


def test_bars_of_test_songs_are_not_those_of_training_songs(songs) -> None:
    test = [songs.song(f"test-{k:04d}") for k in range(1, 13)]
    train = [songs.song(f"train-{k:04d}") for k in range(1, 61)]
    assert _duplicates(test, train, tuple(test[0].parts)) < 0.01
    assert _duplicates(test, test, tuple(test[0].parts)) == 1


@pytest.mark.parametrize("track", ["test-0001", "test-0007", "test-0013", "train-0002"])
def test_the_accompaniment_plays_the_annotated_chords(songs, track: str) -> None:
    song = songs.song(track)
    played = Notes.joined([song.parts[part] for part in ("piano", "pad", "guitar")])
    middle = played.intervals_s[:, 0] + 0.03
    right = 0
    for time, pitch in zip(middle, played.pitches, strict=True):
        k = int(np.searchsorted(song.chords.intervals_s[:, 0], time, side="right")) - 1
        root, bitmap, _ = mir_eval.chord.encode(song.chords.labels[k])
        right += bool(bitmap[(pitch - root) % 12])
    assert right / len(played) > 0.97


@pytest.mark.parametrize("track", ["test-0001", "test-0007"])
def test_beats_are_regular_and_numbered(songs, track: str) -> None:
    song = songs.song(track)
    assert np.allclose(np.diff(song.beats.times_s), 60 / song.bpm, atol=2e-4)
    assert song.beats.positions[: song.beats_per_bar].tolist() == list(range(1, song.beats_per_bar + 1))
    assert np.allclose(song.beats.downbeats_s, [bar.start_s for bar in song.bars], atol=1e-4)


def test_drums_are_on_the_beat_and_notes_on_steps(songs) -> None:
    song = songs.song("test-0001")
    kicks = song.parts["drums"].where(song.parts["drums"].pitches == inv.KICK).intervals_s[:, 0]
    step = song.bars[0].step_s
    off = np.abs(kicks / step - np.rint(kicks / step)) * step
    assert np.median(off) < 0.01


def test_chords_have_no_gaps(songs) -> None:
    chords = songs.song("test-0002").chords
    assert all(a[1] == pytest.approx(b[0], abs=1e-3) for a, b in pairwise(chords.intervals_s))
    assert all(mir_eval.chord.validate_chord_label(label) is None for label in chords.labels)


def test_the_stems_add_up_to_the_mix(songs) -> None:
    excerpt = songs.select("synthetic-quick").excerpts[0]
    start = round(excerpt.start_s * 32000)
    parts = [
        songs.stem(excerpt.track, name).mono[start : start + 480000] for name in ("drums", "bass", "piano", "other")
    ]
    mix = songs.read(excerpt, "mix")
    assert mix.samples.shape == (1, 480000) and mix.sample_rate == 32000
    assert np.allclose(np.sum(parts, axis=0, dtype=np.float32), mix.mono, atol=1e-6)
    assert np.abs(mix.samples).max() < 0.9
    assert np.array_equal(songs.read(excerpt, "drums").mono, parts[0])


def test_other_drums_have_the_songs_bars_and_another_groove(songs) -> None:
    excerpt = songs.select("synthetic-quick").excerpts[1]
    song = songs.song(excerpt.track)
    assert song.other_groove != song.groove
    other = songs.read(excerpt, "other-drums").mono
    own = songs.read(excerpt, "drums").mono
    assert abs(np.corrcoef(other, own)[0, 1]) < 0.9
    hits = songs.read(excerpt, "other-drum-notes")
    assert (hits.programs == DRUM_PROGRAM).all() and len(hits) > 20
    assert hits.intervals_s[:, 0].min() >= 0 and hits.intervals_s[:, 0].max() < 15


def test_annotations_are_timed_from_the_excerpts_start(songs) -> None:
    excerpt = songs.select("synthetic-quick").excerpts[0]
    song = songs.song(excerpt.track)
    beats = songs.read(excerpt, "beats")
    later = song.beats.times_s[song.beats.times_s >= excerpt.start_s]
    assert beats.times_s[0] == pytest.approx(later[0] - excerpt.start_s)
    assert songs.read(excerpt, "chords").intervals_s[[0, -1], [0, 1]] == pytest.approx([0, 15])
    assert songs.read(excerpt, "piano") is None


def test_the_manifests_are_locked(songs) -> None:
    quick, test = songs.select(None), songs.select("synthetic-test")
    assert (quick.name, len(quick.excerpts), len(test.excerpts)) == ("synthetic-quick", 16, 48)
    assert set(quick.excerpts) < set(test.excerpts)
    assert len({e.track for e in test.excerpts}) == 48
    assert all(songs.excerpt(e.track) == e for e in quick.excerpts[:4])
    assert all(songs.song(e.track).duration_s >= e.start_s + 30 for e in test.excerpts)


def test_verify_finds_a_changed_song(songs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = plugins.builder("datasets", "synthetic").__globals__
    locked = module["home"]("data_manifests") / "synthetic"
    copy = tmp_path / "synthetic"
    copy.mkdir()
    lines = (locked / "scores.sha256").read_text().splitlines()[:2]
    bands = (locked / "fingerprints.csv").read_text().splitlines()[:3]
    (copy / "scores.sha256").write_text("\n".join(lines) + "\n")
    (copy / "fingerprints.csv").write_text("\n".join(bands) + "\n")
    monkeypatch.setitem(module, "home", lambda name: tmp_path)
    assert songs.verify() == []
    (copy / "scores.sha256").write_text(lines[0].replace(lines[0][:6], "000000") + "\n" + lines[1] + "\n")
    first, *rest = bands[1].split(",")
    (copy / "fingerprints.csv").write_text("\n".join([bands[0], ",".join([first, "99.0", *rest[1:]])]) + "\n")
    problems = songs.verify()
    assert len(problems) == 2
    assert "locked is 000000" in problems[0] and "a band's level differs" in problems[1]


def test_a_salt_makes_other_songs_and_a_private_manifest(songs, tmp_path: Path) -> None:
    salt = tmp_path / "salt"
    salt.write_text("a secret")
    private = plugins.load("datasets", "synthetic", salt=str(salt))
    manifest = private.select("synthetic-quick")
    assert manifest.name.startswith("synthetic-quick-private-") and not manifest.is_public
    assert songs.select("synthetic-quick").is_public
    assert private.song("test-0001").sha256 != songs.song("test-0001").sha256
    salt.write_text("")
    with pytest.raises(BenchError, match="is empty"):
        plugins.load("datasets", "synthetic", salt=str(salt))
    with pytest.raises(BenchError, match=r"nowhere: cannot be read"):
        plugins.load("datasets", "synthetic", salt="nowhere")


def test_training_sets_have_the_size_in_their_name(songs) -> None:
    manifest = songs.select("synthetic-validation-3")
    assert [e.track for e in manifest.excerpts] == ["validation-0001", "validation-0002", "validation-0003"]


def test_unknown_names_and_times_are_refused(songs) -> None:
    with pytest.raises(UnknownName, match="did you mean synthetic-test"):
        songs.select("synthetic-tests")
    with pytest.raises(UnknownName, match="no song of synthetic is called 'dev-0001'"):
        songs.read(Excerpt("a", "synthetic", "dev-0001", 0, 15), "mix")
    with pytest.raises(BenchError, match="test-0001: lasts"):
        songs.read(Excerpt("a", "synthetic", "test-0001", 60, 15), "mix")


def test_a_prompt_describes_the_song(songs) -> None:
    excerpt = songs.select(None).excerpts[0]
    song = songs.song(excerpt.track)
    assert excerpt.prompt == f"{round(song.bpm)} bpm, {song.beats_per_bar}/4, {song.mode} key, {song.groove} drums"
