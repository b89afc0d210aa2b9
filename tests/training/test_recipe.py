"""Recipes: the keys of the YAML, and that every shipped recipe builds its trainer."""

import math
from pathlib import Path

import pytest

from bench import plugins
from bench.errors import BenchError, UnknownName
from bench.training.recipe import load_recipe, read_recipe, recipe_names
from bench.upkeep.listing import listing

GOOD = """description: A thing.
trainer: adapter
needs: {codec: mini-codec}
options: {seed: 1}
budgets:
  small: {steps: 3, rate: 0.1}
  large: {steps: 5}
tolerance: {loss: 0.1}
"""


def recipe(tmp_path: Path, text: str):
    path = tmp_path / "thing.yaml"
    path.write_text(text)
    return read_recipe(path)


def test_a_recipe_is_read_and_budgets_add_to_its_options(tmp_path: Path) -> None:
    read = recipe(tmp_path, GOOD)
    assert (read.name, read.description, read.trainer) == ("thing", "A thing.", "adapter")
    assert read.needs == {"codec": "mini-codec"} and read.tolerance == {"loss": 0.1}
    assert read.with_budget("small") == {"seed": 1, "steps": 3, "rate": 0.1}
    assert read.with_budget("large") == {"seed": 1, "steps": 5}
    with pytest.raises(UnknownName, match="no budget of thing is called 'smal'; did you mean small"):
        read.with_budget("smal")


def test_optional_keys_default_to_empty(tmp_path: Path) -> None:
    read = recipe(tmp_path, "description: x\ntrainer: adapter\nbudgets: {a: {steps: 1}}\n")
    assert (read.needs, read.options, read.tolerance) == ({}, {}, {})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("trainer: adapter\n", "", "the key 'trainer' is missing; docs/training.md"),
        ("trainer: adapter\n", "trainer: 3\n", "trainer: want text, found 3"),
        ("description: A thing.\n", "description: ''\n", "description: want text, found ''"),
        ("needs: {codec: mini-codec}", "needs: mini-codec", "needs: want a mapping, found 'mini-codec'"),
        ("options: {seed: 1}", "options: [seed]", "options: want a mapping"),
        ("tolerance: {loss: 0.1}", "tolerance: 0.1", "tolerance: want a mapping, found 0.1"),
        ("large: {steps: 5}", "large: {rate: 5}", "budgets: large: steps: want a whole number from 1, found None"),
        ("large: {steps: 5}", "large: {steps: 0}", "budgets: large: steps: want a whole number from 1, found 0"),
        ("large: {steps: 5}", "large: {steps: true}", "budgets: large: steps: want a whole number from 1, found True"),
        ("large: {steps: 5}", "large: many", "budgets: large: steps: want a whole number"),
        ("tolerance:", "tolerances:", "no key is called 'tolerances'; did you mean tolerance"),
    ],
)
def test_a_wrong_recipe_is_refused_with_file_key_and_value(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(BenchError, match=rf"thing\.yaml: {said}"):
        recipe(tmp_path, GOOD.replace(old, new))


def test_budgets_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"the key 'budgets' is missing; docs/training\.md"):
        recipe(tmp_path, "description: x\ntrainer: y\n")
    with pytest.raises(BenchError, match="budgets: want a mapping"):
        recipe(tmp_path, "description: x\ntrainer: y\nbudgets: 3\n")


def test_an_unknown_recipe_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="no recipe is called 'mini-codecs'; did you mean mini-codec"):
        load_recipe("mini-codecs")


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_builds_its_trainer_under_every_budget(name: str, tmp_path: Path) -> None:
    shipped = load_recipe(name)
    is_mini = shipped.options.get("size", "mini") == "mini"
    assert set(shipped.budgets) >= ({"two-cores", "gpu"} if is_mini else {"gpu-80gb", "gpu-24gb"})
    needs = {option: str(tmp_path / f"{need}.safetensors") for option, need in shipped.needs.items()}
    for budget in shipped.budgets:
        options = shipped.with_budget(budget)
        trainer = plugins.load("trainers", shipped.trainer, folder=tmp_path, data=tmp_path, **options, **needs)
        assert all(callable(getattr(trainer, word)) for word in ("prepare", "step", "validate", "state", "restore"))


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_needs_recipes_and_says_how_far_scores_may_differ(name: str) -> None:
    shipped = load_recipe(name)
    assert set(shipped.needs.values()) <= set(recipe_names()) - {name}
    # The full sizes have not been trained: how far two trainings may differ is not known.
    assert bool(shipped.tolerance) == (shipped.options.get("size", "mini") == "mini")
    assert all(math.isfinite(value) and value > 0 for value in shipped.tolerance.values())
    assert shipped.description.endswith(".") and listing("recipes")["recipes"][name] == shipped.description
    assert shipped.options["seed"] == 1


def test_recipes_do_not_depend_on_each_other_in_a_circle() -> None:
    def depth(name: str, above: tuple[str, ...] = ()) -> int:
        assert name not in above
        return 1 + max((depth(need, (*above, name)) for need in load_recipe(name).needs.values()), default=0)

    assert max(map(depth, recipe_names())) == 3
