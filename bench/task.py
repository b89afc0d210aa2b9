"""Tasks: what is masked, what is given, how it is scored. One YAML file with fixed keys each (see tasks/README.md)."""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from bench.errors import BenchError, UnknownName
from bench.formats import read_yaml, value_of
from bench.mask import FRAME_RATE, Mask, draw, seed_of
from bench.paths import home

CONTROL_SOURCES = {"drums": ("stem", "separated", "other-pattern"), "chords": ("labels",), "piano": ("cover",)}
FAMILIES = ("inpaint", "edit", "refine", "arrange")
EXTRACTED = ("drums", "onsets", "beats", "chords", "notes", "chroma")
"""Kinds of finding that controls and columns need."""
SAMPLE_RATES = (16000, 32000, 44100, 48000)


@dataclass(frozen=True)
class Spec:
    """A plug and its options; YAML names code in this form only.

    It is written `name`, `name[value]` (value of the plug's first option) or `{name: ..., option: ...}`.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    value: str | None = None

    def filled(self, build: Callable[..., Any]) -> dict[str, Any]:
        """Return all options, with the bracketed value under the name of `build`'s first parameter.

        Raises:
            BenchError: the plug does not take one of the options.
        """
        names = list(inspect.signature(build).parameters)
        if self.value is not None and not names:
            raise BenchError(f"{self.name}[{self.value}]: {self.name} takes no option")
        options = {**({names[0]: self.value} if self.value is not None else {}), **self.options}
        if unknown := sorted(set(options) - set(names)):
            raise BenchError(f"{self.name} has no option {', '.join(unknown)}; it takes {', '.join(names) or 'none'}")
        return options

    def __str__(self) -> str:
        """Return the spec as text; `parse_spec` reads it back if it has no named options."""
        extra = "".join(f",{key}={value}" for key, value in sorted(self.options.items()))
        return self.name + (f"[{self.value}]" if self.value is not None else "") + extra


@dataclass(frozen=True)
class ControlSpec:
    """A control that a task gives: its kind (drums, chords, piano) and its source; see tasks/README.md."""

    kind: str
    source: str


@dataclass(frozen=True)
class Task:
    """The contents of tasks/<name>.yaml; every attribute is one of its keys."""

    name: str
    version: int
    family: str
    description: str
    manifest: str
    sample_rate: int
    duration_s: float
    mask: Spec
    controls: tuple[ControlSpec, ...]
    metrics: tuple[Spec, ...]
    primary: dict[str, str]
    seed: int

    @property
    def n_frames(self) -> int:
        """Length of an excerpt in 20 ms frames."""
        return round(self.duration_s * FRAME_RATE)

    @property
    def n_samples(self) -> int:
        """Length of an excerpt in samples."""
        return self.n_frames * self.sample_rate // FRAME_RATE

    def mask_of(self, excerpt_id: str) -> Mask:
        """Draw the excerpt's mask; the same task, excerpt and base seed give the same mask."""
        return draw(self.mask.name, self.n_frames, self.seed_of(excerpt_id), **self.mask.options)

    def seed_of(self, excerpt_id: str) -> int:
        """Return the seed of this excerpt's request."""
        return seed_of(self.name, excerpt_id, self.seed)


def task_names() -> list[str]:
    """Return the names of all tasks, sorted."""
    return sorted(path.stem for path in home("tasks").glob("*.yaml") if path.stem != "defaults")


def load_task(name: str) -> Task:
    """Read the task called `name`.

    Raises:
        UnknownName: no task has this name.
        BenchError: the file is not a task; see `read_task`.
    """
    if name not in task_names():
        raise UnknownName("task", name, task_names())
    return read_task(home("tasks") / f"{name}.yaml")


def read_task(path: Path) -> Task:
    """Read and check a task file.

    Raises:
        BenchError: an unknown or missing key, or a wrong value; the message names file and key.
    """
    known = list(Task.__dataclass_fields__)
    keys = read_yaml(path, known, known, "tasks/README.md says what each key means")
    try:
        task = Task(
            **{k: value_of(str, keys, k) for k in ("name", "family", "description", "manifest")},
            **{k: value_of(int, keys, k) for k in ("version", "sample_rate", "seed")},
            duration_s=float(keys["duration_s"]),
            mask=parse_spec(keys["mask"]),
            controls=tuple(_control(entry) for entry in value_of(list, keys, "controls")),
            metrics=tuple(parse_spec(entry) for entry in value_of(list, keys, "metrics")),
            primary=value_of(dict, keys, "primary"),
        )
        _check(task, path.stem)
    except (BenchError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BenchError(f"{path}: {error}") from error
    return task


def parse_spec(entry: Any) -> Spec:
    """Read a plug's name and options in any of the three forms of `Spec`.

    Raises:
        BenchError: the entry has none of these forms.
    """
    options: dict[str, Any] = {}
    if isinstance(entry, dict) and isinstance(entry.get("name"), str):
        options = {str(key): value for key, value in entry.items() if key != "name"}
        entry = entry["name"]
    match = re.fullmatch(r"([a-z0-9][a-z0-9-]*)(?:\[([A-Za-z0-9._-]+)\])?", entry) if isinstance(entry, str) else None
    if match is None:
        raise BenchError(f"{entry!r} is not a plug's name; write name, name[value] or {{name: ..., option: ...}}")
    return Spec(match[1], options, match[2])


def with_metrics(task: Task, names: Iterable[str]) -> Task:
    """Return the task with these metrics added, each once; mask and controls stay the same.

    Raises:
        BenchError: a name is not of the form `name` or `name[value]`.
    """
    if not (names := list(dict.fromkeys(names))):
        return task
    have = {str(spec) for spec in task.metrics}
    added = [spec for spec in map(parse_spec, names) if str(spec) not in have]
    return replace(task, metrics=(*task.metrics, *added))


def _control(entry: Any) -> ControlSpec:
    if not isinstance(entry, dict) or set(entry) != {"kind", "source"}:
        raise BenchError(f"controls: want {{kind: ..., source: ...}}, found {entry!r}")
    control = ControlSpec(str(entry["kind"]), str(entry["source"]))
    if control.kind not in CONTROL_SOURCES:
        raise UnknownName("kind of control", control.kind, CONTROL_SOURCES)
    if control.source not in CONTROL_SOURCES[control.kind]:
        raise UnknownName(f"source of {control.kind}", control.source, CONTROL_SOURCES[control.kind])
    return control


def _check(task: Task, stem: str) -> None:
    problems = []
    if task.name != stem:
        problems.append(f"name is '{task.name}', but the file's is '{stem}'")
    if task.version < 1:
        problems.append(f"version {task.version} is not 1 or more")
    if task.family not in FAMILIES:
        problems.append(f"family '{task.family}' is none of {', '.join(FAMILIES)}")
    if task.sample_rate not in SAMPLE_RATES:
        problems.append(f"sample_rate {task.sample_rate} is none of {SAMPLE_RATES}")
    if not 1 <= task.duration_s <= 120 or abs(task.duration_s * FRAME_RATE - task.n_frames) > 1e-9:
        problems.append(f"duration_s {task.duration_s} is not a whole number of 20 ms frames between 1 and 120 s")
    if len({c.kind for c in task.controls}) != len(task.controls):
        problems.append("controls: each kind at most once")
    problems += _misnamed(task)
    if problems:
        raise BenchError("; ".join(problems))
    task.mask_of("probe")


def _misnamed(task: Task) -> list[str]:
    problems = []
    if set(task.primary) - {"control", "quality"} or "quality" not in task.primary:
        problems.append("primary: want the keys quality and, where there is a control, control")
    if not all(isinstance(name, str) for name in task.primary.values()):
        problems.append(f"primary: want names of metrics, found {task.primary}")
    if task.mask.name == "scatter":
        problems.append("mask scatter: for training only, its holes are too short for any metric; take another mask")
    if task.mask.value is not None:
        problems.append(f"mask {task.mask}: write a mask's options by name, {{name: {task.mask.name}, option: ...}}")
    return problems


@dataclass(frozen=True)
class Choices:
    """Names of the extractors that may find a kind, the preferred one first; see tasks/README.md.

    Attributes:
        composed: For data sets of the suite's own songs; the first ships with the suite.
        recorded: For all other music.
        on_request: Better on recorded music, but under a licence that not everybody can accept: never taken unasked.
    """

    composed: tuple[str, ...]
    recorded: tuple[str, ...]
    on_request: tuple[str, ...] = ()

    def of(self, music: str) -> tuple[str, ...]:
        """Return the list for `composed` or `recorded` music."""
        return self.composed if music == "composed" else self.recorded


@dataclass(frozen=True)
class Defaults:
    """The suite's defaults.

    Attributes:
        manifest: Manifest that `bench run` uses.
        renderer: Renderer of chord and piano controls.
        extractors: Extractors by kind, of which `bench.music.choice` takes one.
        systems: Models that `bench run` runs, in order.
    """

    manifest: str
    renderer: str
    extractors: dict[str, Choices]
    systems: tuple[str, ...]


@cache
def defaults() -> Defaults:
    """Read tasks/defaults.yaml.

    Raises:
        BenchError: a key is missing or unknown, or the extractors of a kind are not lists of names.
    """
    path = home("tasks") / "defaults.yaml"
    known = list(Defaults.__dataclass_fields__)
    keys = read_yaml(path, known, known)
    try:
        extractors = {kind: _choices(kind, entry) for kind, entry in value_of(dict, keys, "extractors").items()}
    except BenchError as error:
        raise BenchError(f"{path}: extractors: {error}") from error
    return Defaults(keys["manifest"], keys["renderer"], extractors, tuple(keys["systems"]))


def _choices(kind: str, entry: Any) -> Choices:
    if kind not in EXTRACTED:
        raise UnknownName("kind of extractor", kind, EXTRACTED)
    lists = entry if isinstance(entry, dict) else {"composed": entry, "recorded": entry}
    known = list(Choices.__dataclass_fields__)
    if unknown := sorted(set(lists) - set(known)):
        raise BenchError(f"{kind}: {UnknownName('kind of music', unknown[0], known)}")
    for name in ("composed", "recorded"):
        if not lists.get(name):
            raise BenchError(f"{kind}: {name}: names no extractor; list at least one")
    for name, names in lists.items():
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise BenchError(f"{kind}: {name}: want a list of names, found {names!r}")
    return Choices(**{name: tuple(names) for name, names in lists.items()})
