"""How well the chords are followed: the share of the hole's time in which the recognised chord is right."""

import warnings
from itertools import pairwise
from math import nan

import mir_eval.chord
import numpy as np

from bench.example import Example
from bench.protocols import Column, Heard, Measurement, Metric, undefined
from bench.symbols import Chords, Floats

BORDER_S = 0.1
REDUCTIONS = {
    "chord-accuracy": mir_eval.chord.majmin,
    "chord-accuracy-root": mir_eval.chord.root,
    "chord-accuracy-thirds": mir_eval.chord.thirds,
    "chord-accuracy-triads": mir_eval.chord.triads,
    "chord-accuracy-sevenths": mir_eval.chord.sevenths,
    "chord-accuracy-tetrads": mir_eval.chord.tetrads,
}


class ChordAccuracy:
    """mir_eval's weighted chord accuracy, reference and estimate cut to the hole.

    0.1 s on either side of every chord change in the reference is left out. An estimated X is wrong, not skipped. Time
    in which the reference chord is outside the vocabulary is left out; `chord-coverage` is the share of the hole that
    remains. The columns are undefined if nothing remains or the reference has no chord. `chord-accuracy` reduces chords
    to major, minor and none.
    """

    columns: tuple[Column, ...] = (
        *(
            Column(name, "", "higher", "hole", 0.0, ("chords",), name == "chord-accuracy", name[14:] in ("", "-root"))
            for name in REDUCTIONS
        ),
        Column("chord-coverage", "%", "higher", "hole", nan, ("chords",), is_shown=False),
    )
    identity = "chord-accuracy/1 border=0.1s"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return every column; n = seconds compared."""
        weights, references, estimates = _segments(heard.wanted("chords"), heard.found("output", "chords"))
        hole_s = sum(end - start for start, end in example.request.mask.holes_s)
        result = {name: _measured(compare, weights, references, estimates) for name, compare in REDUCTIONS.items()}
        covered = result["chord-accuracy"].n / hole_s
        result["chord-coverage"] = Measurement(100 * covered, hole_s)
        return result


def _segments(wanted: list[Chords], estimated: list[Chords]) -> tuple[Floats, list[str], list[str]]:
    """Cut both at every change of either; return lengths in seconds, reference labels and estimated labels."""
    weights, references, estimates = [], [], []
    for reference, estimate in zip(wanted, estimated, strict=True):
        for (start, end), label in zip(reference.intervals_s, reference.labels, strict=True):
            inner = (start + BORDER_S, end - BORDER_S)
            if inner[1] <= inner[0]:
                continue
            cut = estimate.cut(*inner)
            borders = sorted({*inner, *cut.intervals_s.ravel().tolist()})
            for low, high in pairwise(borders):
                weights.append(high - low)
                references.append(label)
                estimates.append(_label_at(cut, (low + high) / 2))
    return np.array(weights), references, estimates


def _label_at(chords: Chords, time_s: float) -> str:
    """Return the chord at a time; `N` where the estimate has none."""
    inside = (chords.intervals_s[:, 0] <= time_s) & (time_s < chords.intervals_s[:, 1])
    return chords.labels[int(np.argmax(inside))] if inside.any() else "N"


def _measured(compare: object, weights: Floats, references: list[str], estimates: list[str]) -> Measurement:
    if all(label in ("N", "X") for label in references):
        return undefined()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = np.asarray(compare(references, estimates), dtype=np.float64)  # type: ignore[operator]
    # mir_eval gives -1 where the reference is outside the vocabulary. It counts an estimated X as wrong, with one
    # exception: it gives N and X the same root.
    known = scores >= 0
    scores[known & (np.array(estimates) == "X")] = 0
    seconds = float(weights[known].sum())
    if seconds <= 0:
        return undefined()
    return Measurement(float(scores[known] @ weights[known]) / seconds, seconds)


def build() -> Metric:
    """Return the metric."""
    return ChordAccuracy()
