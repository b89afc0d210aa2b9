"""What another training changes: every method trained with several seeds, on songs that no training saw.

`PYTHONPATH=. python benchmarks/seeds.py [--seed N] [--system NAME] [--manifest NAME] [--out FOLDER]` (repeatable)
generates and scores the shipped adapter of every method and those of other seeds (`bench train NAME --seed N`, their
files put into `$BENCH_WEIGHTS`/mini), all decoding alike (a contrast of 1). Behind each method's trainings stand their
mean and standard deviation; behind all methods paired differences of what each does on a song on average over its
trainings, Holm-corrected a column.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from model_results import FOLLOWERS, differences
from settings import OneOfMany, line, scores

from bench.board.readings import Readings, Scores
from bench.scoring.columns import ADHERENCE
from bench.task import Task, load_task


def adapters(system: str, seeds: Sequence[int]) -> list[str]:
    """Return the names of a method's trainings for drums, the shipped one first."""
    shipped = f"{system}-drums"
    return [shipped, *(f"{shipped}-seed{seed}" for seed in seeds)]


def averaged(trainings: Sequence[Readings]) -> Readings:
    """Return what a method does on average over its trainings, song by song and half-set by half-set."""
    whole = replace(trainings[0].whole, value=float(np.mean([one.whole.value for one in trainings])))
    return Readings(whole, *(_mean([getattr(one, kind) for one in trainings]) for kind in ("examples", "replicates")))


def spread(task: Task, trainings: Sequence[dict[str, Readings]]) -> str:
    """Return the mean and standard deviation of a method's trainings in a table's line."""
    cells = []
    for column in columns(task):
        values = [found[column].whole.value for found in trainings]
        cells.append(f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "—")
    return "| mean ± sd | " + " | ".join(cells) + " | |"


def columns(task: Task) -> tuple[str, ...]:
    """Return what is compared: control, what a swapped control loses, quality, context."""
    return (task.primary["control"], ADHERENCE, task.primary["quality"], "context-lsd")


def _mean(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in values])) for name in values[0]}


def main() -> None:
    """Print the table and what differs."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--out", type=Path, default=Path("runs/seeds"))
    words.add_argument("--manifest", default="synthetic-test")
    words.add_argument("--seed", action="append", type=int)
    words.add_argument("--system", action="append")
    chosen = words.parse_args()
    task = load_task("inpaint-drums")
    print("| training | " + " | ".join(columns(task)) + " | songs filled |\n|---" + "|---:" * 5 + "|")
    methods: Scores = {}
    for system in chosen.system or FOLLOWERS:
        trainings = []
        for name in adapters(system, chosen.seed or [2, 3]):
            options = {"adapter": name, "contrast": 1.0}
            found = scores(task, system, options, chosen.manifest, OneOfMany(chosen.out, name))
            print(line(task, f"`{name}`", found), flush=True)
            trainings.append(found)
        print(spread(task, trainings))
        methods[system] = {column: averaged([found[column] for found in trainings]) for column in columns(task)}
    for column in columns(task):
        print("", *differences(task, methods, column, list(combinations(methods, 2))), sep="\n")


if __name__ == "__main__":
    main()
