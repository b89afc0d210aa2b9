"""How similar output and reference, or output and prompt, are to an audio-text embedding: cosine per window."""

from functools import cached_property
from typing import Any

import numpy as np

from bench.audio import is_silent
from bench.example import Example
from bench.music.embedding import embedding_of
from bench.protocols import Column, Heard, Measurement, Metric, Vectors, undefined


class ClapScore:
    """Cosine of the embeddings of output and reference, each hole embedded alone, mean over windows.

    `clap-score[E]` compares windows of output and reference at the same time; a silent reference is undefined.
    `clap-text[E]` compares the output's windows with the request's prompt; it is undefined without a prompt, or where
    the embedding has no `embed_text`.
    """

    def __init__(self, embedding: str) -> None:
        self._name = embedding
        self._score, self._text = f"clap-score[{embedding}]", f"clap-text[{embedding}]"
        self.columns: tuple[Column, ...] = (
            Column(self._score, "", "higher", "hole", 0.0, is_ranked=True),
            Column(self._text, "", "higher", "hole", 0.0, is_shown=False),
        )

    @cached_property
    def embedding(self) -> Any:
        """The extractor of kind `embedding`; it may also have a method `embed_text`."""
        return embedding_of(self._name)

    @cached_property
    def identity(self) -> str:
        """Everything that must be equal for two values to be comparable."""
        return f"clap-score/1 mean over windows | {self.embedding.identity}"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return both columns; n = windows."""
        inside = example.request.mask.inside(example.reference.sample_rate)
        reference = np.concatenate(heard.embedded("reference", self.embedding))
        output = np.concatenate(heard.embedded("output", self.embedding))
        hole = example.reference.mono[inside]
        score = undefined() if is_silent(hole) else Measurement(float(_cosines(output, reference).mean()), len(output))
        return {self._score: score, self._text: self._against(example.request.prompt, output)}

    def _against(self, prompt: str, output: Vectors) -> Measurement:
        if not prompt or not hasattr(self.embedding, "embed_text"):
            return undefined("no-prompt")
        text = np.asarray(self.embedding.embed_text(prompt), np.float64)
        return Measurement(float(_cosines(output, text[None]).mean()), len(output))


def _cosines(a: Vectors, b: Vectors) -> Vectors:
    """Return the cosine of every pair of rows; 0 where a row is all zeros."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines: Vectors = np.where(lengths > 0, np.sum(a * b, axis=1) / np.where(lengths > 0, lengths, 1.0), 0.0)
    return cosines


def build(embedding: str = "clap-music") -> Metric:
    """Return the metric.

    Args:
        embedding: An extractor of kind `embedding`, with a method `embed_text` for `clap-text`.
    """
    return ClapScore(embedding)
