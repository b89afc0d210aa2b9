"""Drums: test whether a sound can be a drum kit, and merge its hits into onsets."""

import numpy as np

from bench.audio import Samples
from bench.symbols import DRUM_PROGRAM, Beats, Notes

_KICK_HZ, _CYMBAL_HZ = 120.0, 5000.0
_LEAST_KICK_DB, _LEAST_CYMBAL_DB = -10.0, -25.0
"""Least share of a kit's energy below the one frequency or above the other. In the drums that `hpss` separates from 40
synthetic training songs and three recordings with drums, the nearer of the two is 8.5 dB or more above its limit; the
attacks of a recorded solo piano, which are percussive too, are 2 dB or more under both limits."""
_TINY = 1e-20
MERGE_S = 0.03
"""True drum hits up to this far apart are one onset; the extractor `onset-flux` has its own `_REST_S`. A change raises
the number in the identity of `drum-onset-f1`."""


def is_kit(drums: Samples, sample_rate: int) -> bool:
    """Return whether a sound (n,) has the low end of a kick or the high end of a cymbal; False for silence."""
    power = np.abs(np.fft.rfft(drums)) ** 2
    hz = np.fft.rfftfreq(len(drums), 1 / sample_rate)
    total = max(float(power.sum()), _TINY)
    lows, highs = float(power[hz < _KICK_HZ].sum()) / total, float(power[hz > _CYMBAL_HZ].sum()) / total
    return bool(lows >= 10 ** (_LEAST_KICK_DB / 10) or highs >= 10 ** (_LEAST_CYMBAL_DB / 10))


def drum_onsets(notes: Notes) -> Beats:
    """Return the onsets of the percussion notes; hits within 30 ms of the last kept onset are merged into it."""
    times = np.sort(notes.intervals_s[notes.programs == DRUM_PROGRAM, 0])
    kept: list[float] = []
    for time in times:
        if not kept or time - kept[-1] > MERGE_S:
            kept.append(float(time))
    return Beats(np.array(kept))
