"""How well the drum hits are followed: onset F1 of the output's separated drums within 50 ms."""

import numpy as np

from bench.example import Example
from bench.music.matching import pooled_f, shifted_f
from bench.protocols import Column, Heard, Measurement, Metric, undefined

WINDOW_S = 0.05


class DrumOnsetF1:
    """mir_eval's onset F measure (+-50 ms), counts pooled over holes, and the same adjusted for chance.

    The reference onsets are the true hits, merged within 30 ms (`bench.music.drums`), or else those that the same
    detector finds in the control. Chance c is the mean F over 32 seeded circular shifts of the output's onsets inside
    their hole by at least 0.25 s; `-adj` is (F - c) / (1 - c), at least -1. Both are undefined without an onset in the
    reference; without one in the output they score 0.
    """

    columns: tuple[Column, ...] = (
        Column("drum-onset-f1", "", "higher", "hole", 0.0, ("onsets", "drums"), is_ranked=True),
        Column("drum-onset-f1-adj", "", "higher", "hole", 0.0, ("onsets", "drums"), is_shown=False),
    )
    identity = "drum-onset-f1/1 window=50ms shifts=32"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return both columns; n = onsets in the reference."""
        references = [beats.times_s for beats in heard.wanted("onsets")]
        estimates = [beats.times_s for beats in heard.found("output", "onsets")]
        n = sum(map(len, references))
        if not n:
            return {column.name: undefined() for column in self.columns}
        if not any(map(len, estimates)):
            return {column.name: Measurement(0.0, n, "silent", 0.0) for column in self.columns}
        holes, seed = example.request.mask.holes_s, example.request.seed
        value, chance = (
            pooled_f(references, estimates, WINDOW_S),
            shifted_f(references, estimates, holes, WINDOW_S, seed),
        )
        adjusted = (value - chance) / (1 - chance) if chance < 1 else float(np.sign(value - chance))
        return {
            "drum-onset-f1": Measurement(value, n, "ok", chance),
            "drum-onset-f1-adj": Measurement(max(adjusted, -1.0), n, "ok", 0.0),
        }


def build() -> Metric:
    """Return the metric."""
    return DrumOnsetF1()
