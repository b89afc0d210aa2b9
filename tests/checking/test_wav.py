"""Tests of bench.checking.wav against soundfile, an independent reader."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile
import soundfile

from bench.checking.wav import Header, read_header
from bench.errors import BenchError

SOUND = np.random.default_rng(0).normal(0, 0.1, 999)


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_header_is_read_as_soundfile_reads_it(tmp_path: Path, form: str, subtype: str, channels: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([SOUND] * channels, 1), 44100, format=form, subtype=subtype)
    info = soundfile.info(path)
    assert read_header(path) == Header(info.subtype, info.channels, info.samplerate, info.frames, ())


@pytest.mark.parametrize("kind", ["i2", "i4", "f4", "f8", "u1"])
def test_files_written_by_scipy_have_no_surplus(tmp_path: Path, kind: str) -> None:
    scipy.io.wavfile.write(tmp_path / "a.wav", 16000, np.zeros(11, kind))
    assert read_header(tmp_path / "a.wav").surplus == () and read_header(tmp_path / "a.wav").n_samples == 11


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"a\.wav: cannot be read \(No such file"):
        read_header(tmp_path / "a.wav")
