"""Constant-Q transform: librosa's, its filters made once instead of at every call."""

import warnings
from functools import lru_cache
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from bench.runtime.locks import compiling

_SPARSITY, _RESAMPLING = 0.01, "soxr_hq"


def cqt(
    sound: npt.NDArray[np.float32], sample_rate: int, hop: int, lowest_hz: float, n_bins: int, bins_per_octave: int
) -> npt.NDArray[np.complex64]:
    """Return what `librosa.cqt(..., tuning=0.0)` with its defaults does, bit for bit.

    Half of librosa's time for a few seconds of sound goes into filters that depend on the parameters alone.

    Args:
        sound: (n,) mono.
        sample_rate: In Hz.
        hop: Samples from frame to frame; divisible by 2 once per octave but one, and more often if it can be.
        lowest_hz: Centre of the lowest bin.
        n_bins: All of them.
        bins_per_octave: Of one octave.

    Returns:
        (n_bins, 1 + n // hop).

    Source:
        Schoerkhuber and Klapuri, Constant-Q transform toolbox for music processing (SMC 2010).
    """
    octaves, lengths, n_early = _filters(sample_rate, hop, lowest_hz, n_bins, bins_per_octave)
    with warnings.catch_warnings(), compiling("cqt"):
        # The lowest filters last over a second; librosa pads shorter sound and says so.
        warnings.filterwarnings("ignore", message="n_fft=")
        if n_early:
            sound = librosa.resample(
                sound, orig_sr=2**n_early, target_sr=1, res_type=_RESAMPLING, scale=True
            )  # fmt: skip
            hop //= 2**n_early
        found = []
        for basis, n_fft in octaves:
            spectrum = librosa.stft(
                sound, n_fft=n_fft, hop_length=hop, window="ones", pad_mode="constant", dtype=np.complex64
            )
            found.append(basis.dot(spectrum))
            if hop % 2 == 0:
                hop //= 2
                sound = librosa.resample(sound, orig_sr=2, target_sr=1, res_type=_RESAMPLING, scale=True)
    n_frames = min(one.shape[1] for one in found)
    stacked = np.empty((n_bins, n_frames), dtype=np.complex64, order="F")
    end = n_bins
    for one in found:
        rows = one[-end:] if end < len(one) else one
        stacked[end - len(rows) : end] = rows[:, :n_frames]
        end -= len(rows)
    stacked /= np.sqrt(lengths)[:, None]
    return stacked


@lru_cache(maxsize=8)
def _filters(
    sample_rate: int, hop: int, lowest_hz: float, n_bins: int, bins_per_octave: int
) -> tuple[list[tuple[Any, int]], npt.NDArray[np.float64], int]:
    """Return per octave from the top its sparse filters and FFT size, the lengths of all, halvings before the first."""
    hz = librosa.interval_frequencies(n_bins, fmin=lowest_hz, intervals="equal", bins_per_octave=bins_per_octave)
    step = 2.0 ** (2 / bins_per_octave)
    alpha = np.full(n_bins, (step - 1) / (step + 1))
    n_octaves = int(np.ceil(n_bins / bins_per_octave))
    _, cutoff = librosa.filters.wavelet_lengths(freqs=hz, sr=sample_rate, alpha=alpha)
    twos = (hop & -hop).bit_length() - 1
    n_early = min(max(int(np.ceil(np.log2(sample_rate / 2 / cutoff)) - 1) - 1, 0), max(twos - n_octaves + 1, 0))
    rate, rest, octaves = sample_rate / 2**n_early, hop // 2**n_early, []
    top = rate
    for k in range(n_octaves):
        part = slice(max(n_bins - bins_per_octave * (k + 1), 0), n_bins - bins_per_octave * k)
        octaves.append(_octave(rate, hz[part], alpha[part], np.sqrt(top / rate)))
        if rest % 2 == 0:
            rest, rate = rest // 2, rate / 2
    lengths, _ = librosa.filters.wavelet_lengths(freqs=hz, sr=top, alpha=alpha)
    return octaves, lengths, n_early


def _octave(rate: float, hz: npt.NDArray[np.float64], alpha: npt.NDArray[np.float64], gain: float) -> tuple[Any, int]:
    basis, lengths = librosa.filters.wavelet(freqs=hz, sr=rate, pad_fft=True, alpha=alpha)  # type: ignore[arg-type]
    n_fft = basis.shape[1]
    basis *= lengths[:, np.newaxis] / float(n_fft)
    spectra = librosa.get_fftlib().fft(basis, n=n_fft, axis=1)[:, : n_fft // 2 + 1]
    sparse = librosa.util.sparsify_rows(spectra, quantile=_SPARSITY, dtype=np.complex64)
    sparse[:] *= gain
    return sparse, n_fft
