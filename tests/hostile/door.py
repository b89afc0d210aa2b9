"""A tiny task, a good submission for it, and the findings of `check` on any path."""

from pathlib import Path

import numpy as np

from bench.audio import Audio, write_audio
from bench.checking.archive import opened
from bench.checking.check import Findings, check
from bench.errors import BenchError
from bench.example import ExampleSet
from bench.manifest import Excerpt, Manifest
from bench.submission import Card, write_card
from bench.task import ControlSpec, Spec, Task

RATE = 16000
TASK = Task(
    "tiny", 1, "inpaint", "", "tiny", RATE, 0.2, Spec("centre"), (ControlSpec("drums", "stem"),),
    (Spec("level"),), {"control": "level", "quality": "level"}, 0,
)  # fmt: skip
SOUND = np.random.default_rng(0).normal(0, 0.1, TASK.n_samples).astype(np.float32)
CARD = "system: mine\ntask: tiny\ntask_version: 1\nmanifest: tiny\n"


def good(folder: Path) -> Path:
    """Write a submission without problems or flags into `folder/mine`."""
    mine = folder / "mine"
    write_card(mine, Card("mine", "tiny", 1, "tiny"))
    for name in ("a.wav", "b.wav", "swapped/a.wav"):
        write_audio(mine / name, Audio(SOUND, RATE))
    return mine


def examples(folder: Path) -> ExampleSet:
    excerpts = tuple(Excerpt(name, "synthetic", name, 0.0, 0.2) for name in ("a", "b"))
    return ExampleSet(folder / "examples", TASK, Manifest("tiny", excerpts))


def findings_of(path: Path) -> Findings:
    """Return the findings of a submission; any exception but `BenchError` is a failure of the test."""
    try:
        with opened(path) as here:
            return check(here, TASK, examples(path.parent))[1]
    except BenchError as error:
        return Findings([str(error)])
