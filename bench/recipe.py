"""Recipes: how a weight file is trained, as a closed YAML in recipes/."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError, UnknownName
from bench.paths import home
from bench.yaml import read_yaml


@dataclass(frozen=True)
class Recipe:
    """One YAML of recipes/.

    Attributes:
        name: Its file's stem, and the weight file's.
        description: What the weight file is.
        trainer: The trainer plug.
        needs: By the trainer's option, the weight files that must be there first.
        options: The trainer's options, the same for every budget.
        budgets: Further options by the name of the budget; each names `steps`.
        tolerance: By validation score, how far a second training may end from the card.
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
        """Return the recipe with a data set's train split in place of its own songs; itself for None or its own."""
        if dataset is None or dataset == self.options.get("dataset"):
            return self
        songs = {"dataset": dataset, "train": f"{dataset}-train", "validation": f"{dataset}-validation"}
        budgets = {name: {**options, **songs} for name, options in self.budgets.items()}
        return replace(self, options={**self.options, **songs}, budgets=budgets)


_KEYS = ("description", "trainer", "needs", "options", "budgets", "tolerance")
_NEEDED = ("description", "trainer", "budgets")


def recipe_names() -> list[str]:
    """List the recipes."""
    return sorted(path.stem for path in home("recipes").glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """Read recipes/<name>.yaml.

    Raises:
        UnknownName: there is none.
        BenchError: a key is unknown, missing or of a wrong kind.
    """
    if name not in recipe_names():
        raise UnknownName("recipe", name, recipe_names())
    return read_recipe(home("recipes") / f"{name}.yaml")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; its file's stem is its name.

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
