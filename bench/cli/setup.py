"""Commands about the installation: report what is missing, install it, train weights."""

import math
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Choice, DatasetName, Device, Limit, Workers
from bench.cli.output import RUNS, AsJson, reports_errors, show
from bench.errors import BenchError


@reports_errors
def doctor(
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Examine this task only; exit with 1 if it is not ready.")
    ] = None,
    dataset: DatasetName = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Name of a model; repeatable.")] = None,
    device: Device = "auto",
    noise_floor: Annotated[
        bool, typer.Option("--noise-floor", help="Measure the extractors on songs with known truth.")
    ] = False,
    audio: Annotated[
        Path | None,
        typer.Option(
            "--audio",
            help="With --noise-floor: measure on a folder of your own sounds whose truth you know, NAME/mix.wav or "
            "GROUP/NAME/mix.wav, each with any of drums.wav, notes.mid and chords.lab beside it.",
        ),
    ] = None,
    limit: Limit = None,
    extractor: Choice = None,
    as_json: AsJson = False,
) -> None:
    """Report what is installed, what each task needs to run with these options, and how to get it.

    Example: bench doctor --task inpaint-drums --dataset synthetic --model air-mini

    Example: bench doctor --noise-floor --limit 4

    Example: bench doctor --noise-floor --audio my-truth
    """
    from bench.cli.resolve import extractors_of, known_models

    if noise_floor and (task or model):
        raise BenchError("--noise-floor measures extractors only; leave out --task and --model")
    if audio and not noise_floor:
        raise BenchError("--audio names sounds to measure extractors on; add --noise-floor")
    if audio and dataset:
        raise BenchError("--audio and --dataset are two materials; name one of them")
    if noise_floor:
        from bench.upkeep.material import noise_floor_of
        from bench.upkeep.noise_floor import noise_floor as measure
        from bench.upkeep.noise_floor import table

        asked = extractors_of(extractor)
        rows = noise_floor_of(audio, limit, asked) if audio else measure(dataset, limit, asked.get("drums"))
        show(rows, as_json, lambda: table(rows))
        return
    from dataclasses import asdict

    from bench.upkeep.doctor import Asked, examine, tables

    known_models(model)
    findings = examine(task, Asked(extractors_of(extractor), dataset, tuple(model or ()), device))
    show([asdict(one) for one in findings], as_json, lambda: tables(findings))
    if task and not all(one.is_ready for one in findings):
        raise typer.Exit(1)


@reports_errors
def setup(
    name: Annotated[
        str, typer.Argument(help="Name of a component or of a model's weights; `bench doctor` lists them.")
    ],
    as_json: AsJson = False,
) -> None:
    """Install an optional component, or download the weights of a model.

    Example: bench setup madmom
    """
    from bench.upkeep.setup import setup as install

    report = install(name)
    show({"said": report}, as_json, lambda: report)


@reports_errors
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe; see `bench list recipes`.")],
    budget: Annotated[
        str | None, typer.Option("--budget", help="A budget of the recipe; its first if not given.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Train on this data set's train split.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed, instead of the recipe's.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of songs, checkpoints and weights.")] = RUNS / "train",
    device: Device = "auto",
    workers: Workers = 1,
    minutes: Annotated[
        float, typer.Option("--minutes", help="Stop after so many minutes; run the command again to continue.")
    ] = math.inf,
    as_json: AsJson = False,
) -> None:
    """Train a weight file by its recipe, from the last checkpoint if there is one, and write its card.

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
    state = f"{made.recipe} ({made.budget}): step {made.step} of {made.steps}, validation {scores or 'not yet'}"
    end = f"weights and card in {made.path.parent}" if made.is_done else "run the command again to continue"
    show({**asdict(made), "is_done": made.is_done}, as_json, lambda: f"{state}; {end}")
