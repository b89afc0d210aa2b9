"""Extraction: run the chosen extractors, with their results cached by sound and identity."""

from typing import Any

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError
from bench.protocols import Extractor, Vectors
from bench.runtime.cache import Cache, key_of


def finding_key(extractor: Extractor, audio: Audio) -> str:
    """Return the cache key of an extractor's result on a sound."""
    return key_of("extract", extractor.kind, extractor.identity, audio.sha256())


class Extractors:
    """One extractor per kind, built when first needed; its results are cached by sound and identity."""

    def __init__(self, names: dict[str, str], cache: Cache) -> None:
        """Store the plug's name of every kind; nothing is built yet."""
        self.names = names
        self.cache = cache
        self._built: dict[str, Extractor] = {}

    def of(self, kind: str) -> Extractor:
        """Return the extractor of this kind.

        Raises:
            BenchError: no extractor is chosen for this kind, or the chosen one is of another kind.
        """
        if kind not in self._built:
            if kind not in self.names:
                raise BenchError(f"no extractor is chosen for {kind}; name one with --extractor {kind}=NAME")
            extractor: Extractor = plugins.load("extractors", self.names[kind])
            if extractor.kind != kind:
                raise BenchError(
                    f"--extractor {kind}={self.names[kind]}: {self.names[kind]} finds {extractor.kind}; "
                    f"name an extractor of {kind}"
                )
            self._built[kind] = extractor
        return self._built[kind]

    def find(self, kind: str, audio: Audio) -> Any:
        """Return the result of the extractor of this kind on the sound."""
        return self.heard(self.of(kind), audio)

    def embed(self, embedding: Extractor, clip: Audio) -> Vectors:
        """Return the windows (n_windows, d) of a clip; a clip under 1 s is repeated to 1 s."""
        if clip.n_samples < clip.sample_rate:
            clip = Audio(np.resize(clip.mono, clip.sample_rate), clip.sample_rate)
        return np.asarray(self.heard(embedding, clip).values, np.float64)

    def heard(self, extractor: Extractor, audio: Audio) -> Any:
        """Return the extractor's result on the sound, from the cache if it is there; all extraction passes here."""
        return self.cache.content(finding_key(extractor, audio), lambda: extractor.extract(audio))

    def identity(self, kinds: tuple[str, ...]) -> str:
        """Return the identities of the extractors of these kinds, joined."""
        return " + ".join(self.of(kind).identity for kind in kinds)
