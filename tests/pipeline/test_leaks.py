"""Tests of bench.pipeline.leaks, and of bench.music.likeness against closed forms."""

import struct
from pathlib import Path

import numpy as np
import pytest

from bench.audio import Audio, write_audio
from bench.errors import BenchError
from bench.example import Control, Example, Request, Truth, masked, write_reference, write_request
from bench.mask import Mask
from bench.music.likeness import highest_correlation, resemblance
from bench.pipeline.leaks import scan

RATE = 16000
NOISE = np.random.default_rng(0).normal(0, 0.1, 4 * RATE)
OTHER = np.random.default_rng(1).normal(0, 0.1, 4 * RATE)
MASK = Mask(((50, 150),), 200)
HIDDEN = MASK.inside(RATE)


@pytest.mark.parametrize("gain", [1.0, 0.5, -1.0, 1e-3])
@pytest.mark.parametrize("lag", [0, 37, -37, 1600, -1600])
def test_gain_and_delay_leave_no_residual(gain: float, lag: int) -> None:
    late = gain * np.concatenate([np.zeros(max(lag, 0)), NOISE, np.zeros(max(-lag, 0))])[max(-lag, 0) :][: len(NOISE)]
    likeness = resemblance(NOISE, late, RATE)
    assert likeness.is_equal and likeness.residual_db < -100
    assert (likeness.gain, likeness.lag_s) == pytest.approx((gain, lag / RATE))


@pytest.mark.parametrize("noise_db", [-20.0, -39.0, -41.0, -60.0])
def test_the_residual_has_the_level_of_the_noise(noise_db: float) -> None:
    likeness = resemblance(NOISE, NOISE + OTHER * 10 ** (noise_db / 20), RATE)
    assert likeness.residual_db == pytest.approx(noise_db, abs=0.3)
    assert likeness.is_equal == (noise_db < -40)


def test_a_16_bit_copy_is_the_same_sound_and_other_sounds_are_not() -> None:
    assert resemblance(NOISE, np.round(NOISE * 32768) / 32768, RATE).residual_db < -60
    assert resemblance(NOISE, OTHER, RATE).residual_db > -0.1
    assert resemblance(NOISE, np.zeros_like(NOISE), RATE).residual_db == 0
    assert not resemblance(NOISE, np.roll(NOISE, 3000), RATE).is_equal


def test_correlation_finds_a_piece_anywhere_whatever_its_level() -> None:
    assert highest_correlation(NOISE[8000:24000], 0.01 * NOISE) == pytest.approx(1, abs=1e-6)
    piece = NOISE[8000:24000]
    assert highest_correlation(piece, NOISE + OTHER * 10**-0.5) == pytest.approx(1 / np.sqrt(1.1), abs=0.01)
    assert highest_correlation(piece, OTHER) < 0.1
    assert highest_correlation(piece, OTHER[:100]) == highest_correlation(0 * piece, OTHER) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    reference = Audio(NOISE, RATE)
    request = Request(
        "a", "t", 1, masked(reference, MASK), MASK, {"drums": Control("drums", Audio(OTHER, RATE), Audio(OTHER, RATE))}
    )
    write_request(tmp_path / "requests", request)
    write_reference(tmp_path / "references", Example(request, reference, Truth()))
    return tmp_path


def leaks_of(folder: Path) -> list[str]:
    return scan(folder / "requests", folder / "references")


def test_a_clean_request_has_no_leaks(folder: Path) -> None:
    assert leaks_of(folder) == []


def test_a_hole_that_is_not_silent_is_reported(folder: Path) -> None:
    write_audio(folder / "requests" / "a" / "masked.wav", Audio(np.where(HIDDEN, 1e-4 * OTHER, NOISE), RATE))
    assert leaks_of(folder) == ["a: masked.wav is not silent in the hole"]


@pytest.mark.parametrize("gain", [1.0, -0.01])
def test_the_hole_inside_a_control_is_reported_at_any_lag_and_gain(folder: Path, gain: float) -> None:
    write_audio(folder / "requests" / "a" / "control-drums.wav", Audio(np.roll(gain * NOISE, 5000), RATE))
    (line,) = leaks_of(folder)
    assert "control-drums.wav holds the sound of the hole at 1 s" in line


def test_the_hole_inside_the_context_is_reported(folder: Path) -> None:
    twice = np.concatenate([NOISE[: 2 * RATE], NOISE[: 2 * RATE]])
    mask = Mask(((110, 150),), 200)
    request = Request("a", "t", 1, masked(Audio(twice, RATE), mask), mask, {})
    write_request(folder / "requests", request)
    write_reference(folder / "references", Example(request, Audio(twice, RATE), Truth()))
    (folder / "requests" / "a" / "control-drums.wav").unlink()
    (line,) = leaks_of(folder)
    assert "masked.wav holds the sound of the hole" in line and "the music repeats itself, or it leaks" in line


def test_surplus_files_and_foreign_chunks_are_reported(folder: Path) -> None:
    request = folder / "requests" / "a"
    (request / "notes.txt").write_text("the answer")
    path = request / "masked.wav"
    raw = bytearray(path.read_bytes())
    raw += struct.pack("<4sI", b"LIST", 4) + b"INFO"
    raw[4:8] = struct.pack("<I", len(raw) - 8)
    path.write_bytes(bytes(raw) + b"tail")
    lines = leaks_of(folder)
    assert "a: notes.txt is not part of the request" in lines
    assert any("masked.wav holds the chunk 'LIST' of 4 bytes" in line for line in lines)
    assert any("masked.wav holds 4 bytes after its end" in line for line in lines)


def test_a_file_that_is_no_wav_is_reported_with_the_rest(folder: Path) -> None:
    (folder / "requests" / "a" / "x.wav").write_bytes(b"noise")
    lines = leaks_of(folder)
    assert "a: x.wav is not part of the request" in lines
    assert any(line.endswith("x.wav: cannot be read as WAV (it begins with b'nois')") for line in lines)


def test_too_many_chunks_are_reported(folder: Path) -> None:
    path = folder / "requests" / "a" / "masked.wav"
    raw = bytearray(path.read_bytes() + 64 * struct.pack("<4sI", b"LIST", 0))
    raw[4:8] = struct.pack("<I", len(raw) - 8)
    path.write_bytes(bytes(raw))
    assert any("masked.wav: has 64 chunks or more" in line for line in leaks_of(folder))


def test_a_reference_of_another_length_is_refused(folder: Path) -> None:
    write_audio(folder / "references" / "a.wav", Audio(NOISE[:-1], RATE))
    with pytest.raises(BenchError, match="the reference has 63999 samples, the request 64000"):
        leaks_of(folder)
