"""Train a recipe: weight file, card, checkpoint and curve in one folder; an interrupted training is resumed."""

import hashlib
import inspect
import math
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import plugins
from bench.errors import BenchError
from bench.formats import dump_yaml, read_yaml
from bench.paths import home, write_text
from bench.runtime.device import chosen
from bench.runtime.executor import Executor, Serial, progress
from bench.runtime.provenance import commit, version
from bench.runtime.tensors import write_tensors
from bench.runtime.weights import sha256_of, shipped
from bench.training import loop
from bench.training.recipe import Recipe, load_recipe

COMMIT = "commit.txt"
LICENCE = (
    "MIT, as this repository; trained on composed songs rendered with TimGM6mb.sf2, which pretty_midi distributes "
    "under MIT and Debian lists under GPL-2: no sound of the font is contained in the weights"
)


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        recipe: Name of the recipe.
        budget: Name of the budget.
        step: The step reached.
        steps: Steps in all; weight file and card are written when `step` equals it.
        seconds: Processor seconds used, earlier runs included.
        validation: The last validation scores.
        path: The weight file.
    """

    recipe: str
    budget: str
    step: int
    steps: int
    seconds: float
    validation: dict[str, float]
    path: Path

    @property
    def is_done(self) -> bool:
        """Whether all steps were taken."""
        return self.step == self.steps


def train(
    name: str,
    budget: str | None,
    out: Path,
    *,
    dataset: str | None = None,
    seed: int | None = None,
    device: str = "auto",
    executor: Executor | None = None,
    seconds: float = math.inf,
) -> Trained:
    """Train a recipe, or resume its training, below `out`.

    Args:
        name: Name of the recipe.
        budget: One of its budgets; None for the first.
        dataset: Train on this data set's `-train` manifest and validate on `-validation`; None for the recipe's own.
        out: Folder of the output: songs and tokens in `out`/data, everything else in `out`/<name>.
        seed: Replaces the recipe's seed; the weight file is then named <name>-seed<seed>.
        device: `auto`, `cpu` or `cuda`.
        executor: Prepares one song per job; the training itself runs in one process.
        seconds: Stop after this time, with a checkpoint; the next call resumes.

    Raises:
        UnknownName: no such recipe, budget or device.
        MissingComponent: a needed weight file is missing; the message names the recipe that makes it.
        BenchError: `seconds` is negative or NaN, the checkpoint belongs to another budget or to other weight files, or
            a needed weight file was trained on another version of a second one.
    """
    if not seconds >= 0:
        raise BenchError(f"--minutes {seconds / 60:g}: want 0 or more")
    recipe = load_recipe(name).on(dataset)
    budget = budget or next(iter(recipe.budgets))
    options, device = recipe.with_budget(budget), chosen(device)
    _check_options(recipe, options)
    if seed is not None:
        name, options = f"{name}-seed{seed}", {**options, "seed": seed}
    folder = out / name
    _claim(folder, recipe, budget)
    needs = {option: _needed(need, out, name) for option, need in recipe.needs.items()}
    _check_needs(list(needs.values()))
    shas = {path.stem: sha256_of(path) for path in needs.values()}
    trainer = plugins.load(
        "trainers", recipe.trainer, folder=folder, data=out / "data", device=device, **options,
        **{option: str(path) for option, path in needs.items()},
    )  # fmt: skip
    trainer.prepare(executor or Serial())
    with progress(f"training {name}", options["steps"]) as step_done:
        step, spent = loop.run(trainer, folder, options["steps"], needs=shas, step_done=step_done, seconds=seconds)
    path = folder / f"{name}.safetensors"
    made = Trained(name, budget, step, options["steps"], spent, loop.last_validation(folder), path)
    if made.is_done:
        tensors = trainer.tensors()
        write_tensors(path, tensors, getattr(trainer, "about", lambda: {})())
        _write_card(made, recipe, shas, device, seed, tensors, trainer)
    return made


def _check_options(recipe: Recipe, options: dict[str, Any]) -> None:
    """Raise `BenchError` if an option is negative, or not of the type of the trainer's default."""
    parameters = inspect.signature(plugins.builder("trainers", recipe.trainer)).parameters
    for key, value in options.items():
        usual = parameters[key].default if key in parameters else value
        kinds = {float: (int, float), tuple: (list,)}.get(type(usual), (type(usual),))
        if type(value) not in kinds or (type(value) in (int, float) and not value >= 0):
            raise BenchError(f"recipes/{recipe.name}.yaml: {key}: found {value!r}, want something like {usual!r}")


def _claim(folder: Path, recipe: Recipe, budget: str) -> None:
    """Record the recipe, budget, data set and first commit of a folder's training; refuse a folder of another."""
    path = folder / "budget.txt"
    dataset = recipe.options.get("dataset")
    mine = " ".join([budget, _sha256(recipe), *([dataset] if dataset else [])]) + "\n"
    begun = folder / COMMIT
    recorded = path.read_text(encoding="utf-8") if path.is_file() else mine
    if recorded != mine and any(one not in (path, begun) for one in folder.iterdir()):
        theirs, _, songs = recorded.rstrip().partition(" ")
        what = f"with the budget {theirs}" if theirs != budget else f"by another {recipe.name}.yaml"
        if songs.partition(" ")[0] == _sha256(recipe) and theirs == budget:
            what = f"on {songs.partition(' ')[2] or 'other songs'}"
        raise BenchError(f"{folder}: holds a training {what}; give another --out, or remove the folder to start again")
    write_text(path, mine)
    if recorded != mine or not begun.is_file():
        write_text(begun, f"{commit()}\n")


def _needed(name: str, out: Path, recipe: str) -> Path:
    """Return the path of a weight file: the one trained below `out` if there is one, else the shipped one."""
    mine = out / name / f"{name}.safetensors"
    return mine if mine.is_file() else shipped(name, f"the recipe {recipe}")


def _check_needs(paths: list[Path]) -> None:
    """Raise `BenchError` if a needed file's card names another version of a second needed file."""
    for path in paths:
        card = path.with_suffix(".yaml")
        theirs = (read_yaml(card).get("needs") or {}) if card.is_file() else {}
        for other in paths:
            if theirs.get(other.stem, mine := sha256_of(other)) != mine:
                raise BenchError(
                    f"{path}: was trained on another {other.stem} than {other}; train it on this one first"
                )


def _sha256(recipe: Recipe) -> str:
    return hashlib.sha256((home("recipes") / f"{recipe.name}.yaml").read_bytes()).hexdigest()


def _trained_on(recipe: Recipe, budget: str) -> str:
    """Return the manifest of training songs: the recipe's, else the trainer's default."""
    usual = inspect.signature(plugins.builder("trainers", recipe.trainer)).parameters["train"].default
    return str(recipe.with_budget(budget).get("train", usual))


def _write_card(
    made: Trained,
    recipe: Recipe,
    needs: dict[str, str],
    device: str,
    seed: int | None,
    tensors: dict[str, Any],
    trainer: Any,
) -> None:
    keys = {
        "name": made.recipe,
        "description": recipe.description,
        "sha256": sha256_of(made.path),
        "bytes": made.path.stat().st_size,
        "parameters": sum(math.prod(value.shape) for value in tensors.values()),
        "recipe_sha256": _sha256(recipe),
        "budget": made.budget,
        "steps": made.steps,
        **({} if seed is None else {"seed": seed}),
        "processor_seconds": round(made.seconds),
        "hardware": f"{device}, {platform.machine()}",
        "needs": needs | getattr(trainer, "frozen", {}),
        "training_data": _trained_on(recipe, made.budget),
        "validation": made.validation,
        "tolerance": recipe.tolerance,
        "commit": (made.path.parent / COMMIT).read_text(encoding="utf-8").strip(),
        "bench": version(),
        "licence": getattr(trainer, "licence", "") or LICENCE,
    }
    write_text(made.path.with_suffix(".yaml"), dump_yaml(keys))
