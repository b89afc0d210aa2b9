"""The trainer of adapters on a published backbone: from a data set's train split to a working weight file."""

import csv

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import bench.training.recipe
import bench.training.train
from bench import plugins
from bench.air import sizes
from bench.air.sizes import codec_of, decoder_of
from bench.air.weights import read_adapter
from bench.cli.app import app
from bench.errors import BenchError, UnknownName
from bench.formats import read_yaml
from bench.pipeline.run import run
from bench.pipeline.source import source_of
from bench.runtime.executor import Serial
from bench.runtime.layout import Layout, Setting
from bench.runtime.weights import VARIABLE, sha256_of
from bench.scores import read_rows
from bench.task import load_task
from bench.trainers import adapter as plug
from bench.training import loop, streams
from bench.training.recipe import load_recipe, recipe_names
from tests.air.tiny_musicgen import write_musicgen
from tests.tiny_dataset import NAME, TinySet, register

FULL = [f"air-{size}-{control}" for size in ("small", "medium", "large") for control in ("drums", "chords", "piano")]
STEPS, FRAMES = 24, 100


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return a folder with a tiny MusicGen whose attention and heads are large enough for an adapter to matter."""
    folder = write_musicgen(tmp_path_factory.mktemp("weights"))
    state = load_file(folder / "model.safetensors")
    for name, value in state.items():
        if name.startswith("decoder.") and ("lm_heads" in name or ".self_attn." in name) and name.endswith("weight"):
            state[name] = value * (5 if "norm" not in name else 1)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder.parent


@pytest.fixture
def dataset(weights, tmp_path, monkeypatch):
    """Register a tiny data set and a recipe like those of the full sizes, with a few short steps."""
    monkeypatch.setenv(VARIABLE, str(weights))
    streams._plug.cache_clear()
    options = load_recipe("air-small-drums").options | {"m": 4, "rate": 0.05, "stretch_s": 3.0, "warm_up": 2}
    options |= {"frames": FRAMES, "long_frames": FRAMES}
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "air-small-drums.yaml").write_text(
        f"description: Tiny.\ntrainer: adapter\noptions: {options}\n"
        f"budgets:\n  gpu: {{steps: {STEPS}, batch: 2, long_batch: 2}}\n".replace("'", "")
    )
    for module in (bench.training.recipe, bench.training.train):
        monkeypatch.setattr(module, "home", lambda name: tmp_path / name)
    yield register(monkeypatch, TinySet())
    streams._plug.cache_clear()


def trainer_of(tmp_path, **options):
    usual = {
        "kind": "prompts",
        "m": 4,
        "frames": FRAMES,
        "long_frames": FRAMES,
        "batch": 2,
        "long_batch": 2,
        "steps": 40,
    }
    sources = {"size": "small", "dataset": NAME, "train": f"{NAME}-train", "validation": f"{NAME}-validation"}
    made = plug.build(tmp_path, tmp_path / "data", **usual | sources | {"stretch_s": 3.0, "masks": "scatter"} | options)
    made.prepare(Serial())
    return made


def test_the_documented_command_trains_an_adapter_that_the_model_uses(dataset, weights, tmp_path, monkeypatch):
    out = tmp_path / "out"
    said = CliRunner().invoke(
        app, ["train", "air-small-drums", "--dataset", NAME, "--out", str(out), "--device", "cpu"]
    )
    assert said.exit_code == 0 and "weights and card in" in said.stdout, said.output
    path = out / "air-small-drums" / "air-small-drums.safetensors"
    frozen, identity = decoder_of("small")
    adaptation, tensors = read_adapter(path, frozen.config)
    assert tensors["adaptor"].shape == (1, 4, 4, 32) and adaptation.gates.abs().max() > 0
    card = read_yaml(path.with_suffix(".yaml"))
    songs = f"{NAME}-train {dataset.select(f'{NAME}-train').sha256[:12]}"
    assert card["needs"] == {"decoder": identity, "codec": codec_of("small")[1], "songs": songs}
    assert (card["training_data"], card["budget"], card["steps"]) == (f"{NAME}-train", "gpu", STEPS)
    assert card["sha256"] == sha256_of(path) and "CC BY-NC 4.0" in card["licence"] and NAME in card["licence"]
    mine = tmp_path / "mine"
    (mine / "air").mkdir(parents=True)
    (mine / "musicgen-small").symlink_to(weights / "musicgen-small")
    (mine / "air" / path.name).symlink_to(path)
    monkeypatch.setenv(VARIABLE, str(mine))
    task = load_task("inpaint-drums")
    setting = Setting(Layout(tmp_path / "run"), Serial(), {}, limit=1)
    results = run(task, source_of(NAME, None, None, task), ["air-small"], setting)
    record = read_yaml(results / "air-small.run.yaml")
    assert not record["failures"] and record["trainable_parameters"] == 4 * (4 * 32 + 1)
    assert record["made_by"].startswith(f"air-small-drums {card['sha256'][:12]} on {identity}, ")
    assert "drum-onset-f1" in {row.metric for row in read_rows(results / "air-small.csv")}


def test_training_lowers_the_loss_on_songs_it_has_not_seen(dataset, tmp_path):
    trainer = trainer_of(tmp_path, rate=0.05, warm_up=2, silent=0.0, hidden=0.0)
    before = trainer.validate()["loss"]
    losses = [trainer.step(k)["loss"] for k in range(40)]
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.05
    assert trainer.validate()["loss"] < before - 0.05


def test_the_frozen_backbone_stays_and_gates_of_0_are_the_frozen_model(dataset, tmp_path):
    decoder = decoder_of("small")[0]
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    trainer = trainer_of(tmp_path)
    assert trainer._decoder is decoder
    trainer.step(0)
    assert all(torch.equal(value, before[name]) for name, value in decoder.state_dict().items())
    assert {name for name, _ in trainer._adapter.named_parameters()} == {"adaptor", "gates"}


def test_initial_values_depend_on_the_seed_and_not_on_files_read_before(dataset, tmp_path):
    first = trainer_of(tmp_path)._adapter.adaptor
    for kept in (sizes._musicgen, sizes._encodec):
        kept.cache_clear()
    torch.manual_seed(99)
    assert torch.equal(trainer_of(tmp_path)._adapter.adaptor, first)
    assert not torch.equal(trainer_of(tmp_path, seed=2)._adapter.adaptor, first)


def test_initial_values_do_not_depend_on_whether_songs_were_prepared_before(dataset, tmp_path):
    first, again = (trainer_of(tmp_path, separator="sep-mini")._adapter.adaptor for _ in range(2))
    assert torch.equal(first, again)


def test_low_rank_trains_a_copy_of_the_backbone(dataset, tmp_path):
    pytest.importorskip("peft")
    decoder = decoder_of("small")[0]
    trainer = trainer_of(tmp_path, kind="lora", rank=2)
    assert np.isfinite(trainer.step(0)["loss"])
    assert trainer._decoder is not decoder and not any("lora" in name for name, _ in decoder.named_parameters())


def test_tokens_are_those_of_the_codec_from_where_each_excerpt_starts(dataset, tmp_path):
    trainer = trainer_of(tmp_path)
    assert trainer._examples.songs.tracks == tuple(f"train-{k}-{50 * (1 + k)}" for k in range(4))
    codec, excerpt = codec_of("small")[0], dataset.select(f"{NAME}-train").excerpts[2]
    sound = trainer._examples.sounds.whole("train-2-150", "drums")
    expected = codec.encode([sound])[0].numpy()
    assert np.array_equal(trainer._examples.songs.crop("train-2-150", "drums", 0, 150), expected)
    known = dataset.read(excerpt, "drums").resampled(32000).mono[: 3 * 32000]
    assert np.abs(sound - known)[:-320].max() < 1e-3


def test_only_missing_files_are_made(dataset, tmp_path):
    trainer_of(tmp_path)
    files = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*.*")}
    assert {path.suffix for path in files} == {".npy", ".safetensors", ".yaml"}
    gone = [next(path for path in files if path.suffix == suffix) for suffix in (".npy", ".safetensors")]
    for path in gone:
        path.unlink()
    changed = {path: path.stat().st_mtime_ns for path in files if path not in gone}
    dataset.read_parts.clear()
    trainer_of(tmp_path)
    assert len(dataset.read_parts) == 1
    assert all(path.read_bytes() == content for path, content in files.items())
    assert all(path.stat().st_mtime_ns == when for path, when in changed.items())


def test_drums_are_separated_if_there_is_no_stem_or_if_asked(dataset, tmp_path, monkeypatch):
    real = plugins.load
    heard = []
    monkeypatch.setattr(plugins, "load", lambda kind, name, **o: heard.append(name) or real(kind, name, **o))
    with_stems = trainer_of(tmp_path)
    assert "sep-mini" not in heard and "hpss" not in heard
    separated = trainer_of(tmp_path, separator="hpss")
    assert "hpss" in heard
    track = separated._examples.songs.tracks[0]
    assert not np.array_equal(
        separated._examples.sounds.whole(track, "drums"), with_stems._examples.sounds.whole(track, "drums")
    )
    assert not np.array_equal(
        separated._examples.songs.parts[track, "drums"], with_stems._examples.songs.parts[track, "drums"]
    )


def test_missing_chords_and_notes_are_extracted_from_the_mix(dataset, tmp_path):
    dataset.without |= {"chords", "beats"}
    trainer = trainer_of(tmp_path, controls=("chords", "piano"))
    for part in ("chords", "piano"):
        assert trainer._examples.sounds.whole(trainer._examples.sounds.tracks[0], part).any()


def test_an_interrupted_training_ends_in_the_same_bytes(dataset, tmp_path, monkeypatch):
    import time
    from types import SimpleNamespace

    whole = bench.training.train.train("air-small-drums", None, tmp_path / "a", dataset=NAME, device="cpu")
    clock = iter(range(10**6))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(clock), process_time=time.process_time))
    parts = []
    while not parts or not parts[-1].is_done:
        parts.append(
            bench.training.train.train("air-small-drums", None, tmp_path / "b", dataset=NAME, device="cpu", seconds=10)
        )
    assert len(parts) > 1 and sha256_of(parts[-1].path) == sha256_of(whole.path)
    with (whole.path.parent / "curve.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == [str(STEPS)]


def test_another_data_set_in_the_same_folder_and_one_without_splits_are_refused(dataset, tmp_path):
    bench.training.train.train("air-small-drums", None, tmp_path, dataset=NAME, device="cpu", seconds=0)
    (tmp_path / "air-small-drums" / "checkpoint.pt").touch()
    with pytest.raises(BenchError, match=rf"holds a training on {NAME}; give another --out"):
        bench.training.train.train("air-small-drums", None, tmp_path, dataset="synthetic", device="cpu")
    with pytest.raises(
        UnknownName, match="no manifest of synthetic is called 'synthetic-train'; did you mean synthetic-train-100"
    ):
        bench.training.train.train("air-small-drums", None, tmp_path / "other", dataset="synthetic", device="cpu")


def test_an_excerpt_that_is_too_short_is_named(dataset, tmp_path):
    with pytest.raises(
        BenchError, match=r"train-0: tiny-set gives 23\.00 s of mix from 1 s on, want 40 s; take shorter"
    ):
        trainer_of(tmp_path, stretch_s=40.0)


def test_a_training_that_does_not_fit_a_gpu_is_refused_before_anything_is_read(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.air.memory.free_bytes", lambda device: 10**7)
    monkeypatch.setattr("bench.air.backbone.decoder_of", lambda *a: pytest.fail("read"))
    trainer = plug.build(tmp_path, tmp_path, size="small", dataset=NAME, batch=7, device="cuda")
    with pytest.raises(
        BenchError,
        match=r"training on musicgen-small needs about 3\.\d GB on cuda at batch 7 of 5 s .*, 0\.0 GB are free: take a smaller batch",
    ):
        trainer.prepare(Serial())


@pytest.mark.parametrize("name", FULL)
def test_every_full_size_recipe_has_the_papers_setting_and_fits_its_trainer(name, tmp_path):
    assert name in recipe_names()
    recipe = load_recipe(name)
    _, size, control = name.split("-")
    assert recipe.options["size"] == size and recipe.options["controls"] == [control]
    assert (recipe.options["kind"], recipe.options["masks"], recipe.options["m"]) == ("prompts", "scatter", 50)
    assert not recipe.needs and set(recipe.budgets) == {"gpu-80gb", "gpu-24gb"}
    for budget in recipe.budgets:
        trainer = plug.build(tmp_path, tmp_path, **recipe.with_budget(budget))
        assert trainer._sources["train"] == "slakh2100-train" and trainer._sizes["clip"] == 0.1
    assert recipe.on("moisesdb").with_budget("gpu-24gb")["validation"] == "moisesdb-validation"
    assert recipe.on("slakh2100") is recipe is recipe.on(None)
