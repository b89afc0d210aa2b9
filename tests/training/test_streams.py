"""Streams: parts of songs as arrays of equal length, each made once."""

from pathlib import Path

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio, is_silent, rms
from bench.errors import BenchError
from bench.manifest import Excerpt
from bench.music.controls import QUIET_RMS
from bench.symbols import Chords
from bench.training import streams
from bench.training.streams import PARTS, Streams, prepare

RATE, DURATION_S = 16000, 4.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Streams:
    folder = tmp_path_factory.mktemp("streams")
    return prepare("synthetic", "synthetic-train-1", folder, sample_rate=RATE, duration_s=DURATION_S)


def test_all_parts_are_equally_long_and_none_is_silent(made: Streams) -> None:
    assert made.tracks == ("train-0001",) and made.n_samples == DURATION_S * RATE
    for part in PARTS:
        sound = made.whole("train-0001", part)
        assert sound.shape == (made.n_samples,) and sound.dtype == np.float32
        assert not is_silent(sound) and np.abs(sound).max() <= 1


def test_the_mix_is_the_sum_of_its_stems_within_half_a_step_each(made: Streams) -> None:
    parts = {part: made.whole("train-0001", part).astype(float) for part in PARTS}
    song = plugins.load("datasets", "synthetic")
    excerpt = Excerpt("train-0001", "synthetic", "train-0001", 0.0, DURATION_S)
    known = [
        Audio(song.read(excerpt, part).mono, song.read(excerpt, part).sample_rate).resampled(RATE).mono
        for part in ("drums", "bass", "other")
    ]
    step = 1 / 32767
    for part, sound in zip(("drums", "bass", "other"), known, strict=True):
        assert np.abs(parts[part] - sound[: made.n_samples]).max() <= 0.5 * step + 1e-6
    piano = song.stem("train-0001", "piano").cut(0.0, DURATION_S).resampled(RATE).mono
    rest = parts["mix"] - parts["drums"] - parts["bass"] - parts["other"] - piano
    assert np.abs(rest).max() <= 2 * step + 1e-5


def test_rendered_controls_have_the_level_that_models_are_given(made: Streams) -> None:
    for part in ("chords", "piano"):
        assert rms(made.whole("train-0001", part)) == pytest.approx(QUIET_RMS, rel=0.01)


def test_a_cut_is_a_part_of_the_whole(made: Streams) -> None:
    whole = made.whole("train-0001", "drums")
    assert np.array_equal(made.cut("train-0001", "drums", 1234, 500), whole[1234:1734])


def test_only_missing_files_are_made(made: Streams) -> None:
    track = made.folder / "train-0001"
    before = {part: (track / f"{part}.npy").stat().st_mtime_ns for part in PARTS}
    bass = (track / "bass.npy").read_bytes()
    (track / "bass.npy").unlink()
    prepare("synthetic", "synthetic-train-1", made.folder, sample_rate=RATE, duration_s=DURATION_S)
    after = {part: (track / f"{part}.npy").stat().st_mtime_ns for part in PARTS}
    assert {part for part in PARTS if before[part] != after[part]} == {"bass"}
    assert (track / "bass.npy").read_bytes() == bass
    assert {path.name for path in track.iterdir()} == {f"{part}.npy" for part in PARTS}


def test_finished_songs_are_not_even_read(made: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_make", lambda *job: pytest.fail("made again"))
    prepare("synthetic", "synthetic-train-1", made.folder, sample_rate=RATE, duration_s=DURATION_S)


def test_only_the_parts_asked_for_are_made(tmp_path: Path) -> None:
    streams = prepare("synthetic", "synthetic-train-1", tmp_path, parts=("drums",), sample_rate=RATE, duration_s=1.0)
    assert [path.name for path in (tmp_path / "train-0001").iterdir()] == ["drums.npy"]
    with pytest.raises(BenchError, match=r"mix\.npy: cannot be read .*remove it and run again"):
        streams.whole("train-0001", "mix")


def test_files_of_another_length_or_damaged_are_named(made: Streams, tmp_path: Path) -> None:
    longer = Streams(made.folder, made.tracks, RATE, 60.0)
    with pytest.raises(BenchError, match=r"mix\.npy: has shape \(64000,\), want \(960000,\); remove it"):
        longer.whole("train-0001", "mix")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mix.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(BenchError, match=r"mix\.npy: cannot be read"):
        Streams(tmp_path, ("a",), RATE, 1.0).cut("a", "mix", 0, 10)


class Poor:
    """A data set that has only the parts in `known`."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known

    def read(self, excerpt: Excerpt, what: str) -> object:
        if what == "chords" and what in self.known:
            return Chords(np.array([[0.0, 1.0]]), ("C:maj",))
        return None


@pytest.mark.parametrize(
    ("part", "known", "said"),
    [
        ("bass", (), "poor has no bass; train on a data set with stems"),
        ("chords", (), "poor has no chords or beats; train on a data set with both"),
        ("chords", ("chords",), "poor has no chords or beats; train on a data set with both"),
        ("piano", (), "poor has no notes; train on a data set with MIDI"),
    ],
)
def test_a_part_that_a_data_set_does_not_have_is_named(part: str, known: tuple[str, ...], said: str) -> None:
    with pytest.raises(BenchError, match=f"song: {said}"):
        streams._part(Poor(known), None, Excerpt("song", "poor", "song", 0.0, 1.0), part, RATE)


def test_missing_drums_are_not_replaced_by_silence() -> None:
    class Drumless:
        without = ("drums",)

        def read(self, excerpt: Excerpt, what: str) -> Audio:
            return Audio(np.zeros(RATE, dtype=np.float32), RATE)

    with pytest.raises(BenchError, match="song: drumless has no drums; train on a data set with stems"):
        streams._part(Drumless(), None, Excerpt("song", "drumless", "song", 0.0, 1.0), "drums", RATE)


def test_a_song_that_is_too_short_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"train-0001: lasts .* wanted 0\.0 to 600\.0 s"):
        prepare("synthetic", "synthetic-train-1", tmp_path, parts=("mix",), sample_rate=RATE, duration_s=600.0)
