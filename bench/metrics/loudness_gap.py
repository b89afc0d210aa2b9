"""How much louder or softer than the reference the hole is, in LU, signed."""

import numpy as np

from bench.audio import Audio
from bench.example import Example
from bench.music.loudness import FLOOR_LUFS, loudness
from bench.protocols import Column, Heard, Measurement, Metric, undefined


class LoudnessGap:
    """LUFS of the output's holes minus that of the reference's, all holes joined; levels end at -70 LUFS."""

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
