"""How well the given drums are kept: SI-SDR, SDR and spectral SDR of the output's separated drums, in dB."""

from collections.abc import Sequence
from math import ceil, nan

import numpy as np
import numpy.typing as npt

from bench.audio import Audio, is_silent
from bench.example import Example
from bench.music.matching import LEAST_SHIFT_S, N_SHIFTS
from bench.protocols import Column, Heard, Measurement, Metric, Vectors, undefined

CEILING_DB, FLOOR_DB = 40.0, -30.0
WINDOW, HOP = 2048, 512
Vector = npt.NDArray[np.float64]


class Sdr:
    """Three ratios of the given drums to what the output's separated drums lack or add.

    `sdr`: framewise 10 log10(sum s^2 / sum (s - s^)^2) over frames of 1 s, the median over the frames of all holes. It
    equals the SDR of museval's BSSEval v4 with default settings wherever neither frame is silent (Stöter et al. 2018,
    "The 2018 Signal Separation Evaluation Campaign"). A silent estimate scores 0 dB by the formula, more than wrong
    drums do: the column is there to compare with papers and never ranks. Silent reference frames are left out; frames
    are capped at 40 dB, more than any separator reaches, so that one exact song does not dominate a mean. A trailing
    partial frame is dropped, but a hole shorter than 1 s is one frame.

    `si-sdr` (Le Roux et al. 2019, arXiv 1811.02508, means not removed) is computed over all holes together, clipped to
    -30 to 40 dB; silence scores -30 dB.

    `sdr-spectral` is 10 log10(sum |S|^2 / sum (|S| - g |S^|)^2) on magnitude spectra (STFT of 2048 samples, Hann, hop
    512), g >= 0 by least squares: one g and one ratio for the frames of all holes together, each hole transformed by
    itself. It needs no phase. Magnitudes of unrelated sounds correlate, so it is 4.17 dB for two white noises and never
    below 0 dB for any sound; silence scores -30 dB. Its chance is therefore its mean over 32 seeded circular shifts of
    the estimate's frames in their hole by at least 0.25 s, as for onsets: the same drum sounds at the wrong time.

    A silent reference leaves all three undefined.
    """

    columns: tuple[Column, ...] = (
        Column("sdr", "dB", "higher", "hole", 0.0, ("drums",), needs_phase=True),
        Column("si-sdr", "dB", "higher", "hole", FLOOR_DB, ("drums",), is_ranked=True, needs_phase=True),
        Column("sdr-spectral", "dB", "higher", "hole", FLOOR_DB, ("drums",)),
    )
    identity = "sdr/1 frames=1s median max=40dB"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return all columns; n = frames of 1 s for `sdr`, seconds for the others."""
        references, estimates = heard.wanted("drums"), heard.found("output", "drums")
        values = [v for s, e in zip(references, estimates, strict=True) for v in framewise_sdr(s, e)]
        known = [v for v in values if v == v]
        if not known:
            return {column.name: undefined() for column in self.columns}
        s = np.concatenate([a.mono for a in references]).astype(np.float64)
        e = np.concatenate([a.mono for a in estimates]).astype(np.float64)
        state = "silent" if is_silent(e) else "ok"
        seconds, seed = len(s) / references[0].sample_rate, example.request.seed
        spectral, chance = spectral_sdr(references, estimates, seed)
        return {
            "sdr": Measurement(float(np.median(known)), len(known), state),
            "si-sdr": Measurement(si_sdr(s, e), seconds, state),
            "sdr-spectral": Measurement(spectral, seconds, state, chance),
        }


def framewise_sdr(reference: Audio, estimate: Audio) -> list[float]:
    """Return the SDR in dB of every whole 1 s frame; NaN where the reference's frame is silent."""
    size = min(reference.sample_rate, reference.n_samples)
    values = []
    for start in range(0, reference.n_samples - size + 1, max(size, 1)):
        s = reference.mono[start : start + size].astype(np.float64)
        e = estimate.mono[start : start + size].astype(np.float64)
        power, noise = float(np.sum(s**2)), float(np.sum((s - e) ** 2))
        if power == 0 or is_silent(s):
            values.append(nan)
        else:
            values.append(min(10 * np.log10(power / noise), CEILING_DB) if noise > 0 else CEILING_DB)
    return values


def si_sdr(s: Vector, e: Vector) -> float:
    """Return the scale-invariant SDR of `e` against `s` in dB, clipped to -30 to 40; -30 for a silent `e`."""
    target = s * (s @ e / (s @ s))
    power, noise = float(np.sum(target**2)), float(np.sum((target - e) ** 2))
    if power <= 0:
        return FLOOR_DB
    return float(np.clip(10 * np.log10(power / noise), FLOOR_DB, CEILING_DB)) if noise > 0 else CEILING_DB


def spectral_sdr(references: Sequence[Audio], estimates: Sequence[Audio], seed: int) -> tuple[float, float]:
    """Return the SDR in dB of the holes' magnitude spectra, and its chance level from shifts drawn by `seed`.

    With the best gain the error is sum |S|^2 - (sum |S||S^|)^2 / sum |S^|^2. Shifting frames in a circle changes only
    sum |S||S^|, so that a shift costs one product of two spectrograms.
    """
    if all(is_silent(estimate.mono) for estimate in estimates):
        return FLOOR_DB, FLOOR_DB
    pairs = [(spectrogram(s), spectrogram(e)) for s, e in zip(references, estimates, strict=True)]
    power = sum(float(np.vdot(s, s)) for s, _ in pairs)
    estimated = sum(float(np.vdot(e, e)) for _, e in pairs)

    def level_db(shared: float) -> float:
        error = power - shared**2 / estimated
        return float(np.clip(10 * np.log10(power / error), FLOOR_DB, CEILING_DB)) if error > 0 else CEILING_DB

    rng, least = np.random.default_rng(seed), ceil(LEAST_SHIFT_S * references[0].sample_rate / HOP)
    chances = []
    for _ in range(N_SHIFTS):
        shifts = [int(rng.integers(least, max(len(e) - least, least) + 1)) for _, e in pairs]
        chances.append(level_db(sum(_shared(s, e, shift) for (s, e), shift in zip(pairs, shifts, strict=True))))
    return level_db(sum(_shared(s, e) for s, e in pairs)), float(np.mean(chances))


def _shared(s: Vectors, e: Vectors, shift: int = 0) -> float:
    """Return sum |S||S^| with the frames of `e` moved later by `shift` in a circle."""
    k = shift % len(e)
    return float(np.vdot(s[k:], e[: len(e) - k]) + np.vdot(s[:k], e[len(e) - k :]))


def spectrogram(audio: Audio) -> Vectors:
    """Return magnitudes (n_frames, n_bins): periodic Hann windows, half a window of silence added at either end."""
    rest = -audio.n_samples % HOP
    padded = np.pad(audio.mono.astype(np.float64), (WINDOW // 2, WINDOW // 2 + rest))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], axis=1))


def build() -> Metric:
    """Return the metric."""
    return Sdr()
