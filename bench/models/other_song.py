"""Floor: the context, with another song of the set in the holes, from the same time in its excerpt."""

from collections.abc import Sequence
from typing import Literal

from bench.audio import Audio
from bench.errors import BenchError
from bench.example import Example, other_songs
from bench.music.splice import filled
from bench.protocols import Probe


class OtherSong:
    """Fills holes with real music that is unrelated to the request; see `bench.example.other_songs`."""

    is_probe: Literal[True] = True

    def edit(self, examples: Sequence[Example]) -> list[Audio]:
        """Fill every example's holes from its partner among the other songs, without fades.

        Raises:
            BenchError: the set has a single song, or two references differ in sample rate or length.
        """
        by_id = {example.request.id: example for example in examples}
        partners = other_songs(list(by_id))
        return [_filled_from(example, by_id[partners[name]]) for name, example in by_id.items()]


def build() -> Probe:
    """Return the floor."""
    return OtherSong()


def _filled_from(example: Example, other: Example) -> Audio:
    here, there = example.request.masked, other.reference
    if (here.sample_rate, here.n_samples) != (there.sample_rate, there.n_samples):
        raise BenchError(
            f"other-song: {other.request.id} has {there.n_samples} samples at {there.sample_rate} Hz, "
            f"{example.request.id} {here.n_samples} at {here.sample_rate} Hz; give excerpts of one rate and length"
        )
    return filled(here, example.request.mask, there.mono)
