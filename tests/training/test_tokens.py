"""Songs as tokens: encoded once, cropped at random, with silence as a part."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.mini.tokens import HOP, Tokeniser
from bench.runtime.executor import Serial
from bench.training import tokens as module
from bench.training.streams import PARTS, Streams
from bench.training.tokens import Songs, encoded
from tests.tiny_mini import codebooks

N_FRAMES = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    for track in ("a", "b"):
        (folder / "streams" / track).mkdir(parents=True)
        for part in PARTS:
            sound = rng.integers(-3000, 3000, N_FRAMES * HOP).astype(np.int16)
            np.save(folder / "streams" / track / f"{part}.npy", sound)
    streams = Streams(folder / "streams", ("a", "b"), 32000, N_FRAMES / 50)
    tokeniser = Tokeniser.of(codebooks())
    return folder, streams, tokeniser, encoded(streams, tokeniser, folder / "codes", Serial())


def test_every_part_of_every_track_is_encoded(made):
    _, streams, tokeniser, songs = made
    assert set(songs.parts) == {(track, part) for track in "ab" for part in PARTS}
    for (track, part), codes in songs.parts.items():
        assert codes.dtype == np.int16 and codes.shape == (4, N_FRAMES)
        if part == "drums":
            assert np.array_equal(codes, tokeniser.encode(streams.whole(track, part)))


def test_only_missing_tracks_are_encoded(made):
    folder, streams, tokeniser, songs = made
    kept, gone = (folder / "codes" / f"{track}.safetensors" for track in "ab")
    before, changed = kept.read_bytes(), kept.stat().st_mtime_ns
    gone.unlink()
    again = encoded(streams, tokeniser, folder / "codes", Serial())
    assert kept.stat().st_mtime_ns == changed and kept.read_bytes() == before
    assert all(np.array_equal(again.parts[key], songs.parts[key]) for key in songs.parts)


def test_damaged_tokens_are_named(made, tmp_path):
    _, streams, tokeniser, _ = made
    for track in "ab":
        (tmp_path / f"{track}.safetensors").write_bytes(b"\x01" * 20)
    with pytest.raises(BenchError, match=r"a\.safetensors: cannot be read as safetensors"):
        encoded(streams, tokeniser, tmp_path, Serial())


def test_a_crop_is_a_part_of_the_tokens_and_silence_is_a_part_too(made):
    songs = made[3]
    crop = songs.crop("a", "bass", 7, 20)
    assert crop.dtype == np.int64 and np.array_equal(crop, songs.parts["a", "bass"][:, 7:27])
    silent = songs.crop("a", "silence", 7, 20)
    assert silent.shape == (4, 20) and (silent == songs.silence[:, None]).all()
    assert np.array_equal(songs.silence, made[2].encode(np.zeros(6400, dtype=np.float32))[:, 5])


def test_places_stay_inside_and_reach_both_ends():
    songs = Songs(
        ("a", "b"), {(t, "mix"): np.zeros((4, 12), dtype=np.int16) for t in "ab"}, np.zeros(4, dtype=np.int64)
    )
    rng = np.random.default_rng(1)
    places = [songs.place(rng, 10) for _ in range(200)]
    assert {track for track, _ in places} == {"a", "b"}
    assert {start for _, start in places} == {0, 1, 2}
    assert songs.place(np.random.default_rng(1), 12)[1] == 0


def test_the_extractors_of_streams_are_taken_once_and_obeyed(tmp_path, monkeypatch):
    path = tmp_path / "stems-15s" / "extractors.yaml"
    taken = module._extractors(path, "slakh2100")
    assert taken == module.chosen_for("recorded") and taken["notes"] == "basic-pitch"
    path.write_text(path.read_text().replace("basic-pitch", "salience-notes"))
    assert module._extractors(path, "slakh2100") == {**taken, "notes": "salience-notes"}
    assert module._extractors(tmp_path / "other" / "extractors.yaml", "synthetic")["notes"] == "notes-mini"
