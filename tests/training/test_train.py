"""`train` on recipes of a few steps: every trainer end to end, interrupted and resumed trainings, and errors."""

import csv
import json
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import bench.training.recipe
import bench.training.train
from bench.air.weights import read_adapter, read_decoder
from bench.cli.app import app
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.formats import read_yaml
from bench.mini import separator
from bench.mini.codec import Codec
from bench.mini.tokens import Tokeniser
from bench.runtime.tensors import read_tensors, write_tensors
from bench.runtime.weights import VARIABLE, sha256_of
from bench.trainers import mini_tokens
from bench.training import loop
from bench.training.train import train
from tests.tiny_songs import use_songs, write_songs

SONGS = "train: synthetic-train-2, validation: synthetic-validation-1, seed: 1"
ADAPTER = f"m: 2, rank: 2, frames: 100, batch: 1, long_frames: 120, long_batch: 1, {SONGS}"
RECIPES = {
    "tiny-tokens": ("mini-tokens", "", SONGS, "explained_3"),
    "tiny-codec": ("mini-codec", "tokens: tiny-tokens", f"width: 8, depth: 1, batch: 1, crop_s: 0.6, {SONGS}", "loss"),
    "tiny-language": ("mini-language", "tokens: tiny-tokens", f"width: 16, depth: 1, heads: 2, frames: 150, batch: 1, long_frames: 160, long_batch: 1, {SONGS}", "loss"),
    "tiny-separator": ("mini-separator", "", f"width: 8, depth: 1, batch: 1, crop_s: 0.5, {SONGS}", "sdr"),
    **{
        f"tiny-{kind}": ("adapter", "tokens: tiny-tokens, language: tiny-language", f"kind: {kind}, controls: [drums], {ADAPTER}", "gap")
        for kind in ("prompts", "aligned", "prefix", "lora")
    },
}  # fmt: skip
KEYS = {
    "name", "description", "sha256", "bytes", "parameters", "recipe_sha256", "budget", "steps", "processor_seconds",
    "hardware", "needs", "training_data", "validation", "tolerance", "commit", "bench", "licence",
}  # fmt: skip
STEPS = 4


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def trained(tmp_path_factory, patch):
    """Train every recipe in one go; return `out`."""
    folder = tmp_path_factory.mktemp("train")
    (folder / "recipes").mkdir()
    for name, (trainer, needs, options, score) in RECIPES.items():
        (folder / "recipes" / f"{name}.yaml").write_text(
            f"description: A tiny {name}.\ntrainer: {trainer}\nneeds: {{{needs}}}\noptions: {{{options}}}\n"
            f"budgets:\n  two-cores: {{steps: {STEPS}}}\n  gpu: {{steps: 9}}\ntolerance: {{{score}: 0.1}}\n"
        )
    for module in (bench.training.recipe, bench.training.train):
        patch.setattr(module, "home", lambda name: folder / name)
    patch.setenv(VARIABLE, str(folder / "no-weights"))
    patch.setattr(mini_tokens, "_TRACK_S", 8.0)
    patch.setattr(
        mini_tokens, "_kmeans", lambda rows, seed: rows[np.random.default_rng(seed).permutation(len(rows))[:512]]
    )
    use_songs(patch)
    out = folder / "out"
    write_songs(out / "data")
    for name in RECIPES:
        made = train(name, "two-cores", out, device="cpu")
        assert made.is_done and (made.step, made.steps) == (STEPS, STEPS)
    return out


def config_of(config):
    return {"config": json.dumps(asdict(config))}


def curve(folder):
    with (folder / "curve.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_leaves_weights_card_curve_and_checkpoint(trained, name):
    folder = trained / name
    expected = {f"{name}.safetensors", f"{name}.yaml", "curve.csv", "checkpoint.pt", "budget.txt", "commit.txt"}
    assert {path.name for path in folder.iterdir()} == expected


@pytest.mark.parametrize("name", RECIPES)
def test_the_card_has_every_key_with_the_right_value(trained, name):
    path = trained / name / f"{name}.safetensors"
    card = read_yaml(path.with_suffix(".yaml"), allowed=KEYS)
    assert set(card) == KEYS and list(card)[0] == "name"
    tensors = read_tensors(path)
    assert card["sha256"] == sha256_of(path) and card["bytes"] == path.stat().st_size
    assert card["parameters"] == sum(value.size for value in tensors.values())
    assert (card["name"], card["budget"], card["steps"]) == (name, "two-cores", STEPS)
    assert card["recipe_sha256"] == sha256_of(trained.parent / "recipes" / f"{name}.yaml")
    needs = read_yaml(trained.parent / "recipes" / f"{name}.yaml")["needs"].values()
    assert card["needs"] == {need: sha256_of(trained / need / f"{need}.safetensors") for need in needs}
    score = RECIPES[name][3]
    assert card["tolerance"] == {score: 0.1} and np.isfinite(card["validation"][score])
    assert card["training_data"] == "synthetic-train-2" and card["hardware"].startswith("cpu, ")
    assert "MIT" in card["licence"] and card["processor_seconds"] >= 0


@pytest.mark.parametrize("name", RECIPES)
def test_the_weight_files_are_read_by_their_users(trained, name):
    path = trained / name / f"{name}.safetensors"
    if name == "tiny-tokens":
        assert Tokeniser.of(read_tensors(path)).encode(np.zeros(6400, dtype=np.float32)).shape == (4, 10)
    elif name == "tiny-codec":
        codec = Codec(path)
        books = Tokeniser.of(read_tensors(trained / "tiny-tokens" / "tiny-tokens.safetensors")).centroids
        assert all(np.array_equal(a, b) for a, b in zip(codec.tokeniser.centroids, books, strict=True))
        assert codec.decode(codec.encode([np.zeros(6400, dtype=np.float32)]))[0].shape == (6400,)
    elif name == "tiny-language":
        assert read_decoder(path).config.is_mini
    elif name == "tiny-separator":
        assert separator.of(read_tensors(path))(torch.zeros(1, 4096)).shape == (1, 4096)
    else:
        decoder = read_decoder(trained / "tiny-language" / "tiny-language.safetensors")
        adaptation, _ = read_adapter(path, decoder.config)
        assert (adaptation is None) == (name == "tiny-lora")


@pytest.mark.parametrize("name", ["tiny-codec", "tiny-language", "tiny-separator", "tiny-aligned", "tiny-lora"])
def test_a_training_in_three_parts_equals_an_uninterrupted_one(trained, name, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(trained / "data")
    for need in ("tiny-tokens", "tiny-language"):
        if need != name:
            (tmp_path / need).symlink_to(trained / need)
    clock = iter(range(10**6))
    ticking = SimpleNamespace(monotonic=lambda: next(clock), process_time=time.process_time)
    monkeypatch.setattr(loop, "time", ticking)
    parts = []
    while not parts or not parts[-1].is_done:
        parts.append(train(name, "two-cores", tmp_path, device="cpu", seconds=3))
        assert parts[-1].is_done == parts[-1].path.is_file()
    assert [part.step for part in parts] == [2, 4]
    assert sha256_of(parts[-1].path) == sha256_of(trained / name / f"{name}.safetensors")
    assert curve(tmp_path / name) == curve(trained / name)
    cards = [read_yaml(folder / name / f"{name}.yaml") for folder in (tmp_path, trained)]
    assert [{**card, "processor_seconds": 0} for card in cards][0] == {**cards[1], "processor_seconds": 0}


def test_training_again_makes_the_same_file_without_a_step(trained, monkeypatch):
    path = trained / "tiny-prefix" / "tiny-prefix.safetensors"
    before = path.read_bytes()
    path.unlink()
    monkeypatch.setattr("bench.training.loop.Learner.learn", lambda *_: pytest.fail("stepped"))
    assert train("tiny-prefix", "two-cores", trained, device="cpu").is_done and path.read_bytes() == before


def test_another_budget_is_refused_in_the_same_folder(trained):
    with pytest.raises(
        BenchError, match=r"tiny-prompts: holds a training with the budget two-cores; give another --out"
    ):
        train("tiny-prompts", "gpu", trained, device="cpu")
    assert read_yaml(trained / "tiny-prompts" / "tiny-prompts.yaml")["budget"] == "two-cores"


def test_a_changed_recipe_is_refused_in_the_same_folder(trained):
    path = trained.parent / "recipes" / "tiny-prefix.yaml"
    before = path.read_text()
    path.write_text(before.replace("m: 2", "m: 3"))
    with pytest.raises(BenchError, match=r"tiny-prefix: holds a training by another tiny-prefix\.yaml; give another"):
        train("tiny-prefix", "two-cores", trained, device="cpu")
    path.write_text(before)


def test_a_checkpoint_of_another_budget_is_not_resumed(trained, tmp_path):
    folder = tmp_path / "tiny-codec"
    folder.mkdir()
    (folder / "budget.txt").write_text("gpu 123\n")
    (folder / "checkpoint.pt").write_bytes(b"")
    with pytest.raises(BenchError, match="holds a training with the budget gpu"):
        train("tiny-codec", "two-cores", tmp_path, device="cpu")


def test_a_training_that_never_began_claims_nothing(trained, tmp_path):
    for dataset in ("one", "other"):
        with pytest.raises(MissingComponent, match="tiny-tokens"):
            train("tiny-prompts", "two-cores", tmp_path, dataset=dataset, device="cpu")
    assert (tmp_path / "tiny-prompts" / "budget.txt").read_text().endswith(" other\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("m: 2", "m: two", r"recipes/tiny-prefix\.yaml: m: found 'two', want something like 10"),
        ("seed: 1", "seed: -1", "seed: found -1, want something like 1"),
        ("controls: [drums]", "controls: drums", r"controls: found 'drums', want something like \('drums',\)"),
        ("controls: [drums]", "controls: [drum]", "no control is called 'drum'; did you mean drums"),
        (", language: tiny-language", "", "needs: tokens or language is missing"),
        ("batch: 1", "batch: 0", "long_batch: found 0, want 1 or more"),
        ("frames: 100", "frames: 5000", "train-000.: .* frames of 20 ms, the recipe asks for 5000; take shorter"),
    ],
)
def test_a_recipe_that_does_not_fit_its_trainer_says_why(trained, tmp_path, old, new, said):
    path = trained.parent / "recipes" / "tiny-prefix.yaml"
    before = path.read_text()
    for name in ("data", "tiny-tokens", "tiny-language"):
        (tmp_path / name).symlink_to(trained / name)
    path.write_text(before.replace(old, new, 1))
    try:
        with pytest.raises(BenchError, match=said):
            train("tiny-prefix", None, tmp_path, device="cpu")
    finally:
        path.write_text(before)


def test_unknown_names_are_refused_with_the_nearest(trained, tmp_path):
    with pytest.raises(UnknownName, match="no recipe is called 'tiny-promts'; did you mean tiny-prompts"):
        train("tiny-promts", "two-cores", tmp_path)
    with pytest.raises(UnknownName, match="no budget of tiny-lora is called 'two-core'; did you mean two-cores"):
        train("tiny-lora", "two-core", tmp_path)
    assert not list(tmp_path.iterdir())


def test_needed_files_are_taken_from_out_else_from_the_shipped_ones(trained, tmp_path, monkeypatch):
    with pytest.raises(
        MissingComponent,
        match=r"tiny-tokens\.safetensors: missing; .*tiny-language needs it; make it with `bench train tiny-tokens`",
    ):
        train("tiny-language", "two-cores", tmp_path, device="cpu")
    trained_file = trained / "tiny-tokens" / "tiny-tokens.safetensors"
    assert bench.training.train._needed("tiny-tokens", trained, "tiny-language") == trained_file
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / "tiny-tokens.safetensors").symlink_to(trained_file)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert (
        bench.training.train._needed("tiny-tokens", tmp_path, "tiny-language")
        == tmp_path / "mini" / "tiny-tokens.safetensors"
    )


def test_files_that_do_not_belong_together_are_refused(trained, tmp_path):
    for name in ("tiny-tokens", "tiny-language"):
        shutil.copytree(trained / name, tmp_path / name)
    tokens = tmp_path / "tiny-tokens" / "tiny-tokens.safetensors"
    write_tensors(tokens, {name: value + 1 for name, value in read_tensors(tokens).items()}, {})
    with pytest.raises(
        BenchError, match=r"tiny-language.safetensors: was trained on another tiny-tokens than .*; train it"
    ):
        train("tiny-prompts", None, tmp_path, device="cpu")


def test_a_checkpoint_on_another_weight_file_is_refused_done_or_not(trained, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(trained / "data")
    for name in ("tiny-tokens", "tiny-language"):
        shutil.copytree(trained / name, tmp_path / name)
    clock = iter(range(10**6))
    ticking = SimpleNamespace(monotonic=lambda: next(clock), process_time=time.process_time)
    path = tmp_path / "tiny-language" / "tiny-language.safetensors"
    before, about = read_tensors(path), read_decoder(path).config
    for seconds in (3, float("inf")):
        with monkeypatch.context() as patch:
            patch.setattr(loop, "time", ticking)
            made = train("tiny-prompts", None, tmp_path, device="cpu", seconds=seconds)
        write_tensors(path, {name: 2 * value for name, value in before.items()}, config_of(about))
        with pytest.raises(
            BenchError, match=r"tiny-prompts/checkpoint\.pt: was trained on another tiny-language than is present; put"
        ):
            train("tiny-prompts", None, tmp_path, device="cpu")
        write_tensors(path, before, config_of(about))
    assert made.is_done


def test_unknown_and_missing_devices_are_named(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BenchError, match="no device is called 'gpu'"):
        train("tiny-codec", "two-cores", tmp_path, device="gpu")
    with pytest.raises(BenchError, match="--device cuda: torch finds no CUDA device here; leave it at auto"):
        train("tiny-codec", "two-cores", tmp_path, device="cuda")


def test_another_seed_makes_another_file_of_its_own_name(trained):
    again, other = (train("tiny-prompts", None, trained, device="cpu", seed=seed) for seed in (1, 2))
    assert (again.recipe, other.recipe) == ("tiny-prompts-seed1", "tiny-prompts-seed2")
    card = read_yaml(trained / "tiny-prompts-seed2" / "tiny-prompts-seed2.yaml")
    assert set(card) == KEYS | {"seed"} and (card["name"], card["seed"]) == ("tiny-prompts-seed2", 2)
    shas = [sha256_of(made.path) for made in (again, other)]
    own = sha256_of(trained / "tiny-prompts" / "tiny-prompts.safetensors")
    assert shas[0] == own and shas[1] != own


def test_the_command_prints_what_it_made(trained):
    arguments = ["train", "tiny-prompts", "--out", str(trained), "--device", "cpu"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 0, said.output
    assert "tiny-prompts (two-cores): step 4 of 4, validation loss" in said.output
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert shown["is_done"] and shown["recipe"] == "tiny-prompts" and Path(shown["path"]).is_file()


def test_the_command_ends_with_one_line_for_a_users_mistake(trained, tmp_path):
    said = CliRunner().invoke(app, ["train", "tiny-code", "--out", str(tmp_path)])
    assert said.exit_code == 2 and "did you mean tiny-codec" in said.output and "Traceback" not in said.output
    said = CliRunner().invoke(app, ["train", "tiny-lora", "--budget", "gpus", "--out", str(tmp_path)])
    assert said.exit_code == 2 and "did you mean gpu" in said.output
    for minutes in ("-1", "nan"):
        said = CliRunner().invoke(app, ["train", "tiny-codec", "--minutes", minutes, "--out", str(tmp_path)])
        assert said.exit_code == 2 and f"--minutes {minutes}: want 0 or more" in said.output
    assert not list(tmp_path.iterdir())


def test_the_card_names_the_commit_at_the_start_of_training(trained, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(trained / "data")
    (tmp_path / "tiny-tokens").symlink_to(trained / "tiny-tokens")
    commits = iter(["first", "second", "third"])
    monkeypatch.setattr(bench.training.train, "commit", lambda: next(commits))
    clock = iter(range(10**6))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(clock), process_time=time.process_time))
    while not train("tiny-codec", "two-cores", tmp_path, device="cpu", seconds=2).is_done:
        pass
    assert read_yaml(tmp_path / "tiny-codec" / "tiny-codec.yaml")["commit"] == "first"


def test_the_card_names_the_trainers_default_songs():
    recipe = bench.training.recipe.Recipe("mine", "Mine.", "adapter", {}, {}, {"two-cores": {"steps": 1}}, {})
    assert bench.training.train._trained_on(recipe, "two-cores") == "synthetic-train-320"
    asked = replace(recipe, options={"train": "synthetic-train-7"})
    assert bench.training.train._trained_on(asked, "two-cores") == "synthetic-train-7"
