"""Metre: fit one beat grid to the context on both sides of a hole, and estimate the length of a bar."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.symbols import Beats, Floats

FEATURE_RATE = 200
"""Frames per second of `log_bands`: a 5 ms hop is a whole number of samples at every rate but 44.1 kHz."""
_N_BANDS = 32
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 12000.0
_HARMONICS = (1, 2, 4)
_NUDGE_S = 0.015
_CLEAR = 0.4
"""Above this autocorrelation a lag is taken from the waveform, below it from the beat grid."""
_HANDICAPS = {4: 0.0, 8: 0.03, 3: 0.03, 6: 0.05, 2: 0.03}
"""By how much a bar of so many beats must beat the similarity of a bar of four."""
_MARGIN_S = 0.04
"""Frames this close to a hole are left out: their flux comes from the edge."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """Beats of a steady tempo.

    Attributes:
        period_s: Seconds from beat to beat.
        phase_s: Time of the first beat at or after 0.
        beats_per_bar: Beats after which the music is most likely to repeat.
    """

    period_s: float
    phase_s: float
    beats_per_bar: int = 4

    def times_s(self, duration_s: float) -> Floats:
        """Return the beats from before 0 to after `duration_s`, in seconds, shape (n,)."""
        return self.phase_s + self.period_s * np.arange(-1, np.ceil(duration_s / self.period_s) + 2)


def log_bands(sound: npt.NDArray[np.floating], sample_rate: int) -> Floats:
    """Return the energy in dB of 32 bands, logarithmically spaced from 40 Hz to 12 kHz, every 5 ms.

    Args:
        sound: Shape (n,).
        sample_rate: Hz.

    Returns:
        Shape (n_frames, 32), 0 to 80: dB relative to the loudest cell, plus 80; all zero for silence. Frame k is
        centred on the time k / 200 s.
    """
    size = 1 << round(np.log2(0.032 * sample_rate))
    n_frames = int(len(sound) / sample_rate * FEATURE_RATE) + 1
    centres = np.rint(np.arange(n_frames) * sample_rate / FEATURE_RATE).astype(np.int64)
    padded = np.pad(np.asarray(sound, dtype=np.float32), (size // 2, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[centres] * np.hanning(size).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges_hz = np.geomspace(_LOWEST_HZ, min(_HIGHEST_HZ, sample_rate / 2), _N_BANDS + 1)
    bins = np.maximum(np.rint(edges_hz * size / sample_rate).astype(np.int64), np.arange(1, _N_BANDS + 2))
    sums = np.add.reduceat(power, np.minimum(bins[:-1], power.shape[1] - 1), axis=1)
    peak = sums.max(initial=0.0)
    if peak <= 0:
        return np.zeros(sums.shape)
    level_db: Floats = 10 * np.log10(np.maximum(sums.astype(np.float64) / peak, 1e-12))
    return np.maximum(level_db + 80, 0.0)


def onset_strength(bands: Floats) -> Floats:
    """Return the half-wave rectified flux of log bands over 15 ms, shape (n_frames,); 0 for steady sound."""
    rise = np.zeros(len(bands))
    rise[3:] = np.maximum(bands[3:] - bands[:-3], 0).mean(axis=1)
    # The flux peaks while the attack enters the window; shifting it by one frame makes it peak on the attack.
    return np.roll(rise, -1)


def visible_frames(holes_s: list[tuple[float, float]], n_frames: int, margin_s: float = _MARGIN_S) -> Flags:
    """Return which 5 ms frames lie at least `margin_s` outside the holes, shape (n_frames,)."""
    times = np.arange(n_frames) / FEATURE_RATE
    flags = np.ones(n_frames, dtype=bool)
    for start, end in holes_s:
        flags &= (times < start - margin_s) | (times >= end + margin_s)
    return flags


def tempo_of(tracked: object) -> float:
    """Return the median period of tracked beats in seconds, clipped to 40-240 bpm; 0.5 s for fewer than three."""
    times = tracked.times_s if isinstance(tracked, Beats) else np.zeros(0)
    return float(np.clip(np.median(np.diff(times)), 0.25, 1.5)) if len(times) > 2 else 0.5


def fitted_grid(bands: Floats, visible: Flags, hint_s: float, reach: float = 0.1) -> Grid:
    """Fit one steady beat grid to all visible frames, so that beats before and after a hole are on the same grid.

    The period, searched around the hint, maximises the sum of the magnitudes of the onset strength's Fourier
    coefficients at one, two and four times the beat frequency; the phase maximises the sum of their cosines.

    Args:
        bands: See `log_bands`.
        visible: One flag per frame, see `visible_frames`.
        hint_s: A beat tracker's period in seconds.
        reach: Range of the search, as a share of the hint.

    Returns:
        The grid; the hint with phase 0 where there are no onsets.
    """
    strength = np.where(visible, onset_strength(bands), 0.0)
    if not strength.any():
        return Grid(hint_s, 0.0)
    strength = np.where(visible, strength - strength[visible].mean(), 0.0)
    times = np.arange(len(strength)) / FEATURE_RATE
    # Steps of a twentieth of the excerpt's frequency resolution, so that no peak lies between two steps.
    step = 1 / (20 * max(len(strength) / FEATURE_RATE, 1.0) * max(_HARMONICS))
    rates = np.arange((1 - reach) / hint_s, (1 + reach) / hint_s + step, step)
    active = strength != 0
    turns = np.exp(-2j * np.pi * np.outer(rates, times[active]))
    coefficients = np.stack([(turns**h) @ strength[active] for h in _HARMONICS])
    best = int(np.argmax(np.abs(coefficients).sum(axis=0)))
    phases = np.arange(256) / 256
    angles = 2j * np.pi * np.outer(np.array(_HARMONICS), phases)
    fit = (coefficients[:, best, None] * np.exp(angles)).real.sum(axis=0)
    period = float(1 / rates[best])
    return Grid(period, float(phases[int(np.argmax(fit))]) * period)


def bar_length(bands: Floats, visible: Flags, grid: Grid) -> int:
    """Return after how many beats (2, 3, 4, 6 or 8) the visible sound most likely repeats; 4 where nothing decides.

    At every lag of whole beats, spectral shapes are correlated over all pairs of frames that are both visible, also
    across holes. A bar's score is the mean over its multiples, weighted by the number of pairs; bars other than 4 must
    beat the score of 4 by a margin.

    Args:
        bands: See `log_bands`.
        visible: One flag per frame, see `visible_frames`.
        grid: The beats.
    """
    shapes = bands - bands.mean(axis=1, keepdims=True)
    shapes = shapes - shapes[visible].mean(axis=0) if visible.any() else shapes
    lags: list[tuple[int, float, int]] = []
    for beats in range(1, int(len(bands) / FEATURE_RATE / grid.period_s) + 1):
        lag = round(beats * grid.period_s * FEATURE_RATE)
        both = visible[lag:] & visible[: len(visible) - lag]
        early, late = shapes[: len(bands) - lag][both], shapes[lag:][both]
        scale = np.sqrt(np.square(early).sum() * np.square(late).sum())
        if both.sum() >= grid.period_s * FEATURE_RATE / 2 and scale > 0:
            lags.append((beats, float((early * late).sum() / scale), int(both.sum())))
    if not lags:
        return 4
    scores = {4: 0.0}
    for bar, handicap in _HANDICAPS.items():
        multiples = [(value, weight) for beats, value, weight in lags if beats % bar == 0]
        if multiples and 1.0 <= bar * grid.period_s <= 6.0:
            values, weights = np.array(multiples).T
            scores[bar] = float(np.average(values, weights=weights)) - handicap
    return max(scores, key=lambda bar: scores[bar])


def likeness_at_lags(sound: npt.NDArray[np.floating], visible: Flags) -> Floats:
    """Return the normalised autocorrelation of the visible sound at every lag, shape (n,), -1 to 1.

    Only pairs of samples that are both visible count; it is 0 where fewer than 1 % of the samples form a pair, and for
    silence.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    n = len(sound)
    flags = visible.astype(np.float64)
    context = np.where(visible, sound, 0).astype(np.float64)
    size = next_fast_len(2 * n, real=True)
    of_flags, of_sound, of_power = (rfft(x, size) for x in (flags, context, context**2))
    products, pairs, early, late = (
        irfft(spectrum, size)[:n]
        for spectrum in (
            np.abs(of_sound) ** 2,
            np.abs(of_flags) ** 2,
            of_flags * of_power.conj(),
            of_power * of_flags.conj(),
        )
    )
    scale = np.sqrt(np.maximum(early, 0) * np.maximum(late, 0))
    is_safe = (pairs > 0.01 * n) & (scale > 1e-6 * max(float(scale.max(initial=0.0)), 1e-12))
    return np.where(is_safe, products / np.where(is_safe, scale, 1.0), 0.0)


def clear_lag(likeness: Floats, lag: int, sample_rate: int) -> int:
    """Return the lag within 15 ms at which the sound repeats most clearly; `lag` itself if no correlation is above 0.4.

    Args:
        likeness: See `likeness_at_lags`.
        lag: Samples.
        sample_rate: Hz.
    """
    first = max(lag - round(_NUDGE_S * sample_rate), 1)
    near = likeness[first : lag + round(_NUDGE_S * sample_rate) + 1]
    return first + int(np.argmax(near)) if near.size and near.max() > _CLEAR else lag


def sharpened(grid: Grid, likeness: Floats, sample_rate: int) -> Grid:
    """Refine the period with the lags of whole bars at which the waveform clearly repeats, from short to long.

    A longer lag gives a more exact period, which then predicts lags at which holes leave too little to compare.
    """
    period = grid.period_s * sample_rate
    bar = grid.beats_per_bar
    for beats in range(bar, int(len(likeness) / period) + 1, bar):
        lag = clear_lag(likeness, round(beats * period), sample_rate)
        if lag < len(likeness) and likeness[lag] > _CLEAR:
            period = lag / beats
    return replace(grid, period_s=period / sample_rate)
