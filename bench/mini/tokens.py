"""The mini tokeniser: sound to tokens at 50 Hz, with four codebooks of 512 entries, one per frequency band.

EnCodec's residual codebooks mix phase and everything else in every codebook; a language model of a few million
parameters learns little from them, and chords are lost. Here a token is the k-means index of the log magnitudes of one
band, fine enough below 900 Hz to separate semitones. No phase is kept: `bench.mini.vocoder` generates its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 32000
FRAME_RATE = 50
HOP = SAMPLE_RATE // FRAME_RATE
BOOKS, ENTRIES = 4, 512
_DECIMATION = 16
_LOW_RATE = SAMPLE_RATE // _DECIMATION
_LOW_HOP = HOP // _DECIMATION
_BINS = ((512, 10, 47), (512, 47, 98), (256, 49, 116))
"""Window in samples at 2 kHz, first bin and end bin of the three low bands: 39-180, 184-379 and 383-898 Hz."""
_SHORT = 64
_SHORT_WEIGHT = 2.5
_MEL_WINDOW, _MEL_BANDS, _MEL_RANGE_HZ = 1280, 28, (850.0, 14500.0)
_GAIN = 100.0
"""Gain in log(1 + gain * magnitude); a full-scale sine has magnitude 1, so the curve bends at -40 dB."""
_BLOCK = 8192

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tokeniser:
    """The tokeniser, which consists of four codebooks.

    Attributes:
        centroids: One float32 array (512, d) per codebook, in the units of `features`.
    """

    centroids: tuple[Floats, ...]

    def encode(self, samples: Floats) -> Codes:
        """Return the tokens (4, n // 640) of mono samples at 32 kHz; silence has the tokens of silence."""
        return self.quantise(features(samples))

    def quantise(self, bands: tuple[Floats, ...]) -> Codes:
        """Return the nearest entries (4, frames) of the bands that `features` returns."""
        return np.stack([nearest(band, book) for band, book in zip(bands, self.centroids, strict=True)])

    def tensors(self) -> dict[str, Floats]:
        """Return the codebooks by their names in a weight file."""
        return {f"tokens.{k}": book for k, book in enumerate(self.centroids)}

    @staticmethod
    def of(tensors: Mapping[str, Any]) -> "Tokeniser":
        """Take the codebooks from a weight file's tensors; other tensors are ignored."""
        return Tokeniser(tuple(np.asarray(tensors[f"tokens.{k}"], dtype=np.float32) for k in range(BOOKS)))


def features(samples: Floats) -> tuple[Floats, ...]:
    """Return the features that each codebook quantises, (frames, d) each; frame t is centred on sample 640 t + 320.

    The three low bands have log magnitudes of a long window, and the band's level in two short windows, which show when
    a note begins; the high band has 28 mel bands in two windows of 40 ms.

    Args:
        samples: Mono, 32 kHz, at least one frame; the ends are mirrored.
    """
    from scipy.signal import resample_poly

    n_frames = len(samples) // HOP
    samples = np.asarray(samples[: n_frames * HOP], dtype=np.float32)
    low = resample_poly(samples, 1, _DECIMATION).astype(np.float32)
    bands = []
    for size, first, last in _BINS:
        fine = _spectrum(low, size, _LOW_HOP, n_frames, _LOW_HOP // 2)[:, first:last]
        a, b = (round(k * _LOW_RATE / size) for k in (first, last))
        short = [_levels(low, n_frames, at, a, b) for at in (_LOW_HOP // 4, 3 * _LOW_HOP // 4)]
        bands.append(np.concatenate([fine, _SHORT_WEIGHT * np.stack(short, axis=1)], axis=1))
    mel = [_mel(samples, n_frames, at) for at in (HOP // 4, 3 * HOP // 4)]
    return (*bands, np.concatenate(mel, axis=1))


def _spectrum(samples: Floats, size: int, hop: int, n_frames: int, centre: int) -> Floats:
    """Return log magnitudes (frames, size // 2 + 1) of Hann windows around sample hop t + centre."""
    return np.asarray(np.log1p(_GAIN * _magnitudes(samples, size, hop, n_frames, centre)), dtype=np.float32)


def _magnitudes(samples: Floats, size: int, hop: int, n_frames: int, centre: int) -> Floats:
    import scipy.fft

    window = (np.hanning(size + 1)[:-1] / (size / 4)).astype(np.float32)
    padded = np.pad(samples, size, mode="symmetric" if len(samples) >= size else "constant")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[size // 2 + centre :: hop][:n_frames]
    return np.asarray(np.abs(scipy.fft.rfft(frames * window, axis=1)), dtype=np.float32)


def _levels(low: Floats, n_frames: int, centre: int, from_hz: int, to_hz: int) -> Floats:
    magnitudes = _magnitudes(low, _SHORT, _LOW_HOP, n_frames, centre)
    hz = np.arange(_SHORT // 2 + 1) * _LOW_RATE / _SHORT
    chosen = magnitudes[:, (hz >= from_hz - 16) & (hz <= to_hz + 16)]
    return np.asarray(np.log1p(_GAIN * np.sqrt((chosen**2).sum(axis=1))), dtype=np.float32)


def _mel(samples: Floats, n_frames: int, centre: int) -> Floats:
    power = _magnitudes(samples, _MEL_WINDOW, HOP, n_frames, centre) ** 2
    return np.asarray(np.log1p(_GAIN * np.sqrt(power @ _mel_filters().T)), dtype=np.float32)


@lru_cache(maxsize=1)
def _mel_filters() -> Floats:
    """Return triangular filters (bands, bins) of height 1 on Slaney's mel scale."""
    import librosa

    from bench.runtime.locks import import_librosa

    import_librosa()
    low, high = _MEL_RANGE_HZ
    filters = librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=_MEL_WINDOW, n_mels=_MEL_BANDS, fmin=low, fmax=high, norm=None, dtype=np.float32
    )
    return np.asarray(filters, dtype=np.float32)


def nearest(rows: Floats, book: Floats) -> Codes:
    """Return the index (n,) of the entry of a codebook (entries, d) nearest to each row (n, d)."""
    lengths = (book**2).sum(axis=1)
    parts = [np.argmin(lengths - 2 * (rows[k : k + _BLOCK] @ book.T), axis=1) for k in range(0, len(rows), _BLOCK)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
