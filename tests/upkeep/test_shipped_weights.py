"""The shipped weight files: their size, their cards, and that each card is of this file and its recipe."""

import hashlib
from pathlib import Path

import pytest

from bench.formats import read_yaml
from bench.paths import PACKAGE, home
from bench.runtime.tensors import read_about, read_tensors
from bench.runtime.weights import sha256_of
from bench.training.recipe import load_recipe, recipe_names

FILES = sorted(home("weights").glob("*.safetensors"))
PUBLISHED = [path for path in FILES if path.stem not in recipe_names()]
TRAINED = [path for path in FILES if path not in PUBLISHED]
NOTICES = {
    "musicnn": (
        "ISC",
        "Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019",
        "provided that the above copyright notice and this permission notice appear in all",
    ),
    "basic-pitch": (
        "Apache-2.0",
        "Copyright 2022 Spotify AB",
        "4. Redistribution. You may reproduce and distribute copies of the",
        "END OF TERMS AND CONDITIONS",
    ),
}
"""Licence of published weights, and passages of the notice that must go with them."""
ONE_FILE, ALL_FILES = 16 * 2**20, 40 * 2**20


def test_the_folder_has_weights_and_cards_and_nothing_else() -> None:
    assert {path.stem for path in FILES} >= {"mini-tokens", "mini-codec", "mini-language", "sep-mini"}
    assert {path.suffix for path in home("weights").iterdir()} == {".safetensors", ".yaml"}
    assert sum(path.stat().st_size for path in FILES) <= ALL_FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_card_matches_its_file(path: Path) -> None:
    card = read_yaml(path.with_suffix(".yaml"))
    assert path.stat().st_size <= ONE_FILE
    assert card["name"] == path.stem and 20 < len(card["description"]) <= 120
    assert card["sha256"] == sha256_of(path) and card["bytes"] == path.stat().st_size
    assert card["parameters"] == sum(value.size for value in read_tensors(path).values())
    assert card["licence"] and card["training_data"]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_weights_name_their_source_and_carry_their_notice(path: Path) -> None:
    """Weights that no recipe makes: who made them, from which file, and the licence under which they are passed on."""
    card = read_yaml(path.with_suffix(".yaml"))
    licence, *passages = NOTICES[path.stem]
    assert len(card["source_sha256"]) == 64 and card["source"] and card["citation"]
    assert (PACKAGE.parent / card["made_by"]).is_file()
    assert all(passage in card["notice"] for passage in passages)
    assert read_about(path)["licence"] == f"{licence}. {card['notice']}"


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_a_card_matches_its_recipe_and_its_base(path: Path) -> None:
    card, recipe = read_yaml(path.with_suffix(".yaml")), load_recipe(path.stem)
    assert card["description"] == recipe.description
    assert card["recipe_sha256"] == hashlib.sha256((home("recipes") / f"{path.stem}.yaml").read_bytes()).hexdigest()
    assert set(card["validation"]) >= set(card["tolerance"]) == set(recipe.tolerance)
    assert card["training_data"].startswith(("synthetic-train-", "varied-train-"))
    for name, sha256 in card["needs"].items():
        assert sha256 == sha256_of(home("weights") / f"{name}.safetensors"), name
