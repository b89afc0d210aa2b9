"""Audio: reading common formats, writing without loss, refusing other files."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.audio import Audio, Unreadable, blocks, is_silent, level_db, read_audio, recording, rms, stretch, write_audio
from bench.errors import BenchError

RATE = 32000


def tone(hz: float = 440, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def test_a_written_wav_reads_back_bit_for_bit_and_is_the_same_every_time(tmp_path: Path) -> None:
    audio = Audio(np.stack([tone(), 3 * tone(220)]), RATE)
    write_audio(tmp_path / "a.wav", audio)
    write_audio(tmp_path / "b.wav", audio)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    back = read_audio(tmp_path / "a.wav")
    assert np.array_equal(back.samples, audio.samples) and back.sample_rate == RATE
    assert back.sha256() == audio.sha256()


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_common_files_are_read_at_their_own_gain(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, 0.6 * tone(seconds=2), RATE)
    found = read_audio(tmp_path / name)
    assert rms(found.samples) == pytest.approx(0.6 * rms(tone()), rel=0.05)
    assert found.duration_s == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as audio"),
        (b"hello, this is text", "cannot be read as audio"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be read as audio"),
    ],
)
def test_a_file_that_is_not_audio_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(BenchError, match=rf"x\.wav: {said}"):
        read_audio(tmp_path / "x.wav")


def test_missing_empty_too_long_and_infinite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"none\.wav: cannot be read as audio \(no such file\)"):
        read_audio(tmp_path / "none.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    with pytest.raises(BenchError, match=r"empty\.wav: holds no samples"):
        read_audio(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "long.wav", tone(seconds=3), RATE)
    with pytest.raises(BenchError, match=r"long\.wav: 3 s long, at most 2 s"):
        read_audio(tmp_path / "long.wav", max_duration_s=2)
    broken = tone()
    broken[77] = np.inf
    soundfile.write(tmp_path / "inf.wav", broken, RATE, subtype="FLOAT")
    with pytest.raises(BenchError, match=r"inf\.wav: sample 77 is not finite"):
        read_audio(tmp_path / "inf.wav")


def test_resampling_keeps_tone_and_length() -> None:
    audio = Audio(tone(440, 2.0, 44100), 44100).resampled(RATE)
    assert audio.n_samples == 2 * RATE
    assert np.abs(audio.mono[2000:-2000] - tone(440, 2.0)[2000:-2000]).max() < 1e-3
    assert audio.resampled(RATE) is audio


def test_cuts_and_mono_and_levels() -> None:
    stereo = Audio(np.stack([np.ones(10), np.zeros(10)]), 10)
    assert stereo.mono.tolist() == [0.5] * 10 and stereo.mono.dtype == np.float32
    assert stereo.cut(0.2, 0.5).n_samples == 3 and stereo.cut(-1, 99).n_samples == 10
    assert level_db(np.array([0.1, -0.1])) == pytest.approx(-20)
    assert level_db(np.zeros(3)) == -np.inf and rms(np.zeros(0)) == 0
    assert is_silent(np.full(9, 1e-5)) and not is_silent(np.full(9, 1e-4))


def test_wrong_shapes_and_rates_are_refused() -> None:
    with pytest.raises(ValueError, match=r"want \(channels, n\)"):
        Audio(np.zeros((2, 2, 2)), RATE)
    with pytest.raises(ValueError, match="0 Hz"):
        Audio(np.zeros(2), 0)


def test_the_hash_depends_on_rate_shape_and_samples() -> None:
    one = np.zeros((1, 8), dtype=np.float32)
    hashes = {
        Audio(one, 10).sha256(),
        Audio(one, 20).sha256(),
        Audio(one.reshape(2, 4), 10).sha256(),
        Audio(one + 1, 10).sha256(),
    }
    assert len(hashes) == 4


def test_a_truncated_flac_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 2 * RATE), RATE)
    raw = (tmp_path / "a.flac").read_bytes()
    for share in (0.01, 0.5, 0.95):
        (tmp_path / "a.flac").write_bytes(raw[: round(share * len(raw))])
        with pytest.raises(BenchError, match=r"a\.flac: cannot be read as audio"):
            read_audio(tmp_path / "a.flac")


def test_a_wav_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", Audio(tone(), RATE))
    raw = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(raw[: len(raw) // 2])
    for read in (read_audio, recording, lambda path: stretch(path, 0.0, 0.1), lambda path: list(blocks(path, 0.1))):
        with pytest.raises(BenchError, match=r"a\.wav: breaks off after \d+ bytes of sound, its header states 128000;"):
            read(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(raw[:30])
    with pytest.raises(BenchError, match=r"a\.wav: cannot be read as audio"):
        read_audio(tmp_path / "a.wav")


def test_a_wav_that_was_written_into_a_pipe_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", Audio(tone(), RATE))
    raw = (tmp_path / "a.wav").read_bytes()
    at = raw.index(b"data") + 4
    (tmp_path / "a.wav").write_bytes(raw[:at] + b"\xff\xff\xff\xff" + raw[at + 4 :])
    assert np.array_equal(read_audio(tmp_path / "a.wav").mono, tone())


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_blocks_and_stretches_are_parts_of_the_whole(tmp_path: Path, name: str) -> None:
    sound = np.stack([0.5 * tone(seconds=2.5), 0.2 * tone(220, 2.5)], 1)
    soundfile.write(tmp_path / name, sound, RATE)
    whole, parts = read_audio(tmp_path / name), list(blocks(tmp_path / name, 1.0))
    assert recording(tmp_path / name) == (RATE, pytest.approx(whole.duration_s))
    assert [part.n_samples for part in parts[:2]] == [RATE, RATE] and len(parts) == 3
    joined = np.concatenate([part.samples for part in parts], 1)
    # An MP3 decoder that was made to seek has lost what a frame takes from the ones before it.
    assert np.abs(joined - whole.samples).max() < (0.5 if name == "a.mp3" else 1e-9)
    if name.endswith((".wav", ".flac")):
        assert np.array_equal(stretch(tmp_path / name, 0.5, 1.0).samples, whole.cut(0.5, 1.5).samples)


def test_a_refusal_is_the_same_behind_a_process(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no such file") as told:
        read_audio(tmp_path / "a.wav")
    again = pickle.loads(pickle.dumps(told.value))
    assert type(again) is Unreadable and str(again) == str(told.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channel", [0, 1])
def test_a_sample_that_is_not_finite_is_named_by_its_index(tmp_path: Path, value: float, channel: int) -> None:
    samples = np.zeros((100, 2), dtype=np.float32)
    samples[41, channel] = value
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(BenchError, match=r"a\.wav: sample 41 is not finite \(NaN or infinity\)"):
        read_audio(tmp_path / "a.wav")


def test_samples_over_full_scale_are_neither_clipped_nor_scaled(tmp_path: Path) -> None:
    loud = Audio(np.array([[4.0, -7.5, 1e-30, 1.0]]), RATE)
    write_audio(tmp_path / "a.wav", loud)
    assert read_audio(tmp_path / "a.wav").samples.tolist() == loud.samples.tolist()


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_whole_number_files_are_read_on_their_own_grid(tmp_path: Path, subtype: str) -> None:
    steps = np.array([0, 1, -1, 32767, -32768]) / 32768
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, steps, RATE, subtype=subtype)
        assert read_audio(tmp_path / name).mono.tolist() == steps.tolist()


@pytest.mark.parametrize("old", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize("new", [16000, 32000, 44100, 48000])
def test_resampling_gives_the_length_of_the_new_rate(old: int, new: int) -> None:
    audio = Audio(np.stack([tone(440, 1.5, old), tone(880, 1.5, old)]), old).resampled(new)
    assert audio.samples.shape == (2, round(1.5 * new)) and audio.samples.dtype == np.float32
    for channel, hz in zip(audio.samples, (440, 880), strict=True):
        spectrum = np.abs(np.fft.rfft(channel * np.hanning(len(channel))))
        assert np.argmax(spectrum) / 1.5 == pytest.approx(hz, abs=1)
        assert rms(channel) == pytest.approx(rms(tone()), rel=0.01)


def test_resampling_does_not_alias() -> None:
    high = Audio(tone(15000, 1.0, 48000), 48000).resampled(16000)
    assert level_db(high.mono[800:-800]) < -100
