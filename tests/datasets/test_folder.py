"""The folder data set: which recordings it takes and skips, how excerpts are chosen, and what is read."""

import re
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile

from bench import plugins
from bench.audio import Audio
from bench.datasets.folder import Folder
from bench.errors import BenchError, UnknownName
from bench.manifest import Excerpt, read_manifest

RATE = 8000


def song(
    path: Path, duration_s: float, loud: tuple[float, float] = (0, 0), rate: int = RATE, channels: int = 2
) -> None:
    """Write a quiet tone whose stretch `loud` is ten times louder."""
    time_s = np.arange(round(duration_s * rate)) / rate
    level = np.where((time_s >= loud[0]) & (time_s < loud[1]), 0.5, 0.05)
    sound = level * np.sin(2 * np.pi * 200 * time_s)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack([sound] * channels, axis=1), rate)


def folder(path: Path, **options: object) -> Folder:
    return cast(Folder, plugins.load("datasets", "folder", path=str(path), **{"duration_s": 4.0, **options}))


def test_recordings_of_all_formats_and_subfolders_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.wav", "a.flac", "Side One/01. Höhle!.ogg", "c.MP3"):
        song(tmp_path / name, 5.0, rate=16000)
    (tmp_path / "notes.txt").write_text("no sound")
    song(tmp_path / ".trash" / "gone.wav", 5.0)
    manifest = folder(tmp_path).select()
    assert [(e.id, e.track) for e in manifest.excerpts] == [
        ("side-one-01.-hohle", "Side One/01. Höhle!.ogg"),
        ("a", "a.flac"),
        ("b", "b.wav"),
        ("c", "c.MP3"),
    ]
    assert all(e.dataset == "folder" and e.duration_s == 4.0 for e in manifest.excerpts)
    assert re.fullmatch(r"folder-[0-9a-f]{8}", manifest.name)
    assert not manifest.is_public
    for excerpt in manifest.excerpts:
        audio = folder(tmp_path).read(excerpt, "mix")
        assert isinstance(audio, Audio)
        assert audio.samples.shape == (2, 64000)


def test_equal_ids_are_numbered(tmp_path: Path) -> None:
    for name in ("A b.wav", "a-b.wav", "a_b.flac", "---.wav", "x--y.wav"):
        song(tmp_path / name, 5.0)
    ids = {e.track: e.id for e in folder(tmp_path).select().excerpts}
    assert ids == {"---.wav": "song", "A b.wav": "a-b", "a-b.wav": "a-b-2", "a_b.flac": "a-b-3", "x--y.wav": "x-y"}


def test_the_loudest_excerpt_is_chosen_the_earlier_of_equals(tmp_path: Path) -> None:
    song(tmp_path / "loud.wav", 20.0, loud=(9, 13))
    song(tmp_path / "even.wav", 20.0)
    starts = {e.id: e.start_s for e in folder(tmp_path).select().excerpts}
    assert starts == {"loud": 9.0, "even": 0.0}


def test_several_excerpts_of_a_song_do_not_overlap(tmp_path: Path) -> None:
    song(tmp_path / "long.wav", 13.0, loud=(5, 9))
    song(tmp_path / "short.wav", 5.0)
    excerpts = folder(tmp_path, excerpts_per_song=3).select().excerpts
    assert [(e.id, e.start_s) for e in excerpts] == [("long", 5.0), ("long--2", 0.0), ("long--3", 9.0), ("short", 0.0)]


def test_seeded_starts_lie_on_frames_and_depend_on_the_seed_alone(tmp_path: Path) -> None:
    song(tmp_path / "song.wav", 60.0)
    runs = [folder(tmp_path, choose="seeded", excerpts_per_song=5, seed=s).select() for s in (1, 1, 2)]
    starts = [[e.start_s for e in run.excerpts] for run in runs]
    assert starts[0] == starts[1] != starts[2]
    assert len(starts[0]) == 5
    assert np.allclose(np.array(starts) * 50, np.rint(np.array(starts) * 50))
    assert (np.diff(np.sort(starts[0])) >= 4).all()
    assert 0 <= min(starts[0]) <= max(starts[0]) <= 56


def test_the_name_depends_on_contents_and_options(tmp_path: Path) -> None:
    song(tmp_path / "song.wav", 10.0)
    name = folder(tmp_path).select().name
    assert folder(tmp_path).select().name == name
    assert folder(tmp_path, seed=1).select().name != name
    song(tmp_path / "song.wav", 10.0, loud=(1, 2))
    assert folder(tmp_path).select().name != name


def test_the_manifest_is_read_back_as_written(tmp_path: Path) -> None:
    song(tmp_path / "songs" / 'one, "two".wav', 5.0)
    manifest = folder(tmp_path).select()
    path = tmp_path / f"{manifest.name}.csv"
    path.write_text(manifest.text, encoding="utf-8")
    assert read_manifest(path).excerpts == manifest.excerpts


def test_an_excerpt_is_read_at_the_recordings_rate(tmp_path: Path) -> None:
    ramp = np.linspace(-1, 1, 22050 * 6, dtype=np.float32)
    soundfile.write(tmp_path / "ramp.wav", ramp, 22050, subtype="FLOAT")
    audio = folder(tmp_path).read(Excerpt("ramp", "folder", "ramp.wav", 1.5, 2.0), "mix")
    assert isinstance(audio, Audio)
    assert audio.sample_rate == 22050
    assert np.array_equal(audio.mono, ramp[33075 : 33075 + 44100])


@pytest.mark.parametrize("what", ["drums", "chords", "beats", "notes", "piano", "other-drums", "other-drum-notes"])
def test_parts_other_than_the_mix_are_none(tmp_path: Path, what: str) -> None:
    song(tmp_path / "song.wav", 5.0)
    assert folder(tmp_path).read(Excerpt("song", "folder", "song.wav", 0.0, 4.0), what) is None


def test_short_recordings_are_left_out_with_a_reason(tmp_path: Path) -> None:
    song(tmp_path / "long.wav", 4.0)
    song(tmp_path / "short.wav", 3.99)
    plug = folder(tmp_path)
    assert [e.id for e in plug.select().excerpts] == ["long"]
    assert plug.skipped == {"short.wav": "3.99 s long, an excerpt takes 4 s"}


def test_a_folder_of_short_recordings_is_refused(tmp_path: Path) -> None:
    song(tmp_path / "a.wav", 3.0)
    song(tmp_path / "b.wav", 2.0)
    with pytest.raises(BenchError, match=r"none of its 2 recordings lasts 4 s \(the longest 3.0 s\)"):
        folder(tmp_path).select()


def test_all_broken_recordings_are_named_at_once(tmp_path: Path) -> None:
    song(tmp_path / "fine.wav", 5.0)
    (tmp_path / "broken.wav").write_bytes(b"RIFF, or so it says")
    (tmp_path / "empty.flac").write_bytes(b"")
    soundfile.write(tmp_path / "none.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(5 * RATE, np.nan), RATE, subtype="FLOAT")
    with pytest.raises(
        BenchError,
        match=r"recordings cannot be read: broken.wav \(cannot be read as audio \(.*\), empty.flac \(.*\), nan.wav \(sample 0 is not finite .*\), none.wav \(holds no samples\);",
    ) as error:
        folder(tmp_path).select()
    assert "\n" not in str(error.value)
    assert "fine" not in str(error.value)


def test_a_file_name_that_does_not_fit_a_manifest_is_refused(tmp_path: Path) -> None:
    song(tmp_path / "two\nlines.wav", 5.0)
    with pytest.raises(BenchError, match=r"'two\\nlines.wav' \(its name does not fit one line"):
        folder(tmp_path).select()


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    song(tmp_path / "outside" / "secret.wav", 5.0)
    song(tmp_path / "inside" / "song.wav", 5.0)
    (tmp_path / "inside" / "link.wav").symlink_to(tmp_path / "outside" / "secret.wav")
    (tmp_path / "inside" / "linked").symlink_to(tmp_path / "outside")
    plug = folder(tmp_path / "inside")
    assert [e.track for e in plug.select().excerpts] == ["song.wav"]
    for track in ("../outside/secret.wav", "link.wav", str(tmp_path / "outside" / "secret.wav")):
        with pytest.raises(BenchError, match="lies outside"):
            plug.read(Excerpt("x", "folder", track, 0.0, 1.0), "mix")


def test_empty_missing_and_misnamed_folders_are_refused(tmp_path: Path) -> None:
    song(tmp_path / "song.wav", 5.0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match=r"empty: holds no recordings; put .wav, .flac, .ogg, .mp3 files into it"):
        folder(tmp_path / "empty").select()
    with pytest.raises(BenchError, match=r"song.wav: is a file; give its folder with --audio"):
        folder(tmp_path / "song.wav")
    with pytest.raises(BenchError, match="nowhere: no such folder"):
        folder(tmp_path / "nowhere")


def test_options_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean loudest"):
        folder(tmp_path, choose="loud")
    with pytest.raises(BenchError, match="0 excerpts per song"):
        folder(tmp_path, excerpts_per_song=0)
    with pytest.raises(BenchError, match="of -1 s"):
        folder(tmp_path, duration_s=-1.0)


def test_the_name_of_another_manifest_is_refused(tmp_path: Path) -> None:
    song(tmp_path / "song.wav", 5.0)
    plug = folder(tmp_path)
    assert plug.select("folder") == plug.select(plug.select().name) == plug.select()
    with pytest.raises(UnknownName, match="no manifest of this folder is called 'synthetic-test'"):
        plug.select("synthetic-test")


@pytest.mark.parametrize(("start", "duration"), [(2.0, 4.0), (50.0, 1.0)])
def test_reading_past_an_end_is_refused(tmp_path: Path, start: float, duration: float) -> None:
    song(tmp_path / "song.wav", 5.0)
    with pytest.raises(BenchError, match=r"song.wav: 5.00 s long, an excerpt asks for"):
        folder(tmp_path).read(Excerpt("song", "folder", "song.wav", start, duration), "mix")


def test_a_recording_removed_since_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"gone.wav: cannot be read as audio \(no such file\)"):
        folder(tmp_path).read(Excerpt("gone", "folder", "gone.wav", 0.0, 1.0), "mix")
