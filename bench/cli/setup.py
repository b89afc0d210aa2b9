"""The command line of what is needed: say what lacks, install it, train weights."""

import math
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Choice, DatasetName, Device, Limit, Workers
from bench.cli.output import RUNS, AsJson, mended, show
from bench.errors import BenchError


@mended
def doctor(
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only this task; exit 1 if it is not ready.")] = None,
    dataset: DatasetName = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="A model; repeatable.")] = None,
    device: Device = "auto",
    noise_floor: Annotated[
        bool, typer.Option("--noise-floor", help="Measure the extractors on synthetic truth.")
    ] = False,
    limit: Limit = None,
    extractor: Choice = None,
    as_json: AsJson = False,
) -> None:
    """Say what is installed, what each task lacks to be run as asked, and how to get it.

    Example: bench doctor --task inpaint-drums --dataset synthetic --model air-mini

    Example: bench doctor --noise-floor --limit 4
    """
    from bench.cli.resolve import extractors_of, known_models

    if noise_floor and (task or model):
        raise BenchError("--noise-floor measures extractors and nothing else; leave out --task and --model")
    if noise_floor:
        from bench.upkeep.noise_floor import noise_floor as measure
        from bench.upkeep.noise_floor import table

        rows = measure(dataset, limit, extractors_of(extractor)["drums"])
        show(rows, as_json, lambda: table(rows))
        return
    from dataclasses import asdict

    from bench.upkeep.doctor import Asked, examine, tables

    known_models(model)
    found = examine(task, Asked(extractors_of(extractor), dataset, tuple(model or ()), device))
    show([asdict(one) for one in found], as_json, lambda: tables(found))
    if task and not all(one.is_ready for one in found):
        raise typer.Exit(1)


@mended
def setup(
    name: Annotated[str, typer.Argument(help="A component or the weights of a model; `bench doctor` lists them.")],
    as_json: AsJson = False,
) -> None:
    """Build an optional component the way that works, or fetch the weights of a model.

    Example: bench setup madmom
    """
    from bench.upkeep.setup import setup as install

    said = install(name)
    show({"said": said}, as_json, lambda: said)


@mended
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name; `bench list recipes`.")],
    budget: Annotated[str | None, typer.Option("--budget", help="One of the recipe's; its first if not given.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Train on this data set's train split.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="In place of the recipe's own.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Where songs, checkpoints and weights lie.")] = RUNS / "train",
    device: Device = "auto",
    workers: Workers = 1,
    minutes: Annotated[float, typer.Option("--minutes", help="Stop after so long; the next call goes on.")] = math.inf,
    as_json: AsJson = False,
) -> None:
    """Train a weight file by its recipe, going on from the last checkpoint, and write its card.

    Example: bench train air-aligned-mini-drums
    """
    from dataclasses import asdict

    from bench.cli.resolve import executor_of
    from bench.training.train import train as run_recipe

    made = run_recipe(
        recipe, budget, out, dataset=dataset, seed=seed, device=device, executor=executor_of(workers),
        seconds=60 * minutes,
    )  # fmt: skip
    scores = ", ".join(f"{name} {value:.4f}" for name, value in made.validation.items())
    said = f"{made.recipe} ({made.budget}): step {made.step} of {made.steps}, validation {scores or 'not yet'}"
    end = f"weights and card in {made.path.parent}" if made.is_done else "call again to go on"
    show({**asdict(made), "is_done": made.is_done}, as_json, lambda: f"{said}; {end}")
