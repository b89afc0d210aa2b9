"""Floor: the context, with the control itself in the holes."""

from collections.abc import Sequence

import numpy as np

from bench.audio import Audio
from bench.example import Request
from bench.music.splice import filled
from bench.protocols import Model


class CopyControl:
    """Follows the control perfectly and generates nothing; several controls are summed, no control gives silence."""

    batch_size = 16

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes with the sum of its controls at their own level, without fades."""
        return [filled(request.masked, request.mask, _summed(request)) for request in requests]


def build() -> Model:
    """Return the floor."""
    return CopyControl()


def _summed(request: Request) -> np.typing.NDArray[np.float64]:
    total = np.zeros(request.masked.n_samples)
    for control in request.controls.values():
        total += control.audio.mono
    return total
