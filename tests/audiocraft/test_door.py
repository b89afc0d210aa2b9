"""docs/recipes/audiocraft_musicgen.py through the submission door, from `bench build` to `bench check`."""

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.audio import read_audio
from bench.checking.check import check
from bench.pipeline.build import build
from bench.pipeline.source import Source
from bench.runtime.executor import Serial
from bench.runtime.layout import Layout
from bench.submission import read_submission
from bench.task import load_task
from tests.audiocraft.small import write_musicgen

SCRIPT = Path(__file__).parents[2] / "docs" / "recipes" / "audiocraft_musicgen.py"
TASK = replace(load_task("inpaint-free-two-gaps"), duration_s=6.0)


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("audiocraft_musicgen", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """Two songs of noise, built as anybody builds their own recordings."""
    import soundfile

    songs = tmp_path_factory.mktemp("songs")
    for name in ("one", "two"):
        rng = np.random.default_rng(len(name))
        soundfile.write(songs / f"{name}.wav", 0.1 * rng.standard_normal(12 * 32000), 32000)
    source = Source("folder", (("path", str(songs)), ("duration_s", TASK.duration_s)))
    return build(TASK, source, Layout(tmp_path_factory.mktemp("out")), Serial(), {})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("musicgen")
    write_musicgen(folder)
    return str(folder)


@pytest.fixture(scope="module")
def answered(recipe, examples, model, tmp_path_factory):
    return run(recipe, examples, model, tmp_path_factory.mktemp("submissions") / "mine")


def run(recipe, examples, model, folder):
    words = [str(examples.folder / "requests"), str(folder), "--model", model, "--device", "cpu", "--contact", "me"]
    assert recipe.main(words) == 0
    return folder


def test_the_door_takes_what_the_script_writes(examples, answered):
    folder = answered
    found = check(folder, TASK, examples)[1]
    assert (found.problems, found.flags) == ([], [])
    card = read_submission(folder).card
    assert (card.system, card.contact, card.manifest) == ("audiocraft-musicgen", "me", examples.manifest.name)
    assert card.parameters > 100_000 and card.generation_seconds > 0
    for name in examples.ids:
        request = examples.request(name)
        made, inside = read_audio(folder / f"{name}.wav").mono, request.mask.inside(TASK.sample_rate)
        assert np.array_equal(made[~inside], request.masked.mono[~inside])
        assert len(request.mask.holes) == 2
        for first, last in request.mask.holes:
            assert made[640 * first : 640 * last].std() > 0


def test_a_second_run_makes_only_what_is_missing_and_makes_it_the_same(recipe, examples, model, answered, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(answered, again)
    lost = again / f"{examples.ids[1]}.wav"
    lost.unlink()
    run(recipe, examples, model, again)
    # Not byte for byte: the header of a float WAV holds the time.
    assert np.array_equal(read_audio(lost).mono, read_audio(answered / lost.name).mono)
    assert read_submission(again).card.generation_seconds == 0


def test_a_hole_hears_what_is_left_of_it_and_nothing_else(recipe, model):
    musicgen = recipe.MusicGen.get_pretrained(model, device="cpu")
    request = {"sample_rate": 32000, "n_frames": 100, "holes": [[30, 50], [70, 80]], "seed": 5, "prompt": ""}
    sound = 0.1 * np.random.default_rng(0).standard_normal(100 * 640).astype(np.float32)
    behind, before = sound.copy(), sound.copy()
    behind[50 * 640 :] *= -1
    before[: 30 * 640] *= -1
    made, other, another = (
        recipe.filled(musicgen, request, one)[30 * 640 : 50 * 640] for one in (sound, behind, before)
    )
    assert np.array_equal(made, other)
    assert not np.array_equal(made, another)


@pytest.mark.parametrize(("sample_rate", "holes"), [(44100, [[0, 40]]), (16000, [[0, 50]]), (48000, [[49, 50]])])
def test_other_rates_and_holes_at_the_edges(recipe, model, sample_rate, holes):
    musicgen = recipe.MusicGen.get_pretrained(model, device="cpu")
    request = {"sample_rate": sample_rate, "n_frames": 50, "holes": holes, "seed": 5, "prompt": "drums"}
    sound = np.zeros(sample_rate, dtype=np.float32)
    made = recipe.filled(musicgen, request, sound)
    (first, last), step = holes[0], sample_rate // 50
    assert made.shape == sound.shape
    assert made[first * step : last * step].std() > 0
    assert not made[: first * step].any() and not made[last * step :].any()


def test_a_hole_longer_than_the_window_is_extended(recipe, model):
    musicgen = recipe.MusicGen.get_pretrained(model, device="cpu")
    musicgen.max_duration = 1
    request = {"sample_rate": 32000, "n_frames": 120, "holes": [[20, 100]], "seed": 5, "prompt": ""}
    made = recipe.filled(musicgen, request, np.ones(120 * 640, dtype=np.float32))
    assert made[80 * 640 : 100 * 640].std() > 0
    assert np.array_equal(made[100 * 640 :], np.ones(20 * 640, dtype=np.float32))


def test_what_is_no_folder_of_requests_is_said(recipe, tmp_path):
    with pytest.raises(SystemExit, match=r"holds no requests; make them with `bench build"):
        recipe.main([str(tmp_path), str(tmp_path / "mine")])
