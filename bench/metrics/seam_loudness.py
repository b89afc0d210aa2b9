"""How much the loudness step at the edges of a hole differs from the reference's, in LU."""

import numpy as np

from bench.audio import Audio
from bench.example import Example
from bench.music.loudness import loudness
from bench.protocols import Column, Heard, Measurement, Metric, undefined

SIDE_S = 0.4


class SeamLoudness:
    """Absolute difference between the output's loudness step and the reference's, mean over inner edges.

    The step is the LUFS of the 400 ms after an edge minus that of the 400 ms before it, both at least -70 LUFS.
    """

    columns: tuple[Column, ...] = (Column("seam-loudness", "LU", "lower", "seam", 70.0),)
    identity = "seam-loudness/1 side=400ms floor=-70"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return the column; n = edges with 400 ms on both sides."""
        length = example.reference.duration_s
        edges = [t for hole in example.request.mask.holes_s for t in hole if SIDE_S <= t <= length - SIDE_S]
        if not edges:
            return {"seam-loudness": undefined("no-seam")}
        gaps = [abs(_step(heard.output, edge) - _step(example.reference, edge)) for edge in edges]
        return {"seam-loudness": Measurement(float(np.mean(gaps)), len(edges))}


def _step(audio: Audio, edge_s: float) -> float:
    return loudness(audio.cut(edge_s, edge_s + SIDE_S)) - loudness(audio.cut(edge_s - SIDE_S, edge_s))


def build() -> Metric:
    """Return the metric."""
    return SeamLoudness()
