"""How well the beat continues: beat F1 within 70 ms and downbeat F1 within 50 ms."""

from bench.example import Example
from bench.music.matching import pooled_f, shifted_f
from bench.protocols import Column, Heard, Measurement, Metric, undefined
from bench.symbols import Floats

WINDOWS_S = {"beat-f1": 0.07, "downbeat-f1": 0.05}


class BeatF1:
    """mir_eval's beat F measure without its trimming of the first 5 s, counts pooled over holes.

    Chance is the mean over 32 seeded circular shifts of the estimated beats. Where the request contains beat times
    (chord controls), the columns say little about a model, since it was given the beats. No beat in the reference is
    undefined; none in the output scores 0.
    """

    columns: tuple[Column, ...] = tuple(
        Column(name, "", "higher", "hole", 0.0, ("beats",), is_shown=name == "beat-f1") for name in WINDOWS_S
    )
    identity = "beat-f1/1 windows=70ms,50ms untrimmed"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return both columns; n = beats in the reference."""
        references, estimates = heard.wanted("beats"), heard.found("output", "beats")
        return {
            "beat-f1": _measured("beat-f1", [b.times_s for b in references], [b.times_s for b in estimates], example),
            "downbeat-f1": _measured(
                "downbeat-f1", [b.downbeats_s for b in references], [b.downbeats_s for b in estimates], example
            ),
        }


def _measured(name: str, references: list[Floats], estimates: list[Floats], example: Example) -> Measurement:
    n = sum(map(len, references))
    if not n:
        return undefined()
    if not any(map(len, estimates)):
        return Measurement(0.0, n, "silent", 0.0)
    holes, seed, window = example.request.mask.holes_s, example.request.seed, WINDOWS_S[name]
    value = pooled_f(references, estimates, window)
    return Measurement(value, n, "ok", shifted_f(references, estimates, holes, window, seed))


def build() -> Metric:
    """Return the metric."""
    return BeatF1()
