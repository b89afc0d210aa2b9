"""Requirements on every plug: a one-line description, a `build` with defaults, and the methods of its kind."""

import inspect
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.example import Example, Request, Truth, masked
from bench.manifest import Manifest
from bench.mask import Mask
from bench.symbols import Beats, Chords, Frames, Notes
from bench.training.recipe import load_recipe, recipe_names

ALL = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]
FOUND = {"drums": Audio, "onsets": Beats, "beats": Beats, "chords": Chords, "notes": Notes, "chroma": Frames}
RATE, MASK = 16000, Mask(((50, 150),), 200)


def loaded(kind: str, name: str, folder: Path) -> Any:
    """Build a plug with its defaults; where a package or file is missing, check that the error says how to get it, and skip."""
    options = {}
    if (kind, name) == ("datasets", "folder"):
        tone = 0.1 * np.sin(np.arange(20 * RATE) * 0.05)
        soundfile.write(folder / "song.wav", tone, RATE)
        options = {"path": str(folder)}
    if kind == "trainers":
        options = {"folder": folder, "data": folder}
    try:
        return plugins.load(kind, name, **options)
    except MissingComponent as error:
        remedies = ("bench setup", "bench train", "pip install", "put it there", "put it into $BENCH_DATA/")
        assert any(remedy in str(error) for remedy in remedies), error
        pytest.skip(str(error))


def ids(kind: str) -> list[str]:
    return plugins.names(kind)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_plug_has_a_one_line_description(kind: str, name: str) -> None:
    line = plugins.about(kind, name)
    assert 20 < len(line) <= 120 and line[0].isupper()
    assert name == name.lower() and "_" not in name


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_plug_has_one_build_whose_options_have_defaults(kind: str, name: str) -> None:
    build = plugins.builder(kind, name)
    build = getattr(build, "func", build)
    assert build.__doc__
    for option in inspect.signature(build).parameters.values():
        is_a_folder = (kind, name, option.name) == ("datasets", "folder", "path") or (
            kind == "trainers" and option.name in ("folder", "data")
        )
        assert is_a_folder or option.default is not inspect.Parameter.empty, option.name
        assert option.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_plug_refuses_an_unknown_option(kind: str, name: str) -> None:
    with pytest.raises(BenchError, match=f"{name} has no option no_such_option; it takes"):
        plugins.load(kind, name, no_such_option=1)


@pytest.mark.parametrize("name", plugins.names("models"))
def test_every_model_names_its_training_data(name: str, tmp_path: Path) -> None:
    training_data = getattr(loaded("models", name, tmp_path), "training_data", "none")
    is_trained = getattr(loaded("models", name, tmp_path), "parameters", 0) > 0
    assert training_data.strip() and (training_data != "none") == is_trained


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_plug_has_the_methods_of_its_kind(kind: str, name: str, tmp_path: Path) -> None:
    plug = loaded(kind, name, tmp_path)
    if name == "clap-score":
        plug = plugins.load(kind, name, embedding="logmel-stats")
    methods = {
        "datasets": ("select", "read"),
        "extractors": ("extract",),
        "renderers": ("render",),
        "models": ("edit",),
        "metrics": ("compare",) if hasattr(plug, "compare") else ("measure",),
        "trainers": ("prepare", "step", "validate", "state", "restore", "tensors"),
    }[kind]
    assert all(callable(getattr(plug, method)) for method in methods)
    if kind in ("extractors", "renderers", "metrics"):
        assert plug.identity and "\n" not in plug.identity and "0x" not in plug.identity
        assert name == "clap-score" or plug.identity == loaded(kind, name, tmp_path).identity


@pytest.mark.parametrize("name", ids("metrics"))
def test_columns_are_well_formed(name: str) -> None:
    plug = plugins.load("metrics", name)
    assert plug.columns and isinstance(plug.columns, tuple)
    for column in plug.columns:
        assert column.direction in ("higher", "lower", "zero") and column.region in ("hole", "context", "seam", "whole")
        assert isinstance(column.hears, tuple) and set(column.hears) <= set(FOUND)
        assert column.name.replace("-", "").replace("[", "").replace("]", "").isalnum() and column.name.islower()
        # A ranked column must give silence its worst value; a distance over the set has no value per output.
        if column.is_ranked and not hasattr(plug, "compare"):
            assert math.isfinite(column.worst) and column.direction in ("higher", "lower")
            assert column.is_shown


def test_no_two_metrics_share_a_column() -> None:
    columns = [column.name for name in ids("metrics") for column in plugins.load("metrics", name).columns]
    assert len(columns) == len(set(columns)) > 12


@pytest.mark.parametrize("name", ids("extractors"))
@pytest.mark.parametrize("sound", ["silence", "0.1 s"])
def test_extractors_accept_silence_and_a_tenth_of_a_second(name: str, sound: str, tmp_path: Path) -> None:
    extractor = loaded("extractors", name, tmp_path)
    n = 2 * RATE if sound == "silence" else RATE // 10
    samples = np.zeros(n) if sound == "silence" else 0.1 * np.sin(np.arange(n) * 0.2)
    found = extractor.extract(Audio(samples, RATE))
    assert isinstance(found, FOUND.get(extractor.kind, Frames))
    if isinstance(found, Audio):
        assert (found.samples.shape, found.sample_rate) == ((1, n), RATE)
    if isinstance(found, Notes):
        assert sound != "silence" or not len(found)
    if isinstance(found, Beats):
        assert sound != "silence" or not len(found.times_s)
    if isinstance(found, Chords):
        assert sound != "silence" or set(found.labels) <= {"N"}


def example(name: str, mask: Mask = MASK) -> Example:
    rng = np.random.default_rng(len(name))
    reference = Audio(rng.normal(0, 0.1, 4 * RATE), RATE)
    return Example(Request(name, "t", 1, masked(reference, mask), mask, seed=3), reference, Truth())


@pytest.mark.parametrize("name", ids("models"))
def test_models_return_the_shape_and_rate_of_a_small_request(name: str, tmp_path: Path) -> None:
    model = loaded("models", name, tmp_path)
    examples = [example("a"), example("bb")]
    is_probe = getattr(model, "is_probe", False)
    try:
        outputs = model.edit(examples if is_probe else [one.request for one in examples])
    except MissingComponent as error:  # a system may have no adapter for these controls
        assert "bench train" in str(error) or "train a recipe" in str(error)
        pytest.skip(str(error))
    assert len(outputs) == 2
    for output in outputs:
        assert (output.samples.shape, output.sample_rate) == ((1, 4 * RATE), RATE)
        assert output.samples.dtype == np.float32 and np.isfinite(output.samples).all()
    assert is_probe or model.batch_size >= 1


@pytest.mark.parametrize("name", [name for name in ids("models") if name.endswith(("-small", "-medium", "-large"))])
def test_a_size_without_its_weights_says_where_to_put_them_and_which_systems_run_without(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(
        MissingComponent, match=r"put it there.*; (a model of the mini size|[a-z-]+-mini) can run without it"
    ):
        plugins.load("models", name)


@pytest.mark.parametrize("name", ids("trainers"))
def test_trainers_take_the_options_of_their_recipes(name: str, tmp_path: Path) -> None:
    options = set(inspect.signature(plugins.builder("trainers", name)).parameters)
    assert {"folder", "data", "train", "validation", "steps", "seed", "device"} <= options
    recipes = [load_recipe(one) for one in recipes_of(name)]
    assert recipes
    for recipe in recipes:
        assert set(recipe.options).union(*recipe.budgets.values()) <= options, recipe.name
    plugins.load("trainers", name, folder=tmp_path, data=tmp_path)
    assert not list(tmp_path.iterdir()), "building a trainer makes nothing"


def recipes_of(trainer: str) -> list[str]:
    return [name for name in recipe_names() if load_recipe(name).trainer == trainer]


@pytest.mark.parametrize("name", ids("renderers"))
def test_renderers_return_silence_without_notes_and_the_exact_length(name: str, tmp_path: Path) -> None:
    renderer = loaded("renderers", name, tmp_path)
    nothing = renderer.render(Notes(np.zeros((0, 2)), [], []), 1.23, RATE)
    assert nothing.samples.shape == (1, round(1.23 * RATE)) and not nothing.samples.any()
    one = renderer.render(Notes(np.array([[0.2, 5.0]]), [60], [90]), 1.0, RATE)
    assert one.samples.shape == (1, RATE) and np.isfinite(one.samples).all()
    assert np.abs(one.mono[round(0.3 * RATE) :]).max() > 1e-3 > np.abs(one.mono[: round(0.15 * RATE)]).max()


@pytest.mark.parametrize("name", ids("datasets"))
def test_datasets_read_the_excerpts_that_they_list(name: str, tmp_path: Path) -> None:
    dataset = loaded("datasets", name, tmp_path)
    manifest = dataset.select(None)
    assert isinstance(manifest, Manifest) and manifest.excerpts
    assert {excerpt.dataset for excerpt in manifest.excerpts} == {name}
    excerpt = manifest.excerpts[0]
    mix = dataset.read(excerpt, "mix")
    assert mix.duration_s == pytest.approx(excerpt.duration_s, abs=1e-3) and np.isfinite(mix.samples).all()
    for what, kind in (("chords", Chords), ("beats", Beats), ("notes", Notes), ("drums", Audio), ("piano", Notes)):
        found = dataset.read(excerpt, what)
        assert found is None or isinstance(found, kind)
    with pytest.raises(UnknownName, match="is called 'no-such-manifest'; known: "):
        dataset.select("no-such-manifest")


def test_loading_one_plug_loads_no_other_of_its_kind() -> None:
    code = (
        "import sys; from bench import plugins; plugins.load('models', 'silence');"
        "print(sorted(m for m in sys.modules if m.startswith('bench.models.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['bench.models.silence']"
