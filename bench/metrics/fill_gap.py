"""Whether the output contains more than its control: level of the remaining parts against the reference's, in dB."""

import numpy as np

from bench.audio import Audio, is_silent, level_db
from bench.example import Example
from bench.protocols import Column, Heard, Measurement, Metric, undefined

LEAST_DB = -60.0


class FillGap:
    """Guard against copying the control: level of the part that the control does not give, output minus reference.

    With a drums control, alone or among others, this part is the sound minus its separated drums; with chords or piano
    only, it is the separated drums. Values are clipped to +-60 dB; silence scores -60. It is undefined without a
    control, or where the reference's part is under -80 dBFS.
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
        # In a silent hole a separator may still find drums, which come from the context.
        if reference < -80 or is_silent(_hole(example.reference, example)):
            return {"fill-gap": undefined()}
        output = level_db(_part(heard.output, heard.found("output", "drums"), example, kept))
        gap = float(np.clip(output - reference, LEAST_DB, -LEAST_DB))
        seconds = sum(end - start for start, end in example.request.mask.holes_s)
        return {"fill-gap": Measurement(gap, seconds, "ok" if output > -90 else "silent")}


def _part(audio: Audio, drums: list[Audio], example: Example, kept: str) -> np.ndarray:
    separated = np.concatenate([clip.mono for clip in drums])
    if kept == "drums":
        return separated
    return np.asarray(_hole(audio, example) - separated)


def _hole(audio: Audio, example: Example) -> np.ndarray:
    return np.asarray(audio.mono[example.request.mask.inside(audio.sample_rate)])


def build() -> Metric:
    """Return the metric."""
    return FillGap()
