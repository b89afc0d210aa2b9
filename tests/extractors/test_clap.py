"""CLAP on a tiny random checkpoint: windows, nothing random, agreement with transformers."""

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import ClapFeatureExtractor, ClapModel

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.extractors.clap import RATE, Clap, windows_of
from bench.music.loudness import at_loudness
from tests.tiny_clap import write_tiny_clap


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("weights")
    write_tiny_clap(home / "clap-folder")
    return home


@pytest.fixture
def plug(home: Path, monkeypatch: pytest.MonkeyPatch) -> Clap:
    monkeypatch.setenv("BENCH_WEIGHTS", str(home))
    return plugins.load("extractors", "clap-folder")  # type: ignore[no-any-return]


def sound(seconds: float, rate: int = RATE, level: float = 0.1, seed: int = 0) -> Audio:
    return Audio(level * np.random.default_rng(seed).standard_normal(round(seconds * rate)), rate)


@pytest.mark.parametrize(("seconds", "n"), [(0.3, 1), (9.99, 1), (10.0, 1), (10.5, 1), (12.0, 3)])
def test_the_number_of_windows_and_their_unit_length(plug: Clap, seconds: float, n: int) -> None:
    found = plug.extract(sound(seconds))
    assert found.values.shape == (n, 24) and found.rate_hz == 1.0
    assert np.linalg.norm(found.values, axis=1) == pytest.approx(1)


def test_a_window_agrees_with_transformers(plug: Clap, home: Path) -> None:
    audio = sound(10.0)
    front = ClapFeatureExtractor.from_pretrained(home / "clap-folder")
    model = ClapModel.from_pretrained(home / "clap-folder").eval()
    features = front(at_loudness(audio.mono.astype(float), RATE), sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        wanted = model.get_audio_features(**features).pooler_output[0].numpy()
    assert plug.extract(audio).values[0] == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


def test_nothing_is_random(plug: Clap, home: Path) -> None:
    audio = sound(13.7)
    first = plug.extract(audio).values
    for seed in range(3):
        np.random.seed(seed)
        torch.manual_seed(seed)
        assert np.array_equal(Clap("x", home / "clap-folder").extract(audio).values, first)


def test_nothing_is_random_with_feature_fusion(tmp_path: Path) -> None:
    plug = Clap("x", write_tiny_clap(tmp_path / "fused", enable_fusion=True))
    audio = sound(12.0)
    first = plug.extract(audio).values
    np.random.seed(99)
    assert np.array_equal(plug.extract(audio).values, first)


def test_windows_do_not_depend_on_their_neighbours(plug: Clap) -> None:
    audio = sound(19.0)
    found = plug.extract(audio).values
    assert len(found) == 10
    level = at_loudness(audio.mono.astype(float), RATE)
    alone = plug._embedded(level[None, 9 * RATE : 19 * RATE])
    assert found[9] == pytest.approx(alone[0], abs=1e-5)


def test_short_sound_is_repeated_and_gain_does_not_matter(plug: Clap) -> None:
    assert np.array_equal(windows_of(np.arange(3.0))[0, :7], [0, 1, 2, 0, 1, 2, 0])
    first = plug.extract(sound(4.0)).values
    assert plug.extract(sound(4.0, level=0.2)).values == pytest.approx(first, abs=1e-4)
    assert plug.extract(sound(4.0, level=0.05)).values == pytest.approx(first, abs=1e-4)


def test_other_rates_silence_and_empty_sound_are_no_error(plug: Clap) -> None:
    assert plug.extract(sound(2.0, 32000)).values.shape == (1, 24)
    assert np.isfinite(plug.extract(Audio(np.zeros(RATE), RATE)).values).all()
    assert plug.extract(Audio(np.zeros(0), RATE)).values.shape == (0, 24)


def test_text_is_embedded_and_texts_differ(plug: Clap) -> None:
    one, other = plug.embed_text("a piano"), plug.embed_text("drums over drums")
    assert one.shape == (24,) and np.linalg.norm(one) == pytest.approx(1)
    assert np.array_equal(one, plug.embed_text("a piano")) and not np.allclose(one, other)


def test_the_identity_names_the_weights(plug: Clap, tmp_path: Path) -> None:
    other = Clap("clap-folder", write_tiny_clap(tmp_path / "clap-folder", seed=1))
    assert other.identity != plug.identity and "windows 10 s, hop 1 s" in plug.identity


@pytest.mark.parametrize("name", ["clap-music", "clap-htsat-unfused", "clap-folder"])
def test_missing_weights_are_named_with_the_command(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingComponent, match=rf"config\.json, .*: missing; {name} needs it; .*logmel-stats can run"):
        plugins.load("extractors", name)


def test_damaged_checkpoints_are_refused_naming_the_folder(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"holds no model\.safetensors or pytorch_model\.bin"):
        Clap("x", tmp_path)
    folder = write_tiny_clap(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"noise")
    with pytest.raises(BenchError, match=r"broken: not a CLAP checkpoint of transformers"):
        Clap("x", folder).extract(sound(1.0))
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 16000}')
    with pytest.raises(BenchError, match="at 16000 Hz, want 10 s at 48000 Hz"):
        _ = Clap("x", folder)._front


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_truncated_weights_and_other_shapes_are_refused(home: Path, tmp_path: Path, file: str) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(home / "clap-folder", folder)
    state = ClapModel.from_pretrained(folder).state_dict()
    (folder / "model.safetensors").unlink()
    write = torch.save if file.endswith(".bin") else partial(save_file, metadata={"format": "pt"})
    write({name: value.contiguous().clone() for name, value in state.items()}, folder / file)
    whole = (folder / file).read_bytes()
    for share in (0.0, 0.5, 0.999):
        (folder / file).write_bytes(whole[: round(share * len(whole))])
        with pytest.raises(BenchError, match=r"broken: not a CLAP checkpoint of transformers"):
            Clap("x", folder).extract(sound(1.0))
    name = "audio_projection.linear1.weight"
    write({**{n: v.contiguous().clone() for n, v in state.items()}, name: torch.zeros(3, 3)}, folder / file)
    with pytest.raises(BenchError, match=r"broken: not a CLAP checkpoint of transformers"):
        Clap("x", folder).extract(sound(1.0))


def test_pickled_weights_and_a_two_file_tokenizer_give_the_same_embeddings(
    plug: Clap, home: Path, tmp_path: Path
) -> None:
    """As the hub publishes the two named checkpoints."""
    folder = tmp_path / "as-published"
    shutil.copytree(home / "clap-folder", folder)
    model = ClapModel.from_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    for name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    other = Clap("x", folder)
    # Not bit for bit: the alignment of weights in memory may change how sums are split.
    assert other.extract(sound(2.0)).values == pytest.approx(plug.extract(sound(2.0)).values, abs=1e-6)
    assert other.embed_text("a piano") == pytest.approx(plug.embed_text("a piano"), abs=1e-6)


def test_loading_a_malicious_pickle_runs_no_code(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    shutil.copytree(home / "clap-folder", folder)
    (folder / "model.safetensors").unlink()
    torch.save({"x": Payload(str(tmp_path / "harm"))}, folder / "pytorch_model.bin")
    with pytest.raises(BenchError, match="evil: not a CLAP checkpoint"):
        Clap("x", folder).extract(sound(1.0))
    assert not (tmp_path / "harm").exists()


class Payload:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)
