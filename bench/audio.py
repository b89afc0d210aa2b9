"""Audio: float32 sound with its sample rate, read from any common file and written without loss."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.paths import atomic

Samples = npt.NDArray[np.float32]
MAX_DURATION_S = 3600.0
SILENCE_DBFS = -90.0


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


def read_audio(path: Path, max_duration_s: float = MAX_DURATION_S) -> Audio:
    """Read WAV, FLAC, OGG or MP3 at its own rate and channels; the gain is left as it is.

    Args:
        path: The file.
        max_duration_s: Longer files are refused before they are decoded.

    Raises:
        BenchError: missing, unreadable, empty, too long, or not finite; the message names the file and the reason.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > max_duration_s * file.samplerate:
                raise BenchError(f"{path}: {file.frames / file.samplerate:.0f} s long, at most {max_duration_s:.0f} s")
            samples = file.read(dtype="float32", always_2d=True)
            sample_rate = file.samplerate
    except (OSError, RuntimeError) as error:
        reason = "no such file" if not Path(path).exists() else str(error).rpartition(": ")[2].rstrip(".")
        raise BenchError(f"{path}: cannot be read as audio ({reason}); give WAV, FLAC, OGG or MP3") from error
    if not len(samples):
        raise BenchError(f"{path}: holds no samples")
    if not np.isfinite(samples).all():
        bad = int(np.argmin(np.isfinite(samples).all(axis=1)))
        raise BenchError(f"{path}: sample {bad} is not finite (NaN or infinity)")
    return Audio(np.ascontiguousarray(samples.T), sample_rate)


def write_audio(path: Path, audio: Audio) -> None:
    """Write a 32-bit float WAV atomically: no clipping, no gain, no metadata, the same bytes every time."""
    import scipy.io.wavfile

    with atomic(path) as part:
        scipy.io.wavfile.write(part, audio.sample_rate, np.ascontiguousarray(audio.samples.T))
