"""Weight files of this project, transformers and the published adapters, and errors for every kind of wrong file."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from bench.air.adapter import Aligned, Prefix, Prompts
from bench.air.decoder import MUSICGEN
from bench.air.weights import about_decoder, read_adapter, read_decoder, read_transformers
from bench.errors import BenchError
from bench.runtime.tensors import read_about, read_tensors, write_tensors
from tests.air.small import small_adapter, small_decoder
from tests.air.test_decoder import ours_of, theirs


def written(tmp_path, is_mini=True):
    decoder = small_decoder(is_mini)
    path = tmp_path / "mini-language.safetensors"
    write_tensors(path, dict(decoder.state_dict()), about_decoder(decoder))
    return decoder, path


@pytest.mark.parametrize("is_mini", [False, True])
def test_a_decoder_is_read_back_from_its_own_file(tmp_path, is_mini):
    decoder, path = written(tmp_path, is_mini)
    again = read_decoder(path)
    assert again.config == decoder.config and not again.training
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in decoder.state_dict().items())


def test_half_precision_is_read_as_single(tmp_path):
    decoder = small_decoder(is_mini=True)
    path = tmp_path / "half.safetensors"
    write_tensors(path, {name: value.half() for name, value in decoder.state_dict().items()}, about_decoder(decoder))
    assert {value.dtype for value in read_decoder(path).state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("cut", [0, 4, 200, -10])
def test_a_truncated_file_is_refused_with_its_name(tmp_path, cut):
    _, path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BenchError, match=r"mini-language\.safetensors: .*cannot be read.*get it again"):
        read_decoder(path)
    with pytest.raises(BenchError, match=r"mini-language\.safetensors: cannot be read as safetensors"):
        read_tensors(path)


def test_a_missing_file_is_refused_with_its_name(tmp_path):
    for read in (read_decoder, read_tensors, read_about, lambda path: read_adapter(path, small_decoder().config)):
        with pytest.raises(BenchError, match=r"nowhere\.safetensors: .*cannot be read .*get it again"):
            read(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({}, "is not a mini decoder .'config'"),
        ({"config": "not JSON"}, "metadata cannot be read"),
        ({"config": "[1, 2]"}, "is not a mini decoder"),
        ({"config": json.dumps({"width": 32})}, "is not a mini decoder .*missing"),
        ({"config": json.dumps({"width": 32, "depth": 3, "heads": 5, "ffn": 64})}, "multiple of twice the heads"),
        ({"config": json.dumps({"width": 32, "depth": 3, "heads": 0, "ffn": 64})}, "want sizes from 1"),
        ({"config": json.dumps({"width": "32", "depth": 3, "heads": 4, "ffn": 64})}, "is not a mini decoder"),
        ({"config": json.dumps({"width": 64, "depth": 3, "heads": 4, "ffn": 64})}, "is not a mini decoder"),
        ({"config": json.dumps({"width": 32, "depth": 3, "heads": 4, "ffn": 64, "spin": 1})}, "spin"),
    ],
)
def test_wrong_metadata_is_refused_with_file_and_reason(tmp_path, about, said):
    decoder = small_decoder(is_mini=True)
    path = tmp_path / "wrong.safetensors"
    write_tensors(path, dict(decoder.state_dict()), about)
    with pytest.raises(BenchError, match=rf"wrong\.safetensors: .*{said}"):
        read_decoder(path)


def folder_of(tmp_path, **changes):
    """Save a random decoder as transformers does, and change some of its configuration."""
    model = theirs()
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return model


def test_a_transformers_folder_is_read_and_gives_its_logits(tmp_path):
    model = folder_of(tmp_path)
    decoder = read_transformers(tmp_path)
    tokens = torch.randint(0, 65, (2, 4, 20))
    with torch.inference_mode():
        expected = model(input_ids=tokens.reshape(8, 20)).logits.view(2, 4, 20, 64)
        assert torch.equal(decoder.logits(decoder(tokens)), expected)
    assert {v.dtype for v in read_transformers(tmp_path, "bfloat16").parameters()} == {torch.bfloat16}


def test_a_folder_in_several_files_is_read_whole(tmp_path):
    model = theirs()
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    assert len(list(tmp_path.glob("model*.safetensors"))) > 2
    expected, state = ours_of(model).state_dict(), read_transformers(tmp_path).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in expected.items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio_channels": 2}, r"config\.json: want a mono decoder with gelu"),
        ({"activation_function": "relu"}, r"config\.json: want a mono decoder with gelu"),
        ({"hidden_size": 64}, "its tensors do not fit its config.json"),
        ({"hidden_size": None}, r"config\.json: is not the configuration of a MusicGen decoder"),
        ({"num_hidden_layers": 4}, "10 tensors are missing, e.g. layers.3.fc1.weight"),
        ({"num_attention_heads": 5}, r"config\.json: is not the configuration .*multiple of twice the heads"),
        ({"decoder": 7}, r"config\.json: is not the configuration of a MusicGen decoder"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused_with_the_reason(tmp_path, changes, said):
    folder_of(tmp_path, **changes)
    with pytest.raises(BenchError, match=said):
        read_transformers(tmp_path)


def test_a_folder_without_its_files_is_refused(tmp_path):
    with pytest.raises(
        BenchError, match=r"config\.json: is not the configuration of a MusicGen decoder .*No such file"
    ):
        read_transformers(tmp_path)
    folder_of(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 30)
    with pytest.raises(BenchError, match=r"model\.safetensors: cannot be read as safetensors .*get it again"):
        read_transformers(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(BenchError, match=r"holds no model\*\.safetensors"):
        read_transformers(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BenchError, match=r"config\.json: is not the configuration of a MusicGen decoder"):
        read_transformers(tmp_path)


@pytest.mark.parametrize(("kind", "type_"), [("prompts", Prompts), ("aligned", Aligned), ("prefix", Prefix)])
def test_each_kind_of_adapter_is_recognised_by_its_tensors(tmp_path, kind, type_):
    config = small_decoder().config
    adapter = small_adapter(kind, config)
    path = tmp_path / "a.safetensors"
    write_tensors(path, dict(adapter.named_parameters()))
    adaptation, tensors = read_adapter(path, config)
    assert type(adaptation) is type_ and not adaptation.training
    assert set(tensors) == {name for name, _ in adapter.named_parameters()}
    assert all(torch.equal(value, getattr(adaptation, name)) for name, value in adapter.named_parameters())


def test_a_low_rank_adaptation_is_no_module_but_tensors(tmp_path):
    save_file({"lora.0.q_proj.down": torch.zeros(2, 32)}, tmp_path / "a.safetensors")
    adaptation, tensors = read_adapter(tmp_path / "a.safetensors", small_decoder().config)
    assert adaptation is None and set(tensors) == {"lora.0.q_proj.down"}


def test_an_empty_adapter_and_one_of_another_decoder_name_the_file(tmp_path):
    save_file({}, tmp_path / "empty.safetensors")
    with pytest.raises(BenchError, match=r"empty\.safetensors: holds no tensors, want adaptor and gates"):
        read_adapter(tmp_path / "empty.safetensors", small_decoder().config)
    save_file({"adaptor": torch.zeros(3, 4, 5, 16), "gates": torch.zeros(3, 4)}, tmp_path / "other.safetensors")
    with pytest.raises(
        BenchError, match=r"other\.safetensors: tensor adaptor: is \(3, 4, 5, 16\), want \(3, 4, 5, 32\)"
    ):
        read_adapter(tmp_path / "other.safetensors", small_decoder().config)


PUBLISHED = {
    "flat": lambda a, g: {"adaptor": a, "gates": g},
    "named in full": lambda a, g: {"cp_transformer.adaptor": a, "cp_transformer.gates": g, "other": torch.zeros(2)},
    "nested": lambda a, g: {"epoch": 7, "state": {"model": {"adaptor": a}, "x.gates": g}, "note": "text"},
}


@pytest.mark.parametrize("form", PUBLISHED)
@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_the_published_checkpoint_is_read_in_every_form(tmp_path, form, suffix):
    torch.manual_seed(0)
    adaptor, gates = torch.randn(3, 4, 5, 32), torch.randn(3, 4)
    path = tmp_path / f"air{suffix}"
    torch.save(PUBLISHED[form](adaptor.half(), gates), path)
    adaptation, tensors = read_adapter(path, small_decoder().config)
    assert type(adaptation) is Prompts and set(tensors) == {"adaptor", "gates"}
    assert torch.equal(adaptation.adaptor, adaptor.half().float()) and torch.equal(adaptation.gates, gates)


def test_the_authors_checkpoint_is_read_in_its_own_size(tmp_path):
    """The format of the released code (github.com/Kikyo-16/airgen, airgen/models/model.py): two tensors, m = 10."""
    torch.manual_seed(0)
    state = {"adaptor": torch.randn(48, 4, 10, 2048), "gates": torch.randn(48, 4)}
    torch.save(state, tmp_path / "air-large-drums.pth")
    adaptation, _ = read_adapter(tmp_path / "air-large-drums.pth", MUSICGEN["large"])
    assert torch.equal(adaptation.adaptor, state["adaptor"]) and torch.equal(adaptation.gates, state["gates"])
    assert sum(value.numel() for value in adaptation.parameters()) == 3_932_352
    with pytest.raises(BenchError, match=r"tensor adaptor: is \(48, 4, 10, 2048\), want \(48, 4, 10, 1536\)"):
        read_adapter(tmp_path / "air-large-drums.pth", MUSICGEN["medium"])


class Malice:
    def __reduce__(self):
        return (open, ("ran-code.txt", "w"))


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path, save, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "air.pth"
    save({"adaptor": torch.zeros(3, 4, 5, 32), "gates": Malice()}, path)
    with pytest.raises(BenchError, match=r"air\.pth: cannot be read with weights only .*give an AIR adapter"):
        read_adapter(path, small_decoder().config)
    assert not (tmp_path / "ran-code.txt").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"gates": torch.zeros(3, 4)}, "holds 0 tensors called adaptor, want one"),
        ({"adaptor": torch.zeros(3, 4, 5, 32)}, "holds 0 tensors called gates, want one"),
        (
            {"a.gates": torch.zeros(3, 4), "b.gates": torch.zeros(3, 4), "adaptor": torch.zeros(1)},
            "2 tensors called gates",
        ),
        (
            {"adaptor": torch.zeros(3, 4, 5, 32), "gates": torch.zeros(4, 3)},
            r"tensor gates: is \(4, 3\), want \(3, 4\)",
        ),
        ({"adaptor": torch.zeros(48), "gates": torch.zeros(3, 4)}, r"tensor adaptor: is \(48,\), want 4 axes"),
        ({"adaptor": [1, 2], "gates": "x"}, "holds 0 tensors called adaptor"),
        (torch.zeros(3), "holds 0 tensors called adaptor"),
    ],
)
def test_a_pickle_that_is_no_adapter_is_refused_with_file_and_reason(tmp_path, content, said):
    torch.save(content, tmp_path / "air.pth")
    with pytest.raises(BenchError, match=rf"air\.pth: .*{said}"):
        read_adapter(tmp_path / "air.pth", small_decoder().config)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04broken", b"\x80\x02"])
def test_a_damaged_published_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "air.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BenchError, match=r"air\.pth: cannot be read with weights only \(.+\); give an AIR adapter"):
        read_adapter(path, small_decoder().config)
