"""Drums: whether a sound can be a kit at all, and which hits of a kit are one onset."""

import numpy as np

from bench.audio import Samples
from bench.symbols import DRUM_PROGRAM, Beats, Notes

_KICK_HZ, _CYMBAL_HZ = 120.0, 5000.0
_LEAST_KICK_DB, _LEAST_CYMBAL_DB = -10.0, -25.0
"""A kit puts at least this share of its energy under the one frequency or over the other. In what `hpss` finds on 40
synthetic training songs and three recordings with drums the nearer of the two lies 8.5 dB or more above its limit; the
attacks of a recorded solo piano, which are percussive too, lie 2 dB or more under both."""
_TINY = 1e-20
MERGE_S = 0.03
"""Drum hits nearer than this to one another are one onset."""


def is_kit(drums: Samples, sample_rate: int) -> bool:
    """Tell whether sound holds a kick's lows or a cymbal's highs; silence holds neither."""
    power = np.abs(np.fft.rfft(drums)) ** 2
    hz = np.fft.rfftfreq(len(drums), 1 / sample_rate)
    total = max(float(power.sum()), _TINY)
    lows, highs = float(power[hz < _KICK_HZ].sum()) / total, float(power[hz > _CYMBAL_HZ].sum()) / total
    return bool(lows >= 10 ** (_LEAST_KICK_DB / 10) or highs >= 10 ** (_LEAST_CYMBAL_DB / 10))


def drum_onsets(notes: Notes) -> Beats:
    """Return the times of the percussion's hits, those within 30 ms of the last kept one merged into it."""
    times = np.sort(notes.intervals_s[notes.programs == DRUM_PROGRAM, 0])
    kept: list[float] = []
    for time in times:
        if not kept or time - kept[-1] > MERGE_S:
            kept.append(float(time))
    return Beats(np.array(kept))
