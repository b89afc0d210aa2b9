"""Published files: pinned, read under every name that hub and transformers use, and without running code."""

import json
import os
import pickle
import re
import shutil

import pytest
import torch

from bench import plugins
from bench.air.encodec import read_codec
from bench.air.published import ADAPTERS, MUSICGEN, identity_of, read_tensor_file, tensor_files
from bench.air.weights import read_transformers
from bench.errors import BenchError
from bench.runtime.weights import VARIABLE, sha256_of
from bench.upkeep import setup
from tests.air.tiny_musicgen import musicgen, write_musicgen


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_musicgen(tmp_path_factory.mktemp("weights")).parent


@pytest.fixture
def folder(weights, tmp_path, monkeypatch):
    """Return a copy of the folder, where $BENCH_WEIGHTS looks for it."""
    shutil.copytree(weights, tmp_path / "weights")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "weights"))
    return tmp_path / "weights" / "musicgen-small"


def as_pickles(folder, n=1):
    """Rewrite the folder's tensors as transformers did before safetensors: one or several pickles."""
    state = read_tensor_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(state)
    for k in range(n):
        file = "pytorch_model.bin" if n == 1 else f"pytorch_model-{k + 1:05d}-of-{n:05d}.bin"
        torch.save({name: state[name] for name in names[k::n]}, folder / file)
    if n > 1:
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {}}))
    return folder


def test_every_size_is_pinned_to_a_commit_and_its_tensors_to_hashes():
    assert list(MUSICGEN) == ["small", "medium", "large"]
    for size, one in MUSICGEN.items():
        for file in one.files:
            assert re.fullmatch(
                rf"https://huggingface\.co/facebook/musicgen-{size}/resolve/[0-9a-f]{{40}}/{re.escape(file.name)}",
                file.url,
            )
            assert file.name == "config.json" or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert "CC BY-NC 4.0" in one.licence and one.size_gb > 1
        assert plugins.weights()[one.name] is one
    assert plugins.weights()["air"] is ADAPTERS


@pytest.mark.parametrize("n", [1, 3])
def test_pickles_of_the_hub_are_read_like_safetensors(folder, tmp_path, n):
    shutil.copytree(folder, tmp_path / "older")
    older = as_pickles(tmp_path / "older", n)
    expected, state = (read_transformers(one).state_dict() for one in (folder, older))
    assert set(state) == set(expected) and all(torch.equal(state[name], expected[name]) for name in expected)
    expected, state = (read_codec(one)._model.state_dict() for one in (folder, older))
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    files = sorted(older.glob("*.bin"))
    assert identity_of(older) == "+".join(sha256_of(file)[:8] for file in files) and len(files) == n


OLDER = {
    "_name_or_path": "facebook/encodec_32khz", "add_cross_attention": False, "bad_words_ids": None, "do_sample": False,
    "begin_suppress_tokens": None, "chunk_length_s": None, "cross_attention_hidden_size": None, "diversity_penalty": 0.0,
    "early_stopping": False, "encoder_no_repeat_ngram_size": 0, "exponential_decay_length_penalty": None, "num_beams": 1,
    "finetuning_task": None, "id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "is_decoder": False, "length_penalty": 1.0,
    "max_length": 20, "num_beam_groups": 1, "num_return_sequences": 1, "output_scores": False, "overlap": None,
    "pruned_heads": {}, "remove_invalid_values": False, "repetition_penalty": 1.0, "return_dict_in_generate": False,
    "task_specific_params": None, "temperature": 1.0, "tf_legacy_loss": False, "tie_encoder_decoder": False, "top_k": 50,
    "tie_word_embeddings": True, "torch_dtype": "float32", "torchscript": False, "transformers_version": "4.31.0.dev0",
    "typical_p": 1.0, "use_bfloat16": False,
}  # fmt: skip
"""Keys of a configuration of 2023 besides the sizes: transformers then wrote the options of generation everywhere."""


def test_a_folder_as_the_hub_has_had_it_since_2023_is_read(folder, tmp_path):
    """Pickles, older names of the parts of normalised weights, positions as a tensor, and configurations of 2023."""
    shutil.copytree(folder, tmp_path / "now")
    keys = json.loads((folder / "config.json").read_text())
    for part in ("audio_encoder", "decoder"):
        keys[part] = OLDER | keys[part]
    (folder / "config.json").write_text(json.dumps(keys))
    state = read_tensor_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    for new, old in (
        (".parametrizations.weight.original0", ".weight_g"),
        (".parametrizations.weight.original1", ".weight_v"),
    ):
        state = {name.replace(new, old): value for name, value in state.items()}
    assert any(name.endswith("weight_g") for name in state)
    state["decoder.model.decoder.embed_positions.weights"] = torch.zeros(64, 32)
    torch.save(state, folder / "pytorch_model.bin")
    expected, state = (read_transformers(one).state_dict() for one in (tmp_path / "now", folder))
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    expected, state = (read_codec(one)._model.state_dict() for one in (tmp_path / "now", folder))
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_safetensors_take_precedence_over_pickles(folder):
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    assert [path.name for path in tensor_files(folder)] == ["model.safetensors"]


def test_a_missing_shard_is_named_and_the_folder_counts_as_missing(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    folder = write_musicgen(tmp_path, max_shard_size="60KB")
    files = tensor_files(folder)
    assert len(files) > 2 and MUSICGEN["small"].is_here()
    files[1].unlink()
    with pytest.raises(BenchError, match=rf"{re.escape(files[1].name)}: missing, one of {len(files)} files; get it"):
        read_transformers(folder)
    assert not MUSICGEN["small"].is_here()


def test_setup_downloads_nothing_into_a_users_own_copy(folder, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: pytest.fail("asked the hub"))
    assert MUSICGEN["small"].is_here() and not MUSICGEN["large"].is_here()
    assert "musicgen-small is in" in setup.setup("musicgen-small")


def test_setup_asks_for_the_files_of_the_pinned_commit_and_refuses_others(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    asked = []

    def fetched(url, path, check, chosen_by):
        asked.append(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"other")
        check(path)

    monkeypatch.setattr("bench.runtime.weights.download", fetched)
    with pytest.raises(BenchError, match=r"sha256 .*, the published file's begins with 68dc51f31cc3"):
        setup.setup("musicgen-large")
    assert asked == [file.url for file in MUSICGEN["large"].files[:2]]
    assert sorted(path.name for path in (tmp_path / "musicgen-large").iterdir()) == [
        "config.json",
        MUSICGEN["large"].files[1].name,
    ]


def test_an_adapter_counts_under_both_of_its_names(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "air").mkdir()
    for name in ("air-large-drums.pth", "air-large-chords.safetensors"):
        (tmp_path / "air" / name).touch()
    assert not ADAPTERS.is_here()
    (tmp_path / "air" / "air-large-piano.safetensors").touch()
    assert ADAPTERS.is_here() and ADAPTERS.find("x") == tmp_path / "air"


class Payload(str):
    def __reduce__(self):
        return os.mkdir, (str(self),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("read", [read_transformers, read_codec])
def test_no_code_of_a_pickle_runs(folder, tmp_path, read):
    harm = tmp_path / "harm"
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    good = {name: value for name, value in musicgen().state_dict().items()}
    for save in (torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))):
        save({**good, "x": Payload(str(harm))}, path)
        with pytest.raises(
            BenchError, match=r"pytorch_model\.bin: cannot be read with weights only .*get it again"
        ) as got:
            read(folder)
        assert not harm.exists() and "weights_only" not in str(got.value)
    pickle.loads(pickle.dumps(Payload(str(harm))))
    assert harm.is_dir()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.99])
def test_a_truncated_pickle_and_one_without_tensors_are_refused(folder, share):
    path = as_pickles(folder) / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[: round(share * path.stat().st_size)])
    for read in (read_transformers, read_codec):
        with pytest.raises(BenchError, match=r"pytorch_model\.bin: cannot be read with weights only"):
            read(folder)
    for content in ([1, 2], {"a": 3}):
        torch.save(content, path)
        with pytest.raises(BenchError, match=r"pytorch_model\.bin: holds no tensors by name"):
            read_transformers(folder)


def test_tensors_of_another_shape_are_refused_by_both_readers(folder):
    state = read_tensor_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    state["decoder.model.decoder.layers.0.fc1.weight"] = torch.zeros(3, 3)
    state["audio_encoder.quantizer.layers.0.codebook.embed"] = torch.zeros(3, 3)
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(BenchError, match=r"musicgen-small: its tensors do not fit its config\.json .*fc1"):
        read_transformers(folder)
    with pytest.raises(BenchError, match=r"musicgen-small: holds no readable EnCodec .*embed"):
        read_codec(folder)
