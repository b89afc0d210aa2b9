"""Constant-Q transform: librosa's, with its filters cached between calls."""

import warnings
from functools import lru_cache
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from bench.runtime.locks import compiling, import_librosa

_SPARSITY, _RESAMPLING = 0.01, "soxr_hq"


def cqt(
    sound: npt.NDArray[np.float32], sample_rate: int, hop: int, lowest_hz: float, n_bins: int, bins_per_octave: int
) -> npt.NDArray[np.complex64]:
    """Return the same bits as `librosa.cqt(..., tuning=0.0)` with its other defaults.

    For a few seconds of sound, librosa spends half of its time on filters that depend on the parameters alone.

    Args:
        sound: (n,) mono.
        sample_rate: Hz.
        hop: Samples between frames; divisible by 2^(octaves - 1). Further factors of 2 make it faster.
        lowest_hz: Centre frequency of the lowest bin.
        n_bins: Number of bins.
        bins_per_octave: Bins per octave.

    Returns:
        complex64 (n_bins, 1 + n // hop).

    Source:
        Schoerkhuber and Klapuri, Constant-Q transform toolbox for music processing (SMC 2010).
    """
    import_librosa()
    octaves, lengths, n_early = _filters(sample_rate, hop, lowest_hz, n_bins, bins_per_octave)
    with warnings.catch_warnings(), compiling("cqt"):
        # The lowest filters are longer than a second; librosa pads shorter sound and warns.
        warnings.filterwarnings("ignore", message="n_fft=")
        if n_early:
            sound = librosa.resample(
                sound, orig_sr=2**n_early, target_sr=1, res_type=_RESAMPLING, scale=True
            )  # fmt: skip
            hop //= 2**n_early
        spectra = []
        for basis, n_fft in octaves:
            spectrum = librosa.stft(
                sound, n_fft=n_fft, hop_length=hop, window="ones", pad_mode="constant", dtype=np.complex64
            )
            spectra.append(basis.dot(spectrum))
            if hop % 2 == 0:
                hop //= 2
                sound = librosa.resample(sound, orig_sr=2, target_sr=1, res_type=_RESAMPLING, scale=True)
    n_frames = min(octave.shape[1] for octave in spectra)
    stacked = np.empty((n_bins, n_frames), dtype=np.complex64, order="F")
    end = n_bins
    for octave in spectra:
        rows = octave[-end:] if end < len(octave) else octave
        stacked[end - len(rows) : end] = rows[:, :n_frames]
        end -= len(rows)
    stacked /= np.sqrt(lengths)[:, None]
    return stacked


@lru_cache(maxsize=8)
def _filters(
    sample_rate: int, hop: int, lowest_hz: float, n_bins: int, bins_per_octave: int
) -> tuple[list[tuple[Any, int]], npt.NDArray[np.float64], int]:
    """Return (sparse filters, FFT size) per octave from the top, all filter lengths, and the initial halvings."""
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
