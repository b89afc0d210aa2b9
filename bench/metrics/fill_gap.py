"""Whether the output holds what the control does not give: its level against the reference's, in dB."""

import numpy as np

from bench.audio import Audio, is_silent, level_db
from bench.example import Example
from bench.protocols import Column, Heard, Measurement, Metric, undefined

LEAST_DB = -60.0


class FillGap:
    """The guard against copying: the level of what the control does not give, output minus reference.

    With a drums control that is the output minus its separated drums; with chords or piano alone it is the separated
    drums. With drums and another control it stays the first: what is not drums must still be played. Values are held to
    +-60 dB; silence scores -60.
    """

    columns: tuple[Column, ...] = (Column("fill-gap", "dB", "zero", "hole", LEAST_DB, ("drums",)),)
    identity = "fill-gap/1 range=60dB"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return the column; n = seconds."""
        controls = example.request.controls
        if not controls:
            return {"fill-gap": undefined("no-control")}
        kept = "rest" if "drums" in controls else "drums"
        reference = level_db(_part(example.reference, heard.found("reference", "drums"), example, kept))
        # Of a silent hole a separator may still find drums, which are in the context.
        if reference < -80 or is_silent(_hole(example.reference, example)):
            return {"fill-gap": undefined()}
        output = level_db(_part(heard.output, heard.found("output", "drums"), example, kept))
        gap = float(np.clip(output - reference, LEAST_DB, -LEAST_DB))
        seconds = sum(end - start for start, end in example.request.mask.holes_s)
        return {"fill-gap": Measurement(gap, seconds, "ok" if output > -90 else "silent")}


def _part(audio: Audio, drums: list[Audio], example: Example, kept: str) -> np.ndarray:
    found = np.concatenate([clip.mono for clip in drums])
    if kept == "drums":
        return found
    return np.asarray(_hole(audio, example) - found)


def _hole(audio: Audio, example: Example) -> np.ndarray:
    return np.asarray(audio.mono[example.request.mask.inside(audio.sample_rate)])


def build() -> Metric:
    """Return the metric."""
    return FillGap()
