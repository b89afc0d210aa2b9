"""What a plug must be able to do: one or two methods per kind. Plugs import this floor and those below."""

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
Vectors = npt.NDArray[np.float64]
Region = Literal["hole", "context", "seam", "whole"]


class Dataset(Protocol):
    """A source of music.

    An optional `without` names controls that none of its songs can give, e.g. `("drums",)`.
    """

    def select(self, manifest: str | None) -> Manifest:
        """Return the manifest of this name, or the default one; raises `UnknownName`."""
        ...

    def read(self, excerpt: Excerpt, what: str) -> Content | None:
        """Return a part of the excerpt, timed from its start, or None where the dataset does not know it.

        `what` is `mix`, `drums`, `bass` or `other` (stems), `other-drums` (another drum pattern that fits this song),
        `chords`, `beats`, `notes` (of all instruments, percussion included), `other-drum-notes` or `piano` (a piano
        cover).
        Sound comes at the dataset's own rate and channels and lasts `excerpt.duration_s`; raises `BenchError` where the
        track is too short or unreadable.
        """
        ...


class Extractor(Protocol):
    """A way to find something in sound.

    `kind` is what it finds: `drums` (Audio of the input's rate and length, mono), `onsets`, `beats` (Beats), `chords`,
    `notes`, `chroma` or `embedding` (Frames: a row of d values per window). `identity` names algorithm, version,
    parameters and weights. An optional `context_s` says how much of a hole's context it is to hear on either side,
    where 1 s does harm; an embedding's optional `is_standardised`, that its dimensions have units of their own and
    distances are to be measured in standard deviations of the references.
    """

    kind: str
    identity: str

    def extract(self, audio: Audio) -> Content:
        """Find it; silence gives an empty result (chords: `N` throughout), never an error."""
        ...


class Renderer(Protocol):
    """A way to turn notes into sound."""

    identity: str

    def render(self, notes: Notes, duration_s: float, sample_rate: int) -> Audio:
        """Return mono sound of exactly round(duration_s * sample_rate) samples; no notes give silence."""
        ...


class Model(Protocol):
    """A system that fills holes from requests alone; it may have any attribute of `Traits` too."""

    batch_size: int

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Return one mono output per request, of the request's rate and exact length."""
        ...


class Probe(Protocol):
    """A floor or ceiling that must see references; it is given every example of the set at once."""

    is_probe: Literal[True]

    def edit(self, examples: Sequence[Example]) -> list[Audio]:
        """Return one mono output per example, of the request's rate and exact length."""
        ...


@dataclass(frozen=True)
class Traits:
    """What a model or probe says of itself: attributes of these names, or these values where it has none.

    Attributes:
        batch_size: Requests that it is given at once; 0 for all of them.
        identity: Everything that changes its outputs; empty where its name says it all.
        is_probe: Whether it is given references.
        keeps_phase: Whether its sound has the phases of what it was given; if not, waveforms are not compared.
        parameters: All of them.
        runs_in_workers: Whether several copies of it may work side by side.
        trainable_parameters: Those that were trained for this system.
        training_data: What it was trained on.
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
    """Return what a model or probe says of itself."""
    own: dict[str, Any] = {one.name: getattr(model, one.name) for one in fields(Traits) if hasattr(model, one.name)}
    return Traits(**own)


@dataclass(frozen=True)
class Column:
    """A number that a metric gives.

    Attributes:
        name: Public name, as it stands in tables.
        unit: `dB`, `LUFS`, `` for a ratio, ...
        direction: `higher` or `lower` is better, or `zero` (the nearer to 0 the better).
        region: `hole`, `context`, `seam` or `whole`.
        worst: What an output scores that is silent, constant or failed.
        hears: The kinds of extractor whose findings it rests on; they stand in its identity.
        is_ranked: Whether a table may be ranked by it.
        is_shown: Whether it stands in the table (all columns stand in the CSV).
        needs_phase: Whether it compares waveforms, so that it says nothing of a system whose codec keeps no phase.
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
    """A value with what it rests on.

    Attributes:
        value: float64; NaN only where `state` says that the reference leaves it undefined.
        n: Frames, seconds or events that it rests on.
        state: `ok`; `undefined-reference` (silent, no chords, no onsets: NaN); `silent` (the output is, worst value);
            `failed` (no output, worst value); `no-phase` (the column compares waveforms, the system keeps no phase);
            `no-context`, `no-seam` (the mask leaves none: NaN); `no-control`, `no-prompt` (the request has none: NaN).
        chance: This measurement's own chance level, where the metric knows one.
    """

    value: float
    n: float = 1.0
    state: str = "ok"
    chance: float = nan


def undefined(state: str = "undefined-reference") -> Measurement:
    """Return the measurement of what cannot be measured because of the reference or the mask."""
    return Measurement(nan, 0.0, state)


class Heard(Protocol):
    """What the extractors found in one example's output and reference, computed once and shared by all metrics.

    Extractors hear each hole with 1 s of the same signal's own context on either side; what they find outside the hole
    is thrown away. Every list has one entry per hole, timed from the excerpt's start (sounds are cut to the hole).
    """

    example: Example
    output: Audio

    def found(self, who: Literal["output", "reference"], kind: str) -> list[Any]:
        """Return what the extractor of this kind found in the output or the reference."""
        ...

    def wanted(self, kind: str) -> list[Any]:
        """Return what a control metric compares with: the control's own content, else the truth, else the extractor's
        finding in the reference; `source` says which."""
        ...

    def embedded(self, who: Literal["output", "reference"], embedding: Extractor) -> list[Vectors]:
        """Return an embedding's windows (n_windows, d) of every hole, each alone; one under 1 s is repeated to 1 s."""
        ...

    def source(self, kind: str) -> str:
        """Return where `wanted(kind)` comes from: `control`, `truth` or `extractor`."""
        ...


class Metric(Protocol):
    """A measure of one output against its example."""

    columns: tuple[Column, ...]

    @property
    def identity(self) -> str:
        """Algorithm and parameters; what it hears with is added to it."""
        ...

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return a measurement for every column, by its name. A silent output never gets here unless the column's own
        formula says what silence scores; see `bench.scoring.score`."""
        ...


class SetMetric(Protocol):
    """A distance between all outputs and all references.

    An optional `ceiling(references)` returns, by column, what the references score against themselves where that is not
    what `compare` gives for them.
    """

    columns: tuple[Column, ...]

    @property
    def identity(self) -> str:
        """Everything that must be equal for two distances to be compared."""
        ...

    @property
    def embedding(self) -> Extractor:
        """The extractor of kind `embedding` whose windows are compared, as `Heard.embedded` gives them."""
        ...

    def compare(self, references: Sequence[Vectors], outputs: Sequence[Vectors]) -> dict[str, "SetMeasurement"]:
        """Return a measurement for every column; entry k of both lists is song k."""
        ...


@dataclass(frozen=True)
class SetMeasurement:
    """A distance over the whole set with its interval.

    Attributes:
        value: The distance.
        low: Lower end of its 95 % interval; NaN where none is given.
        high: Upper end.
        n: Windows that it rests on.
        replicates: Values on the subsets that the interval was made of, aligned between systems by seed.
        state: `ok`; `undefined-reference`, `too-few-songs`, `too-few-windows` (no value); `biased` (a value of which
            much is due to the sample's size).
    """

    value: float
    low: float
    high: float
    n: float
    replicates: tuple[float, ...] = ()
    state: str = "ok"
