"""Signals whose content is known."""

import numpy as np
import numpy.typing as npt

from bench.audio import Audio

Sound = npt.NDArray[np.float64]


def tone(pitch: float, duration_s: float, rate: int, partials: int = 6, decay_s: float = 0.4) -> Sound:
    """A struck harmonic tone of MIDI pitch: partials falling by 0.6, all decaying."""
    t = np.arange(round(duration_s * rate)) / rate
    hz = 440 * 2 ** ((pitch - 69) / 12)
    heard = [k for k in range(1, partials + 1) if k * hz < 0.45 * rate]
    attack = np.minimum(t / 0.005, 1)
    return 0.1 * attack * np.exp(-t / decay_s) * sum(0.6 ** (k - 1) * np.sin(2 * np.pi * k * hz * t) for k in heard)


def mixed(parts: list[tuple[float, Sound]], duration_s: float, rate: int) -> Audio:
    """Add sounds at their onsets."""
    out = np.zeros(round(duration_s * rate))
    for onset_s, sound in parts:
        start = round(onset_s * rate)
        kept = sound[: len(out) - start]
        out[start : start + len(kept)] += kept
    return Audio(out.astype(np.float32), rate)


def hit(rate: int, seed: int = 0, duration_s: float = 0.08) -> Sound:
    """A burst of noise with a sudden start, like a snare."""
    t = np.arange(round(duration_s * rate)) / rate
    return 0.3 * np.random.default_rng(seed).standard_normal(len(t)) * np.exp(-t / 0.02)


def kick(rate: int) -> Sound:
    """A low thump with the click of a beater."""
    t = np.arange(round(0.15 * rate)) / rate
    click = 0.1 * np.random.default_rng(99).standard_normal(len(t)) * np.exp(-t / 0.004)
    return 0.6 * np.sin(2 * np.pi * 60 * t) * np.exp(-t / 0.05) + click


def chords(rate: int, pitches: list[list[int]], each_s: float) -> Audio:
    """Chords of struck tones, one after another, each struck twice."""
    half = each_s / 2
    parts = [
        (k * each_s + s * half, tone(p, half, rate, decay_s=1.0))
        for k, tones in enumerate(pitches)
        for p in tones
        for s in (0, 1)
    ]
    return mixed(parts, each_s * len(pitches), rate)


def groove(rate: int, bpm: float, bars: int, start_s: float = 0.0) -> tuple[Audio, Sound]:
    """Kick on 1 and 3, snare on 2 and 4, hats between, chords that change at every bar; returns the beats too."""
    period = 60 / bpm
    beats = start_s + period * np.arange(4 * bars)
    parts = [(t, kick(rate) if k % 2 == 0 else hit(rate, k)) for k, t in enumerate(beats)]
    parts += [(t + period / 2, 0.1 * hit(rate, k)) for k, t in enumerate(beats)]
    roots = [48, 53, 55, 45]
    for bar in range(bars):
        for step in (0, 4, 7):
            parts.append((beats[4 * bar], tone(roots[bar % 4] + 12 + step, 4 * period, rate, decay_s=1.5)))
    return mixed(parts, float(beats[-1] + period), rate), beats
