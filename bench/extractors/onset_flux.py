"""Onsets of drums by spectral flux with absolute thresholds (no weights)."""

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from bench.audio import Audio, is_silent
from bench.symbols import Beats, Floats

VERSION = 1
_HOP_S, _WINDOW_S = 0.005, 0.032
_BANDS_PER_OCTAVE = 24
_LOWEST_HZ, _HIGHEST_HZ = 30.0, 15000.0
_FULL_SCALE_FLOOR_DB = -70.0
_LAG = 3
_LATENCY_S = 0.0025
"""Delay from the attack to the peak of the flux, measured on rendered drums."""
_REST_S, _AROUND_S = 0.03, 0.05
"""Least time between two onsets, as for true hits (`bench.music.drums`), and half the window of the local median."""


class OnsetFlux:
    """Peaks of the flux of log-spaced bands with a maximum filter (SuperFlux: Boeck and Widmer, DAFx 2013).

    Nothing is normalised to the clip. Levels are in dB re full scale with a floor. At an onset the flux exceeds its
    median within 50 ms by `rise_db`, and the sound after it reaches `level_db`. Residues of held notes in separated
    drums stay below both thresholds; residues of the attacks of plucked and struck notes do not.
    """

    kind = "onsets"

    def __init__(self, rise_db: float, level_db: float) -> None:
        """Take the two thresholds."""
        self.rise_db, self.level_db = rise_db, level_db
        self.identity = f"onset-flux v{VERSION} (rise {rise_db:g} dB, level {level_db:g} dBFS, hop 5 ms)"

    def extract(self, audio: Audio) -> Beats:
        """Return onsets in seconds, without positions, at least 30 ms apart; none for silence."""
        sound = audio.mono
        if is_silent(sound):
            return Beats()
        levels, loudness = _levels_db(sound, audio.sample_rate)
        flux = _flux(levels)
        around = round(_AROUND_S / _HOP_S)
        is_peak = flux == scipy.ndimage.maximum_filter1d(flux, 2 * round(_REST_S / _HOP_S) + 1)
        local = scipy.ndimage.median_filter(flux, 2 * around + 1)
        after = scipy.ndimage.maximum_filter1d(loudness, around // 2, origin=-(around // 4))
        frames = np.flatnonzero(is_peak & (flux - local > self.rise_db) & (after > self.level_db))
        return Beats(np.maximum(_apart(frames, round(_REST_S / _HOP_S)) * _HOP_S - _LATENCY_S, 0.0))


def build(rise_db: float = 2.0, level_db: float = -45.0) -> OnsetFlux:
    """Return the detector."""
    return OnsetFlux(rise_db, level_db)


def _levels_db(sound: npt.NDArray[np.float32], sample_rate: int) -> tuple[Floats, Floats]:
    """Return the levels of log-spaced bands (n_frames, n_bands) and of their sum (n_frames,), dB re a full-scale sine.

    Frame k is centred on the time k * 5 ms at every sample rate.
    """
    size = scipy.fft.next_fast_len(round(_WINDOW_S * sample_rate))
    n_frames = int(len(sound) / sample_rate / _HOP_S) + 1
    starts = np.rint(np.arange(n_frames) * _HOP_S * sample_rate).astype(np.int64)
    padded = np.pad(sound, (size // 2, size))
    window = np.hanning(size + 2)[1:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * (2 * window / window.sum())
    power = np.abs(scipy.fft.rfft(frames, axis=1)) ** 2
    top = min(_HIGHEST_HZ, 0.48 * sample_rate)
    n_bands = max(int(_BANDS_PER_OCTAVE * np.log2(top / _LOWEST_HZ)), 2)
    edges = np.unique(np.rint(np.geomspace(_LOWEST_HZ, top, n_bands + 1) * size / sample_rate).astype(np.int64))
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    floor = 10 ** (_FULL_SCALE_FLOOR_DB / 10)
    levels: Floats = 10 * np.log10(np.maximum(bands.astype(np.float64), floor))
    loudness: Floats = 10 * np.log10(np.maximum(power[:, 1:].sum(axis=1, dtype=np.float64) / 1.5, floor))
    return levels, loudness


def _flux(levels: Floats) -> Floats:
    """Return the rise in dB over the maximum of the neighbouring bands 15 ms ago, averaged over bands."""
    past = scipy.ndimage.maximum_filter1d(levels, 3, axis=1)
    padded = np.pad(past, ((_LAG, 0), (0, 0)), constant_values=_FULL_SCALE_FLOOR_DB)[: len(levels)]
    rise: Floats = np.maximum(levels - padded, 0).mean(axis=1)
    return rise


def _apart(frames: npt.NDArray[np.int64], least: int) -> npt.NDArray[np.int64]:
    """Drop frames less than `least` after the last kept one (equal neighbours are both peaks)."""
    kept: list[int] = []
    for frame in frames:
        if not kept or frame - kept[-1] >= least:
            kept.append(int(frame))
    return np.array(kept, dtype=np.int64)
