"""Mixtures of stems: parts that sum to the mix, levels, limiter."""

import numpy as np
import pytest

from bench.runtime.executor import Serial
from bench.training import mixtures
from tests.tiny_songs import use_songs, write_songs

N = 32000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs"))


@pytest.fixture
def songs(folder, monkeypatch):
    use_songs(monkeypatch)
    return mixtures.songs_of("synthetic-train-2", folder, Serial())


def rms_db(sound) -> float:
    return 20 * np.log10(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def test_the_data_set_is_the_first_word_of_a_manifest():
    assert mixtures.dataset_of("varied-train-256") == "varied"


def test_the_rest_is_the_mix_without_the_drums_or_remixed(songs):
    mix, drums = (songs.cut("train-0001", part, 500, N) for part in ("mix", "drums"))
    rests = [mixtures.rest_of(songs, "train-0001", 500, N, np.random.default_rng(seed)) for seed in range(40)]
    same = [np.allclose(rest, mix - drums, atol=1e-6) for rest in rests]
    assert 0.2 < np.mean(same) < 0.8


def test_drums_have_the_drawn_balance_and_the_mix_a_drawn_level():
    rng = np.random.default_rng(1)
    drums, rest = (rng.standard_normal(N).astype(np.float32) for _ in range(2))
    for seed in range(60):
        made = mixtures.mixed(drums, 0.01 * rest, np.random.default_rng(seed))
        balance = rms_db(made.drums) - rms_db(made.mix - made.drums)
        assert -12.1 < balance < 9.1
        assert -35 < rms_db(made.mix) < -13.5


def test_silent_drums_stay_silent_and_a_lone_rest_is_the_mix():
    rest = np.random.default_rng(1).standard_normal(N).astype(np.float32)
    made = mixtures.mixed(np.zeros(N, np.float32), rest, np.random.default_rng(2))
    assert not made.drums.any() and made.mix.any()


def test_accompanied_crops_are_a_function_of_the_generator(songs):
    first, second = (mixtures.accompanied(songs, "train-0002", 100, N, np.random.default_rng(3)) for _ in range(2))
    assert first.dtype == np.float32 and first.shape == (N,)
    assert np.array_equal(first, second)


def test_half_of_the_sounds_are_played_at_another_speed():
    tone = np.sin(2 * np.pi * 1000 * np.arange(2 * N) / 32000).astype(np.float32)
    hz = []
    for seed in range(80):
        played = mixtures.at_speed(lambda m: tone[:m], N, np.random.default_rng(seed))
        assert played.shape == (N,) and played.dtype == np.float32
        hz.append(int(np.argmax(np.abs(np.fft.rfft(played)))))
    assert 0.35 < np.mean(np.array(hz) == 1000) < 0.65
    assert min(hz) == pytest.approx(800, abs=2) and max(hz) == pytest.approx(1250, abs=2)
