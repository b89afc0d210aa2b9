"""How well the given drums are kept: SDR and SI-SDR of the output's separated drums against them, in dB."""

from math import nan

import numpy as np
import numpy.typing as npt

from bench.audio import Audio, is_silent
from bench.example import Example
from bench.protocols import Column, Heard, Measurement, Metric, undefined

CEILING_DB, FLOOR_DB = 40.0, -30.0
Vector = npt.NDArray[np.float64]


class Sdr:
    """Framewise 10 log10(sum s^2 / sum (s - s^)^2) over frames of 1 s, the median over the frames of all holes.

    It equals the SDR of museval's BSSEval v4 with default settings wherever neither frame is silent (Stöter et al.
    2018, "The 2018 Signal Separation Evaluation Campaign"). A silent estimate scores 0 dB by the formula; silent
    reference frames are left out; frames are capped at 40 dB, more than any separator reaches, so that one exact song
    does not dominate a mean. A trailing partial frame is dropped, but a hole shorter than 1 s is one frame. SI-SDR (Le
    Roux et al. 2019, arXiv 1811.02508, means not removed) is computed over all holes together, clipped to -30 to 40 dB;
    silence scores -30 dB. A silent reference is undefined.
    """

    columns: tuple[Column, ...] = (
        Column("sdr", "dB", "higher", "hole", 0.0, ("drums",), is_ranked=True, needs_phase=True),
        Column("si-sdr", "dB", "higher", "hole", FLOOR_DB, ("drums",), is_shown=False, needs_phase=True),
    )
    identity = "sdr/1 frames=1s median max=40dB"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return `sdr` (n = frames) and `si-sdr` (n = seconds)."""
        references, estimates = heard.wanted("drums"), heard.found("output", "drums")
        values = [v for s, e in zip(references, estimates, strict=True) for v in framewise_sdr(s, e)]
        known = [v for v in values if v == v]
        if not known:
            return {"sdr": undefined(), "si-sdr": undefined()}
        s = np.concatenate([a.mono for a in references]).astype(np.float64)
        e = np.concatenate([a.mono for a in estimates]).astype(np.float64)
        state = "silent" if is_silent(e) else "ok"
        return {
            "sdr": Measurement(float(np.median(known)), len(known), state),
            "si-sdr": Measurement(si_sdr(s, e), len(s) / references[0].sample_rate, state),
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


def build() -> Metric:
    """Return the metric."""
    return Sdr()
