"""Recipes: how a weight file is trained, one YAML file each in recipes/."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError, UnknownName
from bench.formats import read_yaml
from bench.paths import home


@dataclass(frozen=True)
class Recipe:
    """One recipe.

    Attributes:
        name: Name of the recipe's file and of the weight file, without suffix.
        description: What the weight file is.
        trainer: Name of the trainer.
        needs: Names of the weight files that must exist first, by the trainer's option.
        options: The trainer's options, the same for every budget.
        budgets: Further options by the budget's name; each has `steps`.
        tolerance: By validation score, how far a repeated training may differ from the card.
    """

    name: str
    description: str
    trainer: str
    needs: dict[str, str]
    options: dict[str, Any]
    budgets: dict[str, dict[str, Any]]
    tolerance: dict[str, float]

    def with_budget(self, budget: str) -> dict[str, Any]:
        """Return the trainer's options under a budget; raises `UnknownName`."""
        if budget not in self.budgets:
            raise UnknownName(f"budget of {self.name}", budget, self.budgets)
        return {**self.options, **self.budgets[budget]}

    def on(self, dataset: str | None) -> "Recipe":
        """Return the recipe with another data set's splits; itself if `dataset` is None or its own data set."""
        if dataset is None or dataset == self.options.get("dataset"):
            return self
        songs = {"dataset": dataset, "train": f"{dataset}-train", "validation": f"{dataset}-validation"}
        budgets = {name: {**options, **songs} for name, options in self.budgets.items()}
        return replace(self, options={**self.options, **songs}, budgets=budgets)


_KEYS = ("description", "trainer", "needs", "options", "budgets", "tolerance")
_NEEDED = ("description", "trainer", "budgets")


def recipe_names() -> list[str]:
    """List the names of all recipes."""
    return sorted(path.stem for path in home("recipes").glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """Read recipes/<name>.yaml.

    Raises:
        UnknownName: there is no such recipe.
        BenchError: a key is unknown or missing, or its value is of the wrong type.
    """
    if name not in recipe_names():
        raise UnknownName("recipe", name, recipe_names())
    return read_recipe(home("recipes") / f"{name}.yaml")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a file, whose name without suffix is the recipe's.

    Raises:
        BenchError: see `load_recipe`.
    """
    keys = read_yaml(path, _KEYS, _NEEDED, "docs/training.md says what a recipe holds")
    for key, kind in (("description", str), ("trainer", str), ("budgets", dict)):
        if not isinstance(keys.get(key), kind) or not keys[key]:
            raise BenchError(f"{path}: {key}: want {'text' if kind is str else 'a mapping'}, found {keys.get(key)!r}")
    mappings = {key: keys.get(key) or {} for key in ("needs", "options", "tolerance")}
    for key, value in mappings.items():
        if not isinstance(value, dict):
            raise BenchError(f"{path}: {key}: want a mapping, found {value!r}")
    for budget, options in keys["budgets"].items():
        steps = options.get("steps") if isinstance(options, dict) else None
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise BenchError(f"{path}: budgets: {budget}: steps: want a whole number from 1, found {steps!r}")
    return Recipe(path.stem, keys["description"], keys["trainer"], budgets=keys["budgets"], **mappings)
