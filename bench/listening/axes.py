"""Axes: what listeners are asked. The columns that their answers fill stand in `bench.scoring.columns`."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.errors import BenchError, UnknownName
from bench.mask import Mask
from bench.task import Task

LOW_PASS, MASKED = "low-pass", "masked"
"""Low anchors: the original without what lies above 3.5 kHz, and the request with its hole left silent."""


@dataclass(frozen=True)
class Axis:
    """One question.

    Attributes:
        name: Its name in options, keys and columns.
        title: What a listener reads above the question.
        question: The question of a test that rates.
        preference: The question of a test that compares two.
        anchor: The low anchor that must fail it.
    """

    name: str
    title: str
    question: str
    preference: str
    anchor: str


AXES = {
    axis.name: axis
    for axis in (
        Axis(
            "transition",
            "Transitions",
            "How smoothly does the music go into the marked stretch and out of it again?",
            "Which one goes more smoothly into the marked stretch and out of it again?",
            MASKED,
        ),
        Axis(
            "adherence",
            "Following the control",
            "How well does the music in the marked stretch follow the control?",
            "Which one follows the control better in the marked stretch?",
            MASKED,
        ),
        Axis(
            "quality",
            "Sound quality",
            "How good is the sound, compared with the reference?",
            "Which one sounds better?",
            LOW_PASS,
        ),
    )
}


def axes_of(task: Task, mask: Mask, wanted: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the axes that a task can be asked about, or the wanted ones.

    Raises:
        UnknownName: no axis is called so.
        BenchError: one that the task has nothing to answer with: no control to follow, no context to join.
    """
    lacks = {}
    if not task.controls:
        lacks["adherence"] = "it gives no control"
    if not edges_of(mask):
        lacks["transition"] = "its mask leaves no context to join"
    for name in wanted or ():
        if name not in AXES:
            raise UnknownName("axis", name, AXES)
        if name in lacks:
            raise BenchError(f"--axes {name}: {task.name} cannot be asked about it ({lacks[name]}); leave it out")
    chosen = set(wanted or ()) or set(AXES) - set(lacks)
    return tuple(name for name in AXES if name in chosen)


def edges_of(mask: Mask) -> int:
    """Return the number of places at which a hole meets context."""
    return sum((start > 0) + (end < mask.n_frames) for start, end in mask.holes)


def reference_serves(task: Task, axis: str) -> bool:
    """Whether the original must be rated best: not by how it follows a control that is not its own."""
    return not (axis == "adherence" and task.family == "edit")
