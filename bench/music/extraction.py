"""Extraction: one extractor a kind, built when first needed, its findings kept by sound and identity."""

from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError
from bench.protocols import Extractor, Vectors
from bench.runtime.cache import Cache, key_of


def finding_key(extractor: Extractor, audio: Audio) -> str:
    """Return what the cache knows an extractor's finding in a sound by."""
    return key_of("extract", extractor.kind, extractor.identity, audio.sha256())


class Extractors:
    """The suite's ears: one extractor per kind, built when first needed, its findings cached by sound and identity."""

    def __init__(self, names: dict[str, str], cache: Cache) -> None:
        """Take the plug's name for every kind."""
        self.names = names
        self.cache = cache
        self._built: dict[str, Extractor] = {}

    def of(self, kind: str) -> Extractor:
        """Return the extractor of this kind.

        Raises:
            BenchError: none is named for it, or the one that is finds something else.
        """
        if kind not in self._built:
            if kind not in self.names:
                raise BenchError(f"no extractor is chosen for {kind}; name one with --extractor {kind}=NAME")
            extractor: Extractor = plugins.load("extractors", self.names[kind])
            if extractor.kind != kind:
                raise BenchError(f"--extractor {kind}={self.names[kind]}: that one finds {extractor.kind}")
            self._built[kind] = extractor
        return self._built[kind]

    def find(self, kind: str, audio: Audio) -> Any:
        """Return what the extractor of this kind finds in the sound."""
        return self.heard(self.of(kind), audio)

    def embed(self, embedding: Extractor, clip: Audio) -> Vectors:
        """Return the windows (n_windows, d) of a clip; what is under 1 s is repeated to 1 s."""
        if clip.n_samples < clip.sample_rate:
            clip = Audio(np.resize(clip.mono, clip.sample_rate), clip.sample_rate)
        return np.asarray(self.heard(embedding, clip).values, np.float64)

    def heard(self, extractor: Extractor, audio: Audio) -> Any:
        """Return what this extractor finds in the sound: the one place that all extraction goes through."""
        return self.cache.content(finding_key(extractor, audio), lambda: extractor.extract(audio))

    def identity(self, kinds: tuple[str, ...]) -> str:
        """Return the identities of the extractors of these kinds, joined."""
        return " + ".join(self.of(kind).identity for kind in kinds)
