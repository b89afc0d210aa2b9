"""How similar the output sounds to the reference, to an embedding: cosine of their mean vectors, hole by hole."""

from functools import cached_property

import numpy as np

from bench.audio import is_silent
from bench.example import Example
from bench.music.embedding import embedding_of
from bench.protocols import Column, Extractor, Heard, Measurement, Metric, Vectors, undefined

WORST = 0.0


class EmbeddingCosine:
    """Cosine of the mean over windows of the output and that of the reference; each hole is embedded alone.

    Holes count by their length. A hole in which the reference is silent is left out; all silent is undefined. A silent
    hole of the output scores 0. The order of windows does not matter: it says whether the hole sounds like this song,
    not whether the right things happen at the right time. Meant for embeddings whose dimensions have one unit.
    """

    def __init__(self, embedding: str) -> None:
        self._name = embedding
        self._column = f"embedding-cosine[{embedding}]"
        self.columns: tuple[Column, ...] = (Column(self._column, "", "higher", "hole", WORST),)

    @cached_property
    def embedding(self) -> Extractor:
        """The extractor of kind `embedding`."""
        return embedding_of(self._name)

    @cached_property
    def identity(self) -> str:
        """Everything that must be equal for two values to be comparable."""
        return f"embedding-cosine/1 of means over windows, holes by length | {self.embedding.identity}"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return the column; n = seconds compared."""
        holes = example.request.mask.holes_s
        means = [
            [windows.mean(axis=0) for windows in heard.embedded(who, self.embedding)] for who in ("output", "reference")
        ]
        cosines, seconds = [], []
        for hole, output, reference in zip(holes, *means, strict=True):
            if is_silent(example.reference.cut(*hole).mono):
                continue
            cosines.append(WORST if is_silent(heard.output.cut(*hole).mono) else _cosine(output, reference))
            seconds.append(hole[1] - hole[0])
        if not seconds:
            return {self._column: undefined()}
        return {self._column: Measurement(float(np.average(cosines, weights=seconds)), float(sum(seconds)))}


def _cosine(a: Vectors, b: Vectors) -> float:
    """Return the cosine of two vectors; 0 where one is all zeros."""
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0 else 0.0


def build(embedding: str = "musicnn") -> Metric:
    """Return the metric.

    Args:
        embedding: An extractor of kind `embedding`.
    """
    return EmbeddingCosine(embedding)
