"""Ceiling: the reference encoded and decoded, the best that a system with this codec can reach."""

from collections.abc import Sequence
from typing import Literal

from bench.air.editor import outputs_of, sound_of
from bench.air.sizes import TRAINING_DATA, codec_of
from bench.audio import Audio
from bench.example import Example
from bench.protocols import Probe

SIZES = ("mini", "small", "medium", "large")
_FULL = "that of MusicGen's codec (arXiv 2306.05284)"


class CodecRoundtrip:
    """Encodes and decodes the whole reference, context included."""

    is_probe: Literal[True] = True

    def __init__(self, size: str, device: str) -> None:
        """Load the codec of a size."""
        self._codec, codec = codec_of(size, device)
        self.identity = f"codec-roundtrip, {codec}"
        self.training_data = TRAINING_DATA["mini"] if size == "mini" else _FULL
        self.parameters, self.keeps_phase = self._codec.parameters, self._codec.keeps_phase

    def edit(self, examples: Sequence[Example]) -> list[Audio]:
        """Return every reference, encoded and decoded."""
        outputs = []
        for example in examples:
            request = example.request
            tokens = self._codec.encode([sound_of(example.reference.mono, request, self._codec)])
            outputs += outputs_of(self._codec, tokens, [request])
        return outputs


def build(size: str = "mini", device: str = "cpu") -> Probe:
    """Return the ceiling for the codec of a size."""
    return CodecRoundtrip(size, device)
