"""Voice: a part sung by formants over harmonics, with vibrato, breath and consonants."""

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from bench.symbols import Notes

RATE = 32000
Sound = npt.NDArray[np.float32]
_VOWELS = (
    (800, 1200, 2600, 3600), (400, 2000, 2600, 3500), (300, 2300, 3000, 3700), (450, 850, 2600, 3400),
    (330, 750, 2500, 3400), (550, 1700, 2450, 3500), (650, 1050, 2500, 3400),
)  # fmt: skip
"""Four formants in Hz of sung vowels and of sounds between them; usual values, rounded."""
_WIDTHS_HZ, _LEVELS_DB = (90, 110, 150, 200), (0.0, -7.0, -14.0, -20.0)
_TOP_HZ = 9000.0
_CONSONANTS = ((3500, 11000), (1800, 6000), (5000, 14000), (900, 4000))


def sing(notes: Notes, duration_s: float, seed: int) -> Sound:
    """Return the notes sung, mono at 32 kHz, of round(duration_s * 32000) samples."""
    rng = np.random.default_rng([seed, 9])
    out = np.zeros(round(duration_s * RATE) + RATE, dtype=np.float64)
    size, vibrato = float(rng.uniform(0.9, 1.2)), (float(rng.uniform(4.5, 6.5)), float(rng.uniform(0.0, 0.5)))
    breath, voices = float(rng.uniform(0.005, 0.05)), int(rng.choice([1, 1, 1, 2, 3]))
    is_deep = bool(rng.random() < 0.5)
    for (start_s, end_s), pitch, velocity in zip(notes.intervals_s, notes.pitches, notes.velocities, strict=True):
        hz = 440 * 2 ** ((int(pitch) - 69) / 12)
        seconds = min(max(float(end_s - start_s), 0.12), 4.0)
        first = round(float(start_s) * RATE)
        bends = 2 ** (rng.normal(0, 0.08 if voices > 1 else 0.02, voices) / 12)
        tone = np.sum([_tone(rng, hz * bend, seconds, size, vibrato, breath) for bend in bends], axis=0)
        loud = (float(velocity) / 127) ** 1.5 * (0.7 if is_deep else 1.0)
        out[first : first + len(tone)] += loud * tone[: len(out) - first]
        if rng.random() < 0.5:
            burst = _consonant(rng)
            at = max(first - len(burst), 0)
            out[at : at + len(burst)] += loud * burst[: len(out) - at]
    return out[: round(duration_s * RATE)].astype(np.float32)


def _tone(
    rng: np.random.Generator, hz: float, seconds: float, size: float, vibrato: tuple[float, float], breath: float
) -> npt.NDArray[np.float64]:
    t = np.arange(round(seconds * RATE)) / RATE
    bend = vibrato[1] * np.minimum(t / 0.4, 1) * np.sin(2 * np.pi * vibrato[0] * t) - rng.uniform(0, 1.5) * np.exp(
        -t / 0.04
    )
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (bend / 12)) / RATE
    formants = np.array(_VOWELS[int(rng.integers(len(_VOWELS)))]) * size * rng.uniform(0.95, 1.05, 4)
    harmonics = np.arange(1, max(int(_TOP_HZ / hz), 1) + 1)
    gains = 10 ** (np.array(_LEVELS_DB) / 20) / (1 + ((harmonics[:, None] * hz - formants) / np.array(_WIDTHS_HZ)) ** 2)
    strengths = (gains.sum(axis=1) + 0.02) / harmonics**0.5
    # sin(kx) by the recurrence of Chebyshev: one sine and one cosine for all harmonics.
    two_cos, older, newer = 2 * np.cos(phase), np.zeros_like(phase), np.sin(phase)
    tone = strengths[0] * newer
    for strength in strengths[1:]:
        older, newer = newer, two_cos * newer - older
        tone += strength * newer
    tone += breath * rng.standard_normal(len(t))
    attack, release = min(rng.uniform(0.02, 0.08), seconds / 3), min(0.06, seconds / 3)
    return np.asarray(tone * np.minimum(t / attack, 1) * np.minimum((seconds - t) / release, 1))


def _consonant(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    n = round(float(rng.uniform(0.02, 0.13)) * RATE)
    low, high = _CONSONANTS[int(rng.integers(len(_CONSONANTS)))]
    noise = sosfilt(butter(2, [low, high], "bandpass", fs=RATE, output="sos"), rng.standard_normal(n))
    return np.asarray(rng.uniform(0.1, 0.5) * noise * np.sin(np.pi * np.linspace(0, 1, n)) ** 0.5)
