"""Anchor: the original without frequencies above 3.5 kHz, the low anchor of ITU-R BS.1534-3."""

import numpy as np

from bench.audio import Audio

PASS_HZ, STOP_HZ, STOP_DB = 3500.0, 4000.0, 60.0


def low_passed(audio: Audio) -> Audio:
    """Return low-passed mono sound: flat to 3.5 kHz, at least 60 dB down from 4 kHz, no delay.

    The filter has linear phase (window method, Kaiser). At sample rates up to 8 kHz the sound is returned unchanged.
    """
    from scipy.signal import fftconvolve

    if audio.sample_rate <= 2 * STOP_HZ:
        return audio
    sound = fftconvolve(audio.mono.astype(np.float64), taps(audio.sample_rate), mode="same")
    return Audio(sound.astype(np.float32), audio.sample_rate)


def taps(sample_rate: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the filter's taps, an odd number of them."""
    from scipy.signal import firwin, kaiserord

    n_taps, beta = kaiserord(STOP_DB, (STOP_HZ - PASS_HZ) / (sample_rate / 2))
    filter_taps = firwin(n_taps | 1, (PASS_HZ + STOP_HZ) / 2, window=("kaiser", beta), fs=sample_rate)
    return np.asarray(filter_taps, np.float64)
