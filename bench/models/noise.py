"""Floor: the given context with white noise of the context's loudness in the holes."""

from collections.abc import Sequence

import numpy as np

from bench.audio import Audio
from bench.example import Request
from bench.loudness import FLOOR_LUFS, lufs
from bench.protocols import Model
from bench.splice import filled

FALLBACK_LUFS = -23.0
"""EBU R 128's programme level, where no context tells a loudness."""


class Noise:
    """Fills holes with Gaussian white noise, seeded by the request."""

    batch_size = 16

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes; a silent context gives silence, a context under 0.4 s counts as none."""
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
