"""Audio: float32 sound with its sample rate; all sound files are read here, and written without loss."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.paths import atomic

Samples = npt.NDArray[np.float32]
MAX_DURATION_S = 3600.0
SILENCE_DBFS = -90.0
_PROMISED = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
"""What libsndfile says of a WAV whose header states another number of bytes than are there."""
_UNKNOWN = 2**31 - 2**16
"""Programs that write into a pipe promise at least so many bytes, for they do not know how many will come."""
_END_S = 0.1


@dataclass(frozen=True, eq=False)
class Audio:
    """Sound.

    Attributes:
        samples: float32, shape (channels, n), nominal range -1 to 1.
        sample_rate: Hz.
    """

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        """Convert the samples to float32 of shape (channels, n); one dimension means mono."""
        samples = np.atleast_2d(np.asarray(self.samples, dtype=np.float32))
        if samples.ndim != 2 or self.sample_rate <= 0:
            raise ValueError(f"audio of shape {samples.shape} at {self.sample_rate} Hz: want (channels, n) and a rate")
        object.__setattr__(self, "samples", samples)

    @property
    def n_samples(self) -> int:
        """Length in samples of one channel."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate

    @property
    def mono(self) -> Samples:
        """The mean over channels, shape (n,), float32."""
        channels = self.samples
        return np.asarray(channels[0] if len(channels) == 1 else channels.mean(axis=0), dtype=np.float32)

    def cut(self, start_s: float, end_s: float) -> "Audio":
        """Return [start_s, end_s), rounded to the nearest samples; it is not padded beyond the sound's ends."""
        start, end = round(start_s * self.sample_rate), round(end_s * self.sample_rate)
        return Audio(self.samples[:, max(start, 0) : max(end, 0)], self.sample_rate)

    def resampled(self, sample_rate: int) -> "Audio":
        """Return the sound at `sample_rate` (soxr, very high quality); itself if the rate is the same."""
        if sample_rate == self.sample_rate:
            return self
        import soxr

        samples = soxr.resample(self.samples.T, self.sample_rate, sample_rate, quality="VHQ")
        return Audio(np.ascontiguousarray(samples.T, dtype=np.float32), sample_rate)

    def sha256(self) -> str:
        """Return the hash of rate, shape and samples; it is computed once, since samples are never changed in place."""
        known: str | None = self.__dict__.get("_sha256")
        if known is None:
            digest = hashlib.sha256(f"{self.sample_rate} {self.samples.shape}".encode())
            digest.update(np.ascontiguousarray(self.samples).tobytes())
            known = digest.hexdigest()
            object.__setattr__(self, "_sha256", known)
        return known


def rms(samples: npt.NDArray[np.floating]) -> float:
    """Return the root mean square over all samples, computed in float64; 0 without samples."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def level_db(samples: npt.NDArray[np.floating]) -> float:
    """Return the RMS level in dBFS; -inf for digital silence."""
    value = rms(samples)
    return 20 * float(np.log10(value)) if value > 0 else -np.inf


def is_silent(samples: npt.NDArray[np.floating]) -> bool:
    """Return whether the RMS is under -90 dBFS, the level of the last bit of a 16-bit recording."""
    return level_db(samples) < SILENCE_DBFS


class Unreadable(BenchError):
    """A sound file that cannot be used; its path, and why."""

    @property
    def reason(self) -> str:
        """Why, without the file's name and the remedy."""
        return str(self.args[1])

    def __str__(self) -> str:
        """Name the file, the reason and the remedy."""
        path, reason = self.args
        return f"{path}: {reason}; get it again as WAV, FLAC, OGG or MP3"


def read_audio(path: Path, max_duration_s: float = MAX_DURATION_S) -> Audio:
    """Read WAV, FLAC, OGG or MP3 at its own rate and channels; the gain is left as it is.

    Args:
        path: The file.
        max_duration_s: Longer files are refused before they are decoded.

    Raises:
        BenchError: missing, unreadable, empty, cut off, too long, or not finite; the message names the file and the
            reason.
    """
    with _opened(path) as file:
        if file.frames > max_duration_s * file.samplerate:
            raise BenchError(f"{path}: {file.frames / file.samplerate:.0f} s long, at most {max_duration_s:.0f} s")
        sound = _decoded(path, file, -1)
        if not sound.n_samples:
            raise _cut_off(path, 0.0)
        return sound


def recording(path: Path) -> tuple[int, float]:
    """Return a sound file's rate in Hz and its length in seconds, as its header has them.

    Raises:
        BenchError: it is missing, is no sound, is empty, or is a WAV that breaks off before the end that its header
            promises.
    """
    with _opened(path) as file:
        return int(file.samplerate), float(file.frames / file.samplerate)


def whole_recording(path: Path) -> tuple[int, float]:
    """Return the same once the end was decoded: a file that breaks off is named without reading all of it."""
    rate, length = recording(path)
    stretch(path, max(length - _END_S, 0.0), _END_S)
    return rate, length


def stretch(path: Path, start_s: float, duration_s: float) -> Audio:
    """Read a stretch of a sound file at its own rate and channels; only the stretch is decoded.

    Args:
        path: The file.
        start_s: Where the stretch begins, on the nearest sample.
        duration_s: How long it is; what lies behind the file's end is left out.

    Raises:
        BenchError: as for `recording`, or the stretch breaks off or is not finite.
    """
    with _opened(path) as file:
        first = min(max(round(start_s * file.samplerate), 0), file.frames)
        n = min(round(duration_s * file.samplerate), file.frames - first)
        file.seek(first)
        sound = _decoded(path, file, n)
        if sound.n_samples < n:
            raise _cut_off(path, first / file.samplerate + sound.duration_s)
        return sound


def blocks(path: Path, duration_s: float) -> Iterator[Audio]:
    """Read a sound file in stretches of so many seconds, the last one shorter, without ever holding all of it.

    MP3s may end a little before the length that their header has; the stretches are what was decoded.

    Raises:
        BenchError: as for `stretch`.
    """
    done_s = 0.0
    with _opened(path) as file:
        n = round(duration_s * file.samplerate)
        for _ in range(0, file.frames, n):
            sound = _decoded(path, file, n)
            if not sound.n_samples:
                raise _cut_off(path, done_s)
            done_s += sound.duration_s
            yield sound


def write_audio(path: Path, audio: Audio) -> None:
    """Write a 32-bit float WAV atomically: no clipping, no gain, no metadata, the same bytes every time."""
    import scipy.io.wavfile

    with atomic(path) as part:
        scipy.io.wavfile.write(part, audio.sample_rate, np.ascontiguousarray(audio.samples.T))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a sound file; the one place where a file is refused before its sound is seen."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            said = _PROMISED.search(file.extra_info)
            if said and int(said[2]) < int(said[1]) < _UNKNOWN:
                raise Unreadable(path, f"breaks off after {said[2]} bytes of sound, its header states {said[1]}")
            if not file.frames:
                raise Unreadable(path, "holds no samples")
            yield file
    except (OSError, RuntimeError) as error:
        reason = "no such file" if not Path(path).exists() else str(error).rpartition(": ")[2].rstrip(".")
        raise Unreadable(path, f"cannot be read as audio ({reason})") from error


def _decoded(path: Path, file: Any, n: int) -> Audio:
    """Read the next `n` samples, or all for -1; fewer where the file ends."""
    first = file.tell()
    samples = file.read(n, dtype="float32", always_2d=True)
    if not np.isfinite(samples).all():
        bad = first + int(np.argmin(np.isfinite(samples).all(axis=1)))
        raise Unreadable(path, f"sample {bad} is not finite (NaN or infinity)")
    return Audio(np.ascontiguousarray(samples.T), int(file.samplerate))


def _cut_off(path: Path, at_s: float) -> Unreadable:
    return Unreadable(path, f"breaks off at {at_s:.2f} s, its header states more")
