"""Floor: the given context with silence in the holes."""

from collections.abc import Sequence

from bench.audio import Audio
from bench.example import Request
from bench.protocols import Model


class Silence:
    """Leaves the holes as they are."""

    batch_size = 16

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Return the masked sound of every request."""
        return [Audio(request.masked.mono, request.masked.sample_rate) for request in requests]


def build() -> Model:
    """Return the floor."""
    return Silence()
