"""Axes: the questions that listeners are asked. The columns of their answers are in `bench.scoring.columns`."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.errors import BenchError, UnknownName
from bench.mask import Mask
from bench.task import Task

LOW_PASS, MASKED = "low-pass", "masked"
"""Low anchors: the original without frequencies above 3.5 kHz, and the request with its silent hole."""


@dataclass(frozen=True)
class Axis:
    """One question.

    Attributes:
        name: Its name in options, keys and columns.
        title: The title above the question.
        question: The question of a rating test (`mushra`).
        preference: The question of a comparison test (`ab`).
        anchor: The low anchor that should get bad ratings on it.
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
    """Return the wanted axes, or else all that apply to the task.

    Raises:
        UnknownName: a name is not an axis.
        BenchError: a wanted axis does not apply: the task has no control, or its mask leaves no context.
    """
    reasons = {}
    if not task.controls:
        reasons["adherence"] = "it has no control"
    if not edges_of(mask):
        reasons["transition"] = "its mask leaves no context"
    for name in wanted or ():
        if name not in AXES:
            raise UnknownName("axis", name, AXES)
        if name in reasons:
            raise BenchError(f"--axes {name}: does not apply to {task.name} ({reasons[name]}); leave it out")
    chosen = set(wanted or ()) or set(AXES) - set(reasons)
    return tuple(name for name in AXES if name in chosen)


def edges_of(mask: Mask) -> int:
    """Return the number of edges between a hole and context."""
    return sum((start > 0) + (end < mask.n_frames) for start, end in mask.holes)


def reference_serves(task: Task, axis: str) -> bool:
    """Return whether the original should be rated best; in an edit task it does not follow the new control."""
    return not (axis == "adherence" and task.family == "edit")
