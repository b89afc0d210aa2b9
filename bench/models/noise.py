"""Floor: the context, with white noise of the context's loudness in the holes."""

from collections.abc import Sequence

import numpy as np

from bench.audio import Audio
from bench.example import Request
from bench.music.loudness import FLOOR_LUFS, lufs
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
    # ITU-R BS.1770 gates blocks of 0.4 s, so anything shorter has no integrated loudness.
    wanted = lufs(visible, rate) if len(visible) >= 0.4 * rate else FALLBACK_LUFS
    gain = 10 ** ((wanted - lufs(noise / 10, rate)) / 20) / 10 if wanted > FLOOR_LUFS else 0.0
    return filled(request.masked, request.mask, noise * gain)
