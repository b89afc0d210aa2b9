"""Floor: the context, with silence in the holes."""

from collections.abc import Sequence

from bench.audio import Audio
from bench.example import Request
from bench.protocols import Model


class Silence:
    """Leaves the holes silent."""

    batch_size = 16

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Return every request's masked sound unchanged."""
        return [Audio(request.masked.mono, request.masked.sample_rate) for request in requests]


def build() -> Model:
    """Return the floor."""
    return Silence()
