"""Examples: requests (all that a model may know), references, and their folders (docs/design.md, section 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import Audio, read_audio, write_audio
from bench.errors import BenchError
from bench.formats import dump_yaml, read_yaml, value_of
from bench.manifest import Manifest, read_manifest, song_of
from bench.mask import Mask, seed_of
from bench.paths import write_text
from bench.symbols import Beats, Chords, Notes, read_beats, read_chords, read_notes, write_symbols
from bench.task import EXTRACTED, Task

_KEYS = {
    **{key: str for key in ("id", "task", "prompt")},
    **{key: int for key in ("version", "sample_rate", "n_frames", "seed")},
    **{key: list for key in ("holes", "controls")},
}
_CONTROLS = ("drums", "chords", "piano")


@dataclass(frozen=True, eq=False)
class Control:
    """Something that a model should follow.

    Attributes:
        kind: `drums`, `chords` or `piano`.
        content: Audio, Chords or Notes, timed from the excerpt's start.
        audio: The control as sound: mono, at the task's rate, exactly the excerpt's length.
        beats: For chords, the beats on which the blocks are struck.
    """

    kind: str
    content: Audio | Chords | Notes
    audio: Audio
    beats: Beats | None = None


@dataclass(frozen=True, eq=False)
class Request:
    """All that a model may know about an excerpt.

    Attributes:
        id: The excerpt's id.
        task: Name of the task.
        version: Version of the task.
        masked: Mono sound at the task's rate, zero in the holes.
        mask: The holes.
        controls: Controls by kind.
        prompt: Text; may be empty.
        seed: A model's only source of randomness.
    """

    id: str
    task: str
    version: int
    masked: Audio
    mask: Mask
    controls: dict[str, Control] = field(default_factory=dict)
    prompt: str = ""
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Truth:
    """Annotations of the reference by the data set, timed from the excerpt's start; None where there are none."""

    chords: Chords | None = None
    beats: Beats | None = None
    notes: Notes | None = None


@dataclass(frozen=True, eq=False)
class Example:
    """A request together with what it hides.

    Attributes:
        request: The request.
        reference: The hidden original, mono, at the task's rate.
        truth: The data set's annotations.
    """

    request: Request
    reference: Audio
    truth: Truth

    @property
    def song(self) -> str:
        """The song that the excerpt is from; scores are averaged within songs before they are averaged over songs."""
        return song_of(self.request.id)


def masked(reference: Audio, mask: Mask) -> Audio:
    """Return the reference with exact zeros in the holes."""
    hidden = mask.inside(reference.sample_rate)
    return Audio(np.where(hidden, np.float32(0), reference.mono), reference.sample_rate)


def write_request(folder: Path, request: Request) -> None:
    """Write `folder/<id>/`, with request.yaml last: it marks a complete request."""
    inner = folder / request.id
    write_audio(inner / "masked.wav", request.masked)
    for kind, control in request.controls.items():
        write_audio(inner / f"control-{kind}.wav", control.audio)
        if isinstance(control.content, Chords):
            write_symbols(inner / "control-chords.lab", control.content)
            write_symbols(inner / "beats.txt", control.beats or Beats())
        elif isinstance(control.content, Notes):
            write_symbols(inner / "control-piano.mid", control.content)
    keys: dict[str, Any] = {
        "id": request.id,
        "task": request.task,
        "version": request.version,
        "sample_rate": request.masked.sample_rate,
        "n_frames": request.mask.n_frames,
        "holes": [list(hole) for hole in request.mask.holes],
        "prompt": request.prompt,
        "seed": request.seed,
        "controls": list(request.controls),
    }
    write_text(inner / "request.yaml", dump_yaml(keys))


def read_request(folder: Path) -> Request:
    """Read a request folder.

    Raises:
        BenchError: a file is missing, malformed or of the wrong length; the message names it.
    """
    path = folder / "request.yaml"
    keys = read_yaml(path, _KEYS, _KEYS, "get the requests again, or build them again")
    try:
        for key, kind in _KEYS.items():
            value_of(kind, keys, key)
        mask = Mask(tuple(_hole(entry) for entry in keys["holes"]), keys["n_frames"])
    except (BenchError, ValueError) as error:
        raise BenchError(f"{path}: {error}") from error
    if keys["id"] != folder.name:
        raise BenchError(f"{path}: the id is {keys['id']!r}, the folder's name is '{folder.name}'")
    if unknown := [kind for kind in keys["controls"] if kind not in _CONTROLS]:
        raise BenchError(f"{path}: no kind of control is called {unknown[0]!r}; known: {', '.join(_CONTROLS)}")
    n_samples = keys["n_frames"] * keys["sample_rate"] // 50
    sounds = {
        name: read_audio(folder / name) for name in ["masked.wav", *(f"control-{k}.wav" for k in keys["controls"])]
    }
    for name, sound in sounds.items():
        if (sound.n_samples, sound.sample_rate) != (n_samples, keys["sample_rate"]):
            raise BenchError(
                f"{folder / name}: {sound.n_samples} samples at {sound.sample_rate} Hz, "
                f"the request says {n_samples} at {keys['sample_rate']} Hz"
            )
    controls = {kind: _read_control(folder, kind, sounds[f"control-{kind}.wav"]) for kind in keys["controls"]}
    return Request(
        id=keys["id"],
        task=keys["task"],
        version=keys["version"],
        masked=sounds["masked.wav"],
        mask=mask,
        controls=controls,
        prompt=keys["prompt"],
        seed=keys["seed"],
    )


def write_reference(folder: Path, example: Example) -> None:
    """Write the reference as `folder/<id>.wav` and the truth into `folder/truth/<id>/`."""
    truth = folder / "truth" / example.request.id
    if example.truth.chords is not None:
        write_symbols(truth / "chords.lab", example.truth.chords)
    if example.truth.beats is not None:
        write_symbols(truth / "beats.txt", example.truth.beats)
    if example.truth.notes is not None:
        write_symbols(truth / "notes.mid", example.truth.notes)
    write_audio(folder / f"{example.request.id}.wav", example.reference)


def read_example(requests: Path, references: Path, name: str) -> Example:
    """Read a request and its reference.

    Raises:
        BenchError: a file of either is missing or malformed.
    """
    annotations = references / "truth" / name
    truth = Truth(
        chords=read_chords(annotations / "chords.lab") if (annotations / "chords.lab").exists() else None,
        beats=read_beats(annotations / "beats.txt") if (annotations / "beats.txt").exists() else None,
        notes=read_notes(annotations / "notes.mid") if (annotations / "notes.mid").exists() else None,
    )
    return Example(read_request(requests / name), read_audio(references / f"{name}.wav"), truth)


def other_songs(ids: Sequence[str]) -> dict[str, str]:
    """Return a partner for every excerpt: an excerpt of another song.

    Songs are paired by a permutation without fixed points, seeded by their names; the order of the ids does not matter.
    Outputs of `other-song`, swapped controls and borrowed drum patterns all use these partners.

    Raises:
        BenchError: all excerpts are of one song.
    """
    songs: dict[str, list[str]] = {}
    for name in sorted(ids):
        songs.setdefault(song_of(name), []).append(name)
    names = list(songs)
    if len(names) < 2:
        raise BenchError(f"all {len(ids)} excerpts are of one song; another song is needed, give at least two songs")
    order = np.random.default_rng(seed_of(*names)).permutation(len(names))
    partner = {names[a]: names[b] for a, b in zip(order, np.roll(order, -1), strict=True)}
    return {
        name: songs[partner[song]][k % len(songs[partner[song]])]
        for song, members in songs.items()
        for k, name in enumerate(members)
    }


def _hole(entry: Any) -> tuple[int, int]:
    if not isinstance(entry, list) or [type(frame) for frame in entry] != [int, int]:
        raise BenchError(f"holes: want pairs of frames, [begin, end], found {entry!r:.80}")
    return entry[0], entry[1]


def _read_control(folder: Path, kind: str, audio: Audio) -> Control:
    if kind == "chords":
        return Control(kind, read_chords(folder / "control-chords.lab"), audio, read_beats(folder / "beats.txt"))
    if kind == "piano":
        return Control(kind, read_notes(folder / "control-piano.mid"), audio)
    return Control(kind, audio, audio)


@dataclass(frozen=True)
class ExampleSet:
    """The examples of a task: `requests/`, `references/` and `index.csv` in one folder.

    Attributes:
        folder: The folder.
        task: The task.
        manifest: The manifest of the examples; every row contains its sha256.
        extractors: Names of the extractors by kind that were taken when they were built; empty where it is not known.
    """

    folder: Path
    task: Task
    manifest: Manifest
    extractors: Mapping[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """The excerpts' ids in the manifest's order."""
        return [excerpt.id for excerpt in self.manifest.excerpts]

    def request(self, name: str) -> Request:
        """Read one request."""
        return read_request(self.folder / "requests" / name)

    def example(self, name: str) -> Example:
        """Read one request with its reference."""
        return read_example(self.folder / "requests", self.folder / "references", name)


def open_examples(folder: Path, task: Task) -> ExampleSet:
    """Open the examples that `bench build` made.

    Raises:
        BenchError: the folder holds no examples, those of another task, or only a part of them.
    """
    if not (folder / "build.yaml").exists():
        raise BenchError(f"{folder}: holds no examples; make them with `bench build --task {task.name}`")
    made_by = read_yaml(
        folder / "build.yaml", needed=("task", "manifest", "public"), remedy="remove the folder and build it again"
    )
    if made_by["task"] != f"{task.name}@{task.version}":
        raise BenchError(f"{folder}: holds examples of {made_by['task']}, not of {task.name}@{task.version}")
    manifest = replace(read_manifest(folder / "index.csv"), name=made_by["manifest"], is_public=made_by["public"])
    unfinished = [e.id for e in manifest.excerpts if not (folder / "requests" / e.id / "request.yaml").exists()]
    if unfinished:
        raise BenchError(f"{folder}: {len(unfinished)} examples are not built yet; run the same `bench build` again")
    return ExampleSet(folder, task, manifest, extractors_in(folder))


def extractors_in(folder: Path) -> dict[str, str]:
    """Return the extractors by kind that a folder's build.yaml names; empty if it names none, as earlier ones do.

    Raises:
        BenchError: they are not names by kind.
    """
    path = folder / "build.yaml"
    named = read_yaml(path, remedy="remove the folder and build it again").get("extractors", {})
    if not isinstance(named, dict) or not all(kind in EXTRACTED and isinstance(n, str) for kind, n in named.items()):
        raise BenchError(f"{path}: extractors: want names by kind, found {named!r:.60}; remove the folder and build it")
    return dict(named)
