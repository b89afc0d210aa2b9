"""How well a piano cover is followed: F1 of transcribed notes, onset within 50 ms and pitch."""

import mir_eval.transcription
import mir_eval.util
import numpy as np

from bench.example import Example
from bench.protocols import Column, Heard, Measurement, Metric, undefined
from bench.symbols import Notes


class NoteF1:
    """mir_eval's note F measure by onset (+-50 ms) and pitch, offsets ignored, counts pooled over holes.

    No note in the reference is undefined; none in the output scores 0.
    """

    columns: tuple[Column, ...] = (Column("note-f1", "", "higher", "hole", 0.0, ("notes",), is_ranked=True),)
    identity = "note-f1/1 window=50ms offsets=ignored"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return the column; n = notes in the reference."""
        references, estimates = heard.wanted("notes"), heard.found("output", "notes")
        n = sum(map(len, references))
        if not n:
            return {"note-f1": undefined()}
        hits = sum(_hits(reference, estimate) for reference, estimate in zip(references, estimates, strict=True))
        total = n + sum(map(len, estimates))
        return {"note-f1": Measurement(2 * hits / total, n, "ok" if any(map(len, estimates)) else "silent")}


def _hits(reference: Notes, estimate: Notes) -> int:
    if not len(reference) or not len(estimate):
        return 0
    pairs = mir_eval.transcription.match_notes(
        _played(reference), _hz(reference), _played(estimate), _hz(estimate), onset_tolerance=0.05, offset_ratio=None
    )
    return len(pairs)


def _played(notes: Notes) -> np.ndarray:
    intervals = notes.intervals_s.copy()
    intervals[:, 1] = np.maximum(intervals[:, 1], intervals[:, 0] + 1e-3)
    return intervals


def _hz(notes: Notes) -> np.ndarray:
    return np.asarray(mir_eval.util.midi_to_hz(notes.pitches.astype(np.float64)))


def build() -> Metric:
    """Return the metric."""
    return NoteF1()
