"""The tables of docs/full_size.md are those that the benchmark prints, and its batches those of the recipes."""

import runpy

import pytest

from bench.air.decoder import MUSICGEN
from bench.paths import PACKAGE
from bench.training.recipe import load_recipe

ROOT = PACKAGE.parent
TEXT = (ROOT / "docs" / "full_size.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def benchmark():
    return runpy.run_path(str(ROOT / "benchmarks" / "full_size.py"))


def test_the_page_holds_both_tables_as_they_are_printed(benchmark):
    for table in (benchmark["generation"](), benchmark["training"]()):
        assert "\n".join(table) in TEXT


@pytest.mark.parametrize("size", MUSICGEN)
def test_batches_and_prompts_are_those_of_the_recipes(benchmark, size):
    for control in ("drums", "chords", "piano"):
        recipe = load_recipe(f"air-{size}-{control}")
        found = tuple(recipe.budgets[name]["batch"] for name in ("gpu-80gb", "gpu-24gb"))
        assert found == benchmark["BATCHES"][size] and recipe.options["m"] == benchmark["M"]
        assert {budget["steps"] for budget in recipe.budgets.values()} == {benchmark["STEPS"]}


def test_a_step_reads_the_weights_that_multiply_and_half_way_through_the_cache(benchmark):
    config = MUSICGEN["large"]
    one, eight = (benchmark["read_a_step"](config, batch) for batch in (1, 8))
    a_request = 2 * 48 * 2 * (1125 + 100) * 2048
    assert eight - one == 7 * a_request
    assert one - a_request == 2 * (48 * (4 * 2048**2 + 2 * 2048 * 8192) + 4 * 2048 * 2048)


def test_the_page_names_only_commands_and_folders_that_there_are():
    from bench import plugins

    for name, weights in plugins.weights().items():
        if name.startswith("musicgen-"):
            assert f"bench setup {name}" in TEXT
            assert all(f"{weights.size_gb:.2f} GB" in TEXT for _ in weights.files)
    assert {"air-large", "air-small", "air-medium"} <= set(plugins.names("models"))
