"""Stems: read stretches of long recordings, and sum them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench.audio import Audio, Samples
from bench.errors import BenchError

_PROMISED = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
"""libsndfile's remark on a WAV whose header states another number of bytes than the file has."""
_UNKNOWN = 2**31 - 2**16
"""Programs that write into a pipe do not know the length and state at least this many bytes."""
_END_S = 0.1


def recording(path: Path) -> tuple[int, float]:
    """Return a sound file's rate in Hz and its length in seconds from its header.

    Raises:
        BenchError: the file is missing, not audio, empty, or a WAV that is shorter than its header states.
    """
    with _opened(path) as file:
        if not file.frames:
            raise BenchError(f"{path}: holds no samples; get it again")
        return int(file.samplerate), float(file.frames / file.samplerate)


def whole_recording(path: Path) -> tuple[int, float]:
    """Return the same as `recording`, and check that the last 0.1 s can be decoded, without reading the whole file.

    Raises:
        BenchError: as `recording`, or the file is truncated.
    """
    rate, length = recording(path)
    stretch(path, max(length - _END_S, 0.0), _END_S)
    return rate, length


def check_end(where: Path, length_s: float, end_s: float) -> None:
    """Raise `BenchError` if an excerpt ends more than 0.1 ms after the end of its track."""
    if end_s > length_s + 1e-4:
        raise BenchError(
            f"{where}: {length_s:.2f} s long, an excerpt asks for {end_s:g} s of it; take a task with shorter "
            "excerpts, or leave it out of the manifest"
        )


def stretch(path: Path, start_s: float, duration_s: float) -> Audio:
    """Read a stretch of a sound file at its own rate and channels; only the stretch is decoded.

    Args:
        path: The file.
        start_s: Start of the stretch in seconds, rounded to the nearest sample.
        duration_s: Its length in seconds; it ends at the file's end at the latest.

    Raises:
        BenchError: the file is missing, not audio, shorter than its header states, or not finite in the stretch.
    """
    with _opened(path) as file:
        rate = int(file.samplerate)
        first = min(max(round(start_s * rate), 0), file.frames)
        n = min(round(duration_s * rate), file.frames - first)
        try:
            file.seek(first)
            samples: Samples = file.read(n, dtype="float32", always_2d=True)
        except (OSError, RuntimeError) as error:
            raise _unreadable(path, error) from error
    if len(samples) < n:
        raise BenchError(
            f"{path}: breaks off at {(first + len(samples)) / rate:.2f} s, its header states more; get it again"
        )
    if not np.isfinite(samples).all():
        raise BenchError(
            f"{path}: not finite (NaN or infinity) in {start_s:g} to {start_s + duration_s:g} s; get it again"
        )
    return Audio(np.ascontiguousarray(samples.T), rate)


def summed(parts: Iterable[Audio], duration_s: float, sample_rate: int) -> Audio:
    """Add sounds that begin together, at their own levels.

    Args:
        parts: Mono, or all with the same number of channels, at any rates and lengths; no parts give mono silence.
        duration_s: Length of the sum in seconds; shorter parts are padded with silence, longer ones are cut.
        sample_rate: Rate of the sum in Hz.

    Returns:
        float32 (channels, round(duration_s * sample_rate)); a mono part is added to every channel.
    """
    n = round(duration_s * sample_rate)
    total = np.zeros((1, n), dtype=np.float32)
    for part in parts:
        samples = part.resampled(sample_rate).samples[:, :n]
        if len(samples) > len(total):
            total = np.repeat(total, len(samples), axis=0)
        total[:, : samples.shape[1]] += samples
    return Audio(total, sample_rate)


def _opened(path: Path) -> Any:
    try:
        file = soundfile.SoundFile(path)
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, error) from error
    said = _PROMISED.search(file.extra_info)
    if said and int(said[2]) < int(said[1]) < _UNKNOWN:
        file.close()
        raise BenchError(
            f"{path}: breaks off after {said[2]} bytes of sound, its header states {said[1]}; get it again"
        )
    return file


def _unreadable(path: Path, error: Exception) -> BenchError:
    reason = "no such file" if not path.exists() else str(error).rpartition(": ")[2].rstrip(".")
    return BenchError(f"{path}: cannot be read as audio ({reason}); get it again")
