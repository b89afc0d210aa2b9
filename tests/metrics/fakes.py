"""A hand-made `Heard` and examples for testing metrics without extractors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.audio import Audio
from bench.example import Control, Example, Request, Truth, masked
from bench.mask import Mask
from bench.protocols import Extractor
from bench.symbols import Beats, Chords, Notes

RATE = 16000
ONE_HOLE = Mask(((100, 300),), 400)
TWO_HOLES = Mask(((50, 150), (200, 300)), 400)
EVERYTHING = Mask(((0, 400),), 400)


class FakeHeard:
    """Gives back what it is told."""

    def __init__(self, example: Example, output: Audio, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        self.example, self.output = example, output
        self._found, self._wanted = found, wanted

    def found(self, who: str, kind: str) -> list[Any]:
        return list(self._found[f"{who} {kind}"])

    def wanted(self, kind: str) -> list[Any]:
        return list(self._wanted[kind])

    def embedded(self, who: str, embedding: Extractor) -> list[np.ndarray]:
        audio = self.output if who == "output" else self.example.reference
        return [embedding.extract(clip).values for clip in holes_of(audio, self.example.request.mask)]  # type: ignore

    def source(self, kind: str) -> str:
        return "control"


def noise(seed: int = 0, seconds: float = 8.0, level: float = 0.1) -> Audio:
    return Audio(np.random.default_rng(seed).normal(0, level, round(seconds * RATE)), RATE)


def example(reference: Audio | None = None, mask: Mask = ONE_HOLE, controls: Sequence[str] = ("drums",)) -> Example:
    reference = reference or noise()
    given = {kind: Control(kind, reference, reference) for kind in controls}
    return Example(Request("song", "task", 1, masked(reference, mask), mask, given, seed=7), reference, Truth())


def holes_of(audio: Audio, mask: Mask) -> list[Audio]:
    return [audio.cut(*hole) for hole in mask.holes_s]


def heard(
    of: Example,
    output: Audio | None = None,
    found: dict[str, Any] | None = None,
    wanted: dict[str, Any] | None = None,
) -> FakeHeard:
    return FakeHeard(of, output or of.reference, found or {}, wanted or {})


def times(*values: float, positions: Sequence[int] = ()) -> Beats:
    return Beats(np.array(values, dtype=float), np.array(positions, dtype=int))


def chords(*rows: tuple[float, float, str]) -> Chords:
    return Chords(np.array([row[:2] for row in rows]), tuple(row[2] for row in rows))


def notes(*rows: tuple[float, float, int]) -> Notes:
    table = np.array(rows, dtype=float).reshape(-1, 3)
    return Notes(table[:, :2], table[:, 2], np.full(len(table), 90))
