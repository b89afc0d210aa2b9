"""Loudness: LUFS of any stretch, short or silent ones included."""

import warnings

import numpy as np

from bench.audio import Audio

FLOOR_LUFS = -70.0
_BLOCK_S = 0.4


def loudness(audio: Audio) -> float:
    """Return the integrated loudness (ITU-R BS.1770-4, pyloudnorm) in LUFS, never under -70.

    A stretch under 400 ms is one gating block: it is repeated to that length.
    """
    import pyloudnorm

    sound = audio.mono.astype(np.float64)
    if not len(sound) or not sound.any():
        return FLOOR_LUFS
    least = int(np.ceil(_BLOCK_S * audio.sample_rate)) + 1
    if len(sound) < least:
        sound = np.resize(sound, least)
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")
        value = float(pyloudnorm.Meter(audio.sample_rate).integrated_loudness(sound))
    return max(value, FLOOR_LUFS) if np.isfinite(value) else FLOOR_LUFS
