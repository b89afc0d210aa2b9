"""Plan: the examples and systems of a test, their codes and orders."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from bench.listening.axes import AXES, reference_serves
from bench.listening.design import codes, shuffled, williams
from bench.listening.key import ANCHOR, REFERENCE, Key, Trial
from bench.manifest import Manifest, song_of
from bench.task import Task

MOST_STIMULI = 12
"""Most stimuli in a trial, including hidden reference and anchor; listeners cannot tell more apart."""
CATCH_EVERY = 2
"""Every so many examples there is a pair that checks the listener."""


@dataclass(frozen=True)
class Plan:
    """A test before its sounds are made.

    Attributes:
        key: The key.
        sounds: A system, `*reference`, `low-pass` or `masked`, by example and code.
    """

    key: Key
    sounds: dict[str, dict[str, str]]

    @property
    def orders(self) -> dict[str, Any]:
        """The designs from which the page chooses a listener's orders."""
        of_axis = {axis: [t for t in self.key.trials if t.axis == axis] for axis in self.key.axes}
        return {
            "axes": williams(len(self.key.axes)),
            "trials": {axis: williams(len(trials)) for axis, trials in of_axis.items()},
            "stimuli": {str(n): williams(n) for n in sorted({len(t.stimuli) for t in self.key.trials})},
        }


def chosen_examples(ids: Sequence[str], n: int, seed: int) -> list[str]:
    """Draw n examples, at most all, of different songs as long as there are any."""
    names = shuffled(ids, np.random.default_rng((seed, 0)))
    firsts = {song_of(name): name for name in reversed(names)}
    ordered = [*(name for name in names if firsts[song_of(name)] == name), *names]
    return list(dict.fromkeys(ordered))[:n]


def plan(
    task: Task,
    manifest: Manifest,
    form: str,
    axes: Sequence[str],
    examples: Sequence[str],
    systems: Sequence[str],
    seed: int,
) -> Plan:
    """Draw codes and trials.

    Args:
        task: The task.
        manifest: Its manifest.
        form: `mushra` or `ab`.
        axes: Axes of the test.
        examples: Ids of its examples.
        systems: Its systems.
        seed: Seed of codes and orders.
    """
    rng = np.random.default_rng((seed, 1))
    anchors = sorted({AXES[axis].anchor for axis in axes})
    kinds = [*systems, REFERENCE, *anchors]
    drawn = iter(codes(len(examples) * len(kinds), rng))
    names = {example: {kind: next(drawn) for kind in kinds} for example in examples}
    stimuli = list(_stimuli(task, form, axes, examples, systems))
    trials = []
    for code, (example, axis, compared) in zip(codes(len(stimuli), rng), stimuli, strict=True):
        anchor = AXES[axis].anchor
        known = {names[example][anchor if name == ANCHOR else name]: name for name in compared}
        trials.append(Trial(code, example, axis, dict(sorted(known.items()))))
    order = {axis: k for k, axis in enumerate(axes)}
    trials = sorted(shuffled(trials, rng), key=lambda trial: order[trial.axis])
    key = Key(form, task.name, task.version, manifest.name, manifest.sha256, seed, tuple(trials))
    return Plan(key, {e: dict(sorted((code, kind) for kind, code in by_kind.items())) for e, by_kind in names.items()})


def _stimuli(
    task: Task, form: str, axes: Sequence[str], examples: Sequence[str], systems: Sequence[str]
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield example, axis and stimuli of every trial."""
    for axis in axes:
        reference = [REFERENCE] if reference_serves(task, axis) else []
        for place, example in enumerate(examples):
            if form == "mushra":
                yield example, axis, [*systems, *reference, ANCHOR]
                continue
            for pair in combinations(systems, 2):
                yield example, axis, list(pair)
            if reference and place % CATCH_EVERY == 0:
                yield example, axis, [REFERENCE, ANCHOR]
