"""How much louder (above 0) or softer (below 0) than the reference's the hole is, in LU."""

import numpy as np

from bench.audio import Audio
from bench.example import Example
from bench.music.loudness import FLOOR_LUFS, loudness
from bench.protocols import Column, Heard, Measurement, Metric, undefined


class LoudnessGap:
    """Loudness of the output's joined holes minus that of the reference's, both at least -70 LUFS.

    A silent reference is undefined.
    """

    columns: tuple[Column, ...] = (Column("loudness-gap", "LU", "zero", "hole", FLOOR_LUFS),)
    identity = "loudness-gap/1 floor=-70"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return the column; n = seconds."""
        hidden = example.request.mask.inside(example.reference.sample_rate)
        reference = loudness(_inside(example.reference, hidden))
        if reference <= FLOOR_LUFS:
            return {"loudness-gap": undefined()}
        output = loudness(_inside(heard.output, hidden))
        state = "silent" if output <= FLOOR_LUFS else "ok"
        return {"loudness-gap": Measurement(output - reference, hidden.sum() / example.reference.sample_rate, state)}


def _inside(audio: Audio, hidden: np.ndarray) -> Audio:
    return Audio(audio.mono[hidden], audio.sample_rate)


def build() -> Metric:
    """Return the metric."""
    return LoudnessGap()
