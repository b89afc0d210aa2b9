"""Hearing: run the extractors on an output and its reference, once for all metrics (docs/design.md, section 11)."""

from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from bench.audio import Audio
from bench.example import Example
from bench.music.drums import MERGE_S, drum_onsets
from bench.music.extraction import Extractors
from bench.protocols import Content, Extractor, Vectors
from bench.symbols import Beats, Frames

CONTEXT_S = 1.0
"""Seconds of context that an extractor is given on either side of a hole, unless it has its own `context_s`."""
RULES = f"context {CONTEXT_S:g} s, hits merged within {MERGE_S:g} s"
"""The settings of this module that change findings but are in no extractor's identity; part of every cache key."""

Who = Literal["output", "reference"]


class Hearing:
    """Findings of the extractors in one example's output and reference; implements `bench.protocols.Heard`."""

    def __init__(self, example: Example, output: Audio, extractors: Extractors) -> None:
        """Keep the signals; an extractor runs only when its finding is asked for."""
        self.example = example
        self.output = output
        self._extractors = extractors
        self._findings: dict[tuple[str, str], list[Any]] = {}

    def found(self, who: Who, kind: str) -> list[Any]:
        """Return one finding per hole, timed from the excerpt's start."""
        if (who, kind) not in self._findings:
            self._findings[who, kind] = [self._extract(self._sound(who), kind, hole) for hole in self._holes]
        return self._findings[who, kind]

    def wanted(self, kind: str) -> list[Any]:
        """Return the target of a control metric, one entry per hole; `source` says where it comes from."""
        source = self.source(kind)
        controls, truth = self.example.request.controls, self.example.truth
        if source == "extractor":
            return self.found("reference", kind)
        if kind == "onsets":
            if source == "control":
                return [self._extract(controls["drums"].audio, kind, hole, separate=False) for hole in self._holes]
            hits = drum_onsets(truth.notes) if truth.notes is not None else Beats()
            return [hits.cut(*hole) for hole in self._holes]
        content = getattr(truth, kind, None) if source == "truth" else controls[_CONTROL_OF[kind]].content
        return [_cut(content, hole) for hole in self._holes] if content is not None else self.found("reference", kind)

    def embedded(self, who: Who, embedding: Extractor) -> list[Vectors]:
        """Return an embedding's windows (n_windows, d) of every hole, computed without context."""
        return [self._extractors.embed(embedding, self._sound(who).cut(*hole)) for hole in self._holes]

    def source(self, kind: str) -> str:
        """Return `control`, `truth` or `extractor`: the first of these that is available for this kind.

        For onsets the truth comes before the control, since true hits are more exact than onsets detected in a sound.
        """
        controls, truth = self.example.request.controls, self.example.truth
        has_control = _CONTROL_OF.get(kind) in controls
        if kind == "onsets":
            return "truth" if truth.notes is not None else "control" if has_control else "extractor"
        if has_control:
            return "control"
        return "truth" if kind in ("chords", "beats") and getattr(truth, kind) is not None else "extractor"

    @cached_property
    def _holes(self) -> list[tuple[float, float]]:
        return self.example.request.mask.holes_s

    def _sound(self, who: Who) -> Audio:
        return self.output if who == "output" else self.example.reference

    def _extract(self, audio: Audio, kind: str, hole: tuple[float, float], separate: bool = True) -> Any:
        """Run an extractor on a hole with its context, and keep what lies in the hole."""
        around_s = getattr(self._extractors.of(kind), "context_s", CONTEXT_S)
        start = max(hole[0] - around_s, 0.0)
        clip = audio.cut(start, min(hole[1] + around_s, audio.duration_s))
        if kind == "onsets" and separate:
            clip = self._extractors.find("drums", clip)
        finding: Content = self._extractors.find(kind, clip)
        if isinstance(finding, Audio):
            return finding.cut(hole[0] - start, hole[1] - start)
        if isinstance(finding, Frames):
            times = np.arange(len(finding.values)) / finding.rate_hz + start
            return replace(finding, values=finding.values[(times >= hole[0]) & (times < hole[1])])
        return finding.shifted(start).cut(*hole)


_CONTROL_OF = {"drums": "drums", "onsets": "drums", "chords": "chords", "notes": "piano"}


def _cut(content: Content, hole: tuple[float, float]) -> Content:
    if isinstance(content, Frames):
        raise TypeError("frames are never a control's content")
    return content.cut(*hole)
