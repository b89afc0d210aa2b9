"""How similar the harmony is to the reference's: cosine of mean-centred CQT chroma, frame by frame."""

import numpy as np

from bench.example import Example
from bench.protocols import Column, Heard, Measurement, Metric, Vectors, undefined

RANGE_DB = 60.0


class ChromaCosine:
    """Cosine per frame of chroma centred over its 12 bins, weighted by the reference's energy.

    Reference frames more than 60 dB under its loudest are left out. White noise and flat or silent output frames score
    0. `chroma-cosine-plain` does not centre: it is printed for comparison with other papers; noise scores about 0.9. A
    silent reference is undefined.
    """

    columns: tuple[Column, ...] = (
        Column("chroma-cosine", "", "higher", "hole", 0.0, ("chroma",), is_ranked=True),
        Column("chroma-cosine-plain", "", "higher", "hole", 0.0, ("chroma",), is_shown=False),
    )
    identity = "chroma-cosine/1 range=60dB weight=energy"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return both columns; n = frames compared."""
        reference = np.concatenate([frames.values for frames in heard.found("reference", "chroma")])
        output = np.concatenate([frames.values for frames in heard.found("output", "chroma")])
        energy = np.sum(reference**2, axis=1)
        loud = energy > energy.max(initial=0.0) * 10 ** (-RANGE_DB / 10)
        if not loud.any() or energy.max(initial=0.0) < 1e-8:
            return {column.name: undefined() for column in self.columns}
        reference, output, weights = reference[loud], output[loud], energy[loud]
        flat = [x - x.mean(axis=1, keepdims=True) for x in (reference, output)]
        n = float(loud.sum())
        return {
            "chroma-cosine": Measurement(_weighted(flat[0], flat[1], weights), n),
            "chroma-cosine-plain": Measurement(_weighted(reference, output, weights), n),
        }


def _weighted(a: Vectors, b: Vectors, weights: Vectors) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    safe = lengths > 1e-12
    cosines = np.where(safe, np.sum(a * b, axis=1) / np.where(safe, lengths, 1.0), 0.0)
    return float(cosines @ weights / weights.sum())


def build() -> Metric:
    """Return the metric."""
    return ChromaCosine()
