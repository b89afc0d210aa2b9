"""Loudness: LUFS of any stretch of sound, including short and silent ones."""

import warnings

import numpy as np
import numpy.typing as npt

from bench.audio import Audio, is_silent, level_db

FLOOR_LUFS = -70.0
EMBEDDED_LUFS = -23.0
"""Loudness to which sound is scaled before it is embedded."""
_BLOCK_S = 0.4


def loudness(audio: Audio) -> float:
    """Return the integrated loudness of sound, see `lufs`."""
    return lufs(audio.mono, audio.sample_rate)


def lufs(samples: npt.NDArray[np.floating], sample_rate: int) -> float:
    """Return the integrated loudness (ITU-R BS.1770-4, pyloudnorm) of mono sound in LUFS, never under -70.

    Sound shorter than one gating block of 400 ms is repeated to that length.
    """
    import pyloudnorm

    sound = samples.astype(np.float64)
    if not len(sound) or not sound.any():
        return FLOOR_LUFS
    least = int(np.ceil(_BLOCK_S * sample_rate)) + 1
    if len(sound) < least:
        sound = np.resize(sound, least)
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")
        value = float(pyloudnorm.Meter(sample_rate).integrated_loudness(sound))
    return max(value, FLOOR_LUFS) if np.isfinite(value) else FLOOR_LUFS


def at_loudness(sound: npt.NDArray[np.float64], sample_rate: int) -> npt.NDArray[np.float64]:
    """Scale mono sound (n,) to -23 LUFS, the level at which all embeddings hear it.

    Sound shorter than a gating block of 0.4 s, or under the absolute gate of -70 LUFS, is scaled by its RMS level
    instead; silence is returned unchanged.
    """
    import pyloudnorm

    if is_silent(sound):
        return sound
    level = level_db(sound)
    if len(sound) >= _BLOCK_S * sample_rate:
        measured = pyloudnorm.Meter(sample_rate, block_size=_BLOCK_S).integrated_loudness(sound)
        level = float(measured) if np.isfinite(measured) else level
    gain: float = 10 ** ((EMBEDDED_LUFS - level) / 20)
    return sound * gain
