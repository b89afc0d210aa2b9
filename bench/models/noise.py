"""Floor: the context, with white noise of the context's loudness in the holes."""

from collections.abc import Sequence

import numpy as np
import pyloudnorm

from bench.audio import Audio
from bench.example import Request
from bench.music.splice import filled
from bench.protocols import Model

FALLBACK_LUFS = -23.0
"""Loudness of the noise if there is no context to measure: EBU R 128's programme level."""


class Noise:
    """Fills holes with Gaussian white noise from the request's seed."""

    batch_size = 16

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes; silent context gives silence, context under 0.4 s counts as none."""
        return [_edit(request) for request in requests]


def build() -> Model:
    """Return the floor."""
    return Noise()


def _edit(request: Request) -> Audio:
    rate = request.masked.sample_rate
    visible = request.masked.mono[~request.mask.inside(rate)]
    noise = np.random.default_rng(request.seed).standard_normal(request.masked.n_samples)
    # ITU-R BS.1770 gates blocks of 0.4 s, so that shorter sounds have no integrated loudness.
    wanted = _lufs(visible, rate) if len(visible) >= 0.4 * rate else FALLBACK_LUFS
    gain = 10 ** ((wanted - _lufs(noise / 10, rate)) / 20) / 10
    return filled(request.masked, request.mask, noise * gain)


def _lufs(samples: np.typing.NDArray[np.floating], rate: int) -> float:
    """Return the integrated loudness in LUFS; -inf for silence."""
    padded = np.pad(samples.astype(np.float64), (0, max(0, int(0.4 * rate) + 1 - len(samples))), mode="wrap")
    with np.errstate(divide="ignore"):  # the log of a silent block
        return float(pyloudnorm.Meter(rate).integrated_loudness(padded))
