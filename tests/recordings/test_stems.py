"""Stretches of recordings and their sums: the samples that were written, and one line for an unreadable file."""

import numpy as np
import pytest
import soundfile

from bench.audio import Audio, recording, stretch, whole_recording
from bench.errors import BenchError
from bench.recordings.stems import summed

RATE = 8000


@pytest.fixture
def ramp(tmp_path):
    soundfile.write(tmp_path / "ramp.wav", np.linspace(-1, 1, 5 * RATE), RATE, subtype="FLOAT")
    return tmp_path / "ramp.wav"


def test_a_stretch_has_the_samples_that_were_written(ramp):
    assert recording(ramp) == (RATE, 5.0)
    found = stretch(ramp, 1.5, 2.0)
    assert np.array_equal(found.mono, np.linspace(-1, 1, 5 * RATE, dtype=np.float32)[12000:28000])
    assert stretch(ramp, 4.0, 2.0).n_samples == RATE and stretch(ramp, 7.0, 2.0).n_samples == 0


def test_a_sum_keeps_levels_and_is_as_long_as_asked():
    stereo = Audio(np.stack([np.full(100, 0.5), np.full(100, -0.5)]), 100)
    found = summed([Audio(np.full(50, 0.25), 100), stereo, Audio(np.ones(300), 100)], 2.0, 100)
    assert found.samples.shape == (2, 200) and found.sample_rate == 100
    assert found.samples[:, [0, 49, 50, 99, 100, 199]].tolist() == [
        [1.75, 1.75, 1.5, 1.5, 1.0, 1.0],
        [0.75, 0.75, 0.5, 0.5, 1.0, 1.0],
    ]
    assert summed([], 2.0, 100).samples.tolist() == [[0.0] * 200]


def test_a_sum_of_two_rates_is_at_the_rate_asked_for():
    time_s = np.arange(2 * RATE) / RATE
    half = Audio(0.1 * np.sin(2 * np.pi * 200 * time_s[: 2 * RATE : 2]), RATE // 2)
    whole = Audio(-0.1 * np.sin(2 * np.pi * 200 * time_s), RATE)
    assert np.abs(summed([half, whole], 2.0, RATE).mono[800:-800]).max() < 1e-3


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.unlink(), r"no such file\); get it again"),
        (lambda path: path.write_bytes(b"no sound at all"), r"cannot be read as audio \(Format not recognised\)"),
        (lambda path: soundfile.write(path, np.zeros(0), RATE), "holds no samples"),
    ],
)
def test_a_file_that_is_not_audio_is_named(ramp, spoil, why):
    spoil(ramp)
    with pytest.raises(BenchError, match=rf"ramp\.wav: .*{why}"):
        recording(ramp)


def test_a_stretch_that_is_not_finite_is_named(ramp):
    soundfile.write(ramp, np.r_[np.zeros(RATE), np.nan, np.zeros(RATE)], RATE, subtype="FLOAT")
    assert stretch(ramp, 0, 1.0).n_samples == RATE
    with pytest.raises(BenchError, match="not finite"):
        stretch(ramp, 0.5, 1.0)


def test_a_truncated_flac_is_named(tmp_path):
    path = tmp_path / "noise.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 5 * RATE), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BenchError, match=r"noise\.flac: (breaks off|cannot be read)"):
        stretch(path, 3.0, 2.0)
    with pytest.raises(BenchError, match=r"noise\.flac: (breaks off|cannot be read)"):
        whole_recording(path)


@pytest.mark.parametrize("read", [recording, whole_recording, lambda path: stretch(path, 0, 1.0)])
def test_a_truncated_wav_is_named(ramp, read):
    assert whole_recording(ramp) == (RATE, 5.0)
    whole = ramp.read_bytes()
    ramp.write_bytes(whole[:-RATE])
    with pytest.raises(
        BenchError, match=r"ramp\.wav: breaks off after 152000 bytes of sound, its header states 160000"
    ):
        read(ramp)


@pytest.mark.parametrize("promised", [2**32 - 1, 2**31 - 1, 2**31 - 37])
def test_a_wav_that_was_written_into_a_pipe_is_read(ramp, promised):
    whole = ramp.read_bytes()
    at = whole.index(b"data") + 4
    ramp.write_bytes(whole[:at] + promised.to_bytes(4, "little") + whole[at + 4 :])
    assert whole_recording(ramp) == (RATE, 5.0)
