"""The tables of docs/model_results.md, from the results of runs.

`PYTHONPATH=. python benchmarks/model_results.py [RUNS] [--task TASK]` (repeatable; all tasks otherwise)
prints for each task and manifest below RUNS (default runs/test) a line a system, with what was trained and for how
long, and then paired differences on the primary control column, what another song's control loses (`adherence`) and
quality: of the systems that follow a control against those that cannot hear it, and against one another. p-values are
Holm-corrected over the lines of one block.
"""

import argparse
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from bench.air.sizes import adapter_of
from bench.board.readings import Readings, Scores, advantage, readings
from bench.board.report import read_results
from bench.errors import MissingComponent
from bench.formats import read_yaml
from bench.scoring.columns import ADHERENCE, columns_of
from bench.statistics import holm
from bench.task import Task, load_task

FILL, LEAST_FILL_DB = "fill-gap", -6.0
FOLLOWERS = ("air-aligned-mini", "air-mini", "lora-mini", "prefix-tuning-mini")
DEAF = ("musicgen-continue-mini", "air-no-control-mini", "other-song")


def control_of(task: Task) -> str:
    """Return the primary control column; empty where the task has no control."""
    return task.primary.get("control", "")


def cell(found: Readings | None, digits: int = 3) -> str:
    """Return a value with its interval."""
    if found is None:
        return "—"
    whole = found.whole
    return f"{whole.value:.{digits}f} [{whole.low:.{digits}f}, {whole.high:.{digits}f}]"


def filled(found: dict[str, Readings]) -> str:
    """Return the share of songs whose hole is filled."""
    levels = list(found[FILL].songs.values()) if FILL in found else []
    return f"{sum(level > LEAST_FILL_DB for level in levels) / len(levels):.2f}" if levels else "—"


def training(system: str, task: Task) -> tuple[str, str]:
    """Return parameters and processor minutes of the adapter that a mini system uses for a task."""
    kind, controls = system.removesuffix("-mini"), tuple(one.kind for one in task.controls)
    try:
        card = read_yaml(adapter_of("mini", kind, () if kind == "air-no-control" else controls).with_suffix(".yaml"))
    except MissingComponent:
        return "—", "—"
    return str(card["parameters"]), f"{card['processor_seconds'] / 60:.1f}"


def lines(task: Task, found: Scores) -> Iterable[str]:
    """Yield a line a system, best control first."""
    control, quality = control_of(task), task.primary["quality"]
    names = [
        "system",
        "trained parameters",
        "processor min",
        control,
        "right minus swapped",
        quality,
        "context-lsd (dB)",
    ]
    yield "| " + " | ".join([*names, "filled"]) + " |"
    yield "|---|" + "---:|" * len(names)

    def place(system: str) -> float:
        return -found[system][control].whole.value if control in found[system] else 0.0

    for system in sorted((one for one in found if not one.endswith("-stitched")), key=place):
        one = found[system]
        values = [cell(one.get(control)), cell(one.get(ADHERENCE)), cell(one.get(quality), 1)]
        values += [cell(one.get("context-lsd"), 2), filled(one)]
        yield f"| `{system}` | " + " | ".join([*training(system, task), *values]) + " |"


def differences(task: Task, found: Scores, column: str, pairs: Sequence[tuple[str, str]]) -> Iterable[str]:
    """Yield a line a pair."""
    direction = next((one.direction for one in columns_of(task) if one.name == column), "higher")
    both = [(a, b) for a, b in pairs if column in found.get(a, {}) and column in found.get(b, {})]
    made = [advantage(found[a][column], found[b][column], direction) for a, b in both]
    for (a, b), one, p in zip(both, made, holm([one.p for one in made]), strict=True):
        yield f"- {column}: `{a}` better than `{b}` by {one.mean:.3f} [{one.low:.3f}, {one.high:.3f}], p = {p:.5f}"


def main() -> None:
    """Print the tables."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("runs", type=Path, nargs="?", default=Path("runs/test"))
    words.add_argument("--task", action="append")
    chosen = words.parse_args()
    rows = read_results(chosen.runs)
    for name, manifest in sorted({(row.task, row.manifest) for row in rows}):
        if chosen.task and name not in chosen.task:
            continue
        task = load_task(name)
        found = readings(row for row in rows if (row.task, row.manifest) == (name, manifest))
        n_songs = max(one.n_songs for columns in found.values() for one in columns.values())
        print(f"\n## {name}, {manifest}, {n_songs} songs\n", *lines(task, found), sep="\n")
        blocks = [(control_of(task), [(one, deaf) for deaf in DEAF]) for one in FOLLOWERS]
        columns = (control_of(task), ADHERENCE, task.primary["quality"])
        blocks += [(column, list(combinations(FOLLOWERS, 2))) for column in columns]
        for column, pairs in blocks:
            if told := list(differences(task, found, column, pairs)):
                print("", *told, sep="\n")


if __name__ == "__main__":
    main()
