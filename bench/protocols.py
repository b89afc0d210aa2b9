"""Protocols: the methods and attributes that plugs of each kind must have."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import nan
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from bench.audio import Audio
from bench.example import Example, Request
from bench.manifest import Excerpt, Manifest
from bench.symbols import Beats, Chords, Frames, Notes

Content = Audio | Chords | Notes | Beats | Frames
"""Anything that data sets contain and extractors find."""
Vectors = npt.NDArray[np.float64]
"""Windows of an embedding, shape (n_windows, d)."""
Region = Literal["hole", "context", "seam", "whole"]


class Dataset(Protocol):
    """A source of music.

    An optional attribute `without` names the kinds of control for which no song has material, e.g. `("drums",)`.
    """

    def select(self, manifest: str | None) -> Manifest:
        """Return the manifest of this name, or the default one for None; raise `UnknownName` for any other name."""
        ...

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return one kind of content of the excerpt, timed from its start; None if the data set does not have it.

        `what` is `mix`, `drums`, `bass` or `other` (stems), `other-drums` (another drum pattern that fits this song),
        `chords`, `beats`, `notes` (of all instruments, percussion included), `other-drum-notes` or `piano` (a piano
        cover). Sound has the data set's own rate and channels and lasts `excerpt.duration_s`; raise `BenchError` if the
        track is too short or cannot be read.
        """
        ...


class Extractor(Protocol):
    """An algorithm that finds something in sound.

    `kind` is what it finds: `drums` (Audio of the input's rate and length, mono), `onsets`, `beats` (Beats), `chords`,
    `notes`, `chroma` or `embedding` (Frames: a row of d values per window). `identity` names algorithm, version,
    parameters and weights. An optional `context_s` sets the seconds of context given on either side of a hole, if the
    usual 1 s is harmful. An embedding's optional `is_standardised` says that its dimensions have different units, so
    that distances are measured in standard deviations of the references. A module whose code or weights may not be used
    commercially says why in a line `RESTRICTED = "..."`: its extractor is never taken unasked. `build` raises
    `MissingComponent`, at little cost, where a package or file is missing.
    """

    kind: str
    identity: str

    def extract(self, audio: Audio) -> Content:
        """Return the finding; silence gives an empty one (chords: `N` throughout), never an error."""
        ...


class Renderer(Protocol):
    """A synthesiser of notes."""

    identity: str

    def render(self, notes: Notes, duration_s: float, sample_rate: int) -> Audio:
        """Return mono sound of exactly round(duration_s * sample_rate) samples; without notes, silence."""
        ...


class Model(Protocol):
    """A system that fills holes from requests alone; any attribute of `Traits` is optional."""

    batch_size: int

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Return one mono output per request, at the request's rate and of its exact length."""
        ...


class Probe(Protocol):
    """A floor or ceiling that needs the references; it is given all examples of the set at once."""

    is_probe: Literal[True]

    def edit(self, examples: Sequence[Example]) -> list[Audio]:
        """Return one mono output per example, at the request's rate and of its exact length."""
        ...


@dataclass(frozen=True)
class Traits:
    """Attributes that a model or probe may have, with the values assumed for missing ones.

    Attributes:
        batch_size: Requests that it is given at once; 0 for all of them.
        identity: Everything that changes its outputs; empty if its name is enough.
        is_probe: Whether it is given references.
        keeps_phase: Whether its sound keeps the phases of the input; if not, waveforms are not compared.
        parameters: Number of all parameters.
        runs_in_workers: Whether several copies may run in parallel.
        trainable_parameters: Number of parameters trained for this system.
        training_data: Description of its training data.
    """

    batch_size: int = 0
    identity: str = ""
    is_probe: bool = False
    keeps_phase: bool = True
    parameters: int = 0
    runs_in_workers: bool = False
    trainable_parameters: int = 0
    training_data: str = "none"


def traits_of(model: Model | Probe) -> Traits:
    """Return the traits of a model or probe."""
    own: dict[str, Any] = {one.name: getattr(model, one.name) for one in fields(Traits) if hasattr(model, one.name)}
    return Traits(**own)


@dataclass(frozen=True)
class Column:
    """One value that a metric computes.

    Attributes:
        name: Public name, as printed in tables.
        unit: `dB`, `LUFS`, empty for a ratio, ...
        direction: `higher` or `lower` is better, or `zero` (nearer to 0 is better).
        region: The part of the output that it judges: `hole`, `context`, `seam` or `whole`.
        worst: Value of an output that is silent, constant or failed; NaN for none.
        hears: Kinds of extractor on whose findings it depends; their identities are part of its own.
        is_ranked: Whether a table may be ranked by it.
        is_shown: Whether tables show it; the CSV has all columns.
        needs_phase: Whether it compares waveforms, and so is meaningless for a codec that does not keep phases.
    """

    name: str
    unit: str
    direction: Literal["higher", "lower", "zero"]
    region: Region
    worst: float
    hears: tuple[str, ...] = ()
    is_ranked: bool = False
    is_shown: bool = True
    needs_phase: bool = False


@dataclass(frozen=True)
class Measurement:
    """A value and its state.

    Attributes:
        value: float64; NaN only in the states marked NaN below.
        n: Number of frames, seconds or events behind it.
        state: `ok`; `undefined-reference` (the reference is silent, or has no chords or onsets: NaN); `silent` (the
            output is silent: the worst value); `failed` (no output: the worst value); `no-phase` (the column compares
            waveforms and the system keeps no phase); `no-context`, `no-seam` (the mask leaves none: NaN); `no-control`,
            `no-prompt` (the request has none: NaN).
        chance: Chance level of this measurement, if the metric knows it; else NaN.
    """

    value: float
    n: float = 1.0
    state: str = "ok"
    chance: float = nan


def undefined(state: str = "undefined-reference") -> Measurement:
    """Return a NaN measurement, for a column that the reference, the mask or the request leaves undefined."""
    return Measurement(nan, 0.0, state)


class Heard(Protocol):
    """Findings of the extractors in one example's output and reference, computed once and shared by all metrics.

    An extractor is given each hole with 1 s of context of the same signal on either side; findings outside the hole are
    dropped. Every list has one entry per hole, timed from the excerpt's start (sounds are cut to the hole).
    """

    example: Example
    output: Audio

    def found(self, who: Literal["output", "reference"], kind: str) -> list[Any]:
        """Return the findings of the extractor of this kind in the output or the reference."""
        ...

    def wanted(self, kind: str) -> list[Any]:
        """Return the target of a control metric: the control's own content, else the truth, else the findings of the
        extractor in the reference; `source` says which."""
        ...

    def embedded(self, who: Literal["output", "reference"], embedding: Extractor) -> list[Vectors]:
        """Return an embedding's windows of every hole without context; a hole under 1 s is repeated to 1 s."""
        ...

    def source(self, kind: str) -> str:
        """Return where `wanted(kind)` comes from: `control`, `truth` or `extractor`."""
        ...


class Metric(Protocol):
    """A measure of one output against its example."""

    columns: tuple[Column, ...]

    @property
    def identity(self) -> str:
        """Algorithm and parameters; identities of extractors are added by the scorer."""
        ...

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return a measurement for every column, by name.

        For an output that is silent in its holes, the scorer replaces the values of columns of the hole by their worst
        value, if they have one (`bench.scoring.score`).
        """
        ...


class SetMetric(Protocol):
    """A distance between all outputs and all references.

    An optional method `ceiling(references)` returns the ceiling by column, where it is not
    `compare(references, references)`.
    """

    columns: tuple[Column, ...]

    @property
    def identity(self) -> str:
        """Everything that must be equal for two distances to be compared."""
        ...

    @property
    def embedding(self) -> Extractor:
        """The extractor of kind `embedding` whose windows are compared, as `Heard.embedded` returns them."""
        ...

    def compare(self, references: Sequence[Vectors], outputs: Sequence[Vectors]) -> dict[str, "SetMeasurement"]:
        """Return a measurement for every column; entry k of both lists is song k."""
        ...


@dataclass(frozen=True)
class SetMeasurement:
    """A distance over the whole set with its interval.

    Attributes:
        value: The distance.
        low: Lower end of its 95 % interval; NaN without an interval.
        high: Upper end.
        n: Number of windows behind it.
        replicates: Values on the subsets from which the interval is computed; the same subsets for all systems.
        state: `ok`; `undefined-reference`, `too-few-songs`, `too-few-windows` (no value); `biased` (a small set
            makes the value much larger).
    """

    value: float
    low: float
    high: float
    n: float
    replicates: tuple[float, ...] = ()
    state: str = "ok"
