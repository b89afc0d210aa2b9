"""Sizes: the files of a network, the mini and a published size end to end, and errors for missing files."""

import shutil

import numpy as np
import pytest
import torch

from bench import plugins
from bench.air import sizes
from bench.air.adapter import Prompts
from bench.air.sizes import adapter_of, codec_of, network
from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.example import Control, Example, Request, Truth, masked
from bench.mask import centre
from bench.runtime.tensors import write_tensors
from bench.runtime.weights import VARIABLE, sha256_of
from tests.air.tiny_musicgen import musicgen, write_musicgen
from tests.tiny_mini import CONFIG, write_adapter, write_language, write_mini

RATE, N_FRAMES = 16000, 50


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder of weights with the mini networks, and a small MusicGen with an adapter of every kind."""
    folder = write_mini(tmp_path_factory.mktemp("weights"))
    write_musicgen(folder)
    config = network_config()
    torch.manual_seed(1)
    prompts = Prompts(config, 3)
    torch.nn.init.normal_(prompts.gates)
    write_tensors(folder / "air" / "air-small-drums.safetensors", dict(prompts.named_parameters()))
    torch.save({"model": {"adaptor": prompts.adaptor.data, "gates": prompts.gates.data}}, folder / "air" / "air-small-chords.pth")  # fmt: skip
    return folder


def network_config():
    from bench.air.decoder import Config

    return Config(32, 1, 4, 64, 4, 64)


@pytest.fixture
def weights(made, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(made))
    return made


def example(kinds=("drums",), seed=0):
    rng = np.random.default_rng(seed)
    reference = Audio(rng.normal(0, 0.1, N_FRAMES * RATE // 50), RATE)
    controls = {kind: Control(kind, reference, Audio(reference.mono * 0.5, RATE)) for kind in kinds}
    mask = centre(N_FRAMES)
    request = Request(f"song-{seed}", "t", 1, masked(reference, mask), mask, controls, seed=seed)
    return Example(request, reference, Truth())


@pytest.mark.parametrize("name", ["air-small", "musicgen-continue-small", "air-mini", "air-aligned-mini", "lora-mini", "prefix-tuning-mini", "air-no-control-mini", "musicgen-continue-mini"])  # fmt: skip
def test_a_request_is_edited_end_to_end(weights, name):
    model = plugins.load("models", name)
    requests = [example(seed=k).request for k in range(2)]
    outputs = model.edit(requests)
    for output, request in zip(outputs, requests, strict=True):
        assert (output.samples.shape, output.sample_rate) == ((1, request.masked.n_samples), RATE)
        assert np.isfinite(output.samples).all() and output.samples.any()
    again = plugins.load("models", name)
    assert [a.sha256() for a in again.edit(requests)] == [a.sha256() for a in outputs]
    assert again.identity == model.identity and "0x" not in model.identity


def test_the_published_size_is_read_from_a_folder_of_transformers(weights):
    made = network("small")
    theirs = musicgen()
    state = dict(theirs.decoder.state_dict())
    assert torch.equal(made.decoder.state_dict()["layers.0.fc1.weight"], state["model.decoder.layers.0.fc1.weight"])
    assert made.decoder.config == network_config() and made.adaptation is None
    codec, identity = codec_of("small")
    sound = np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32)
    with torch.inference_mode():
        expected = theirs.audio_encoder.encode(torch.from_numpy(sound)[None, None]).audio_codes[0]
    assert torch.equal(codec.encode([sound]), expected)
    sha = sha256_of(weights / "musicgen-small" / "model.safetensors")[:8]
    assert identity == f"encodec of musicgen-small {sha}" and made.identity == f"musicgen-small {sha} float32"


def test_an_adapter_of_a_published_size_is_read_from_safetensors_or_as_published(weights):
    drums, chords = (adapter_of("small", "air", (kind,)) for kind in ("drums", "chords"))
    assert (drums.suffix, chords.suffix) == (".safetensors", ".pth")
    ours, theirs = (network("small", path) for path in (drums, chords))
    assert torch.equal(ours.adaptation.adaptor, theirs.adaptation.adaptor)
    assert ours.trained == theirs.trained == 4 * (3 * 32 + 1)
    assert ours.identity.startswith(f"air-small-drums {sha256_of(drums)[:12]} on musicgen-small ")


def test_codec_roundtrip_encodes_and_decodes_the_reference(weights):
    for size in ("mini", "small"):
        probe = plugins.load("models", f"codec-roundtrip-{size}")
        one = example()
        output = probe.edit([one])[0]
        codec, _ = codec_of(size)
        sound = one.reference.resampled(32000).mono
        expected = Audio(codec.decode(codec.encode([sound]))[0], 32000).resampled(RATE).mono
        assert np.array_equal(output.mono, expected) and probe.is_probe
        assert probe.parameters == codec.parameters and probe.identity.startswith("codec-roundtrip, ")


def test_a_control_gets_its_own_adapter_else_the_joint_one(weights):
    assert adapter_of("mini", "air", ("drums",)).stem == "air-mini-drums"
    for controls in ((), ("chords",), ("piano",), ("drums", "chords"), ("drums", "chords", "piano")):
        assert adapter_of("mini", "air", controls).stem == "air-mini-joint"
    assert adapter_of("mini", "air-no-control", ("drums",)).stem == "air-no-control-mini"


def test_low_rank_changes_a_copy_and_leaves_the_shared_decoder_alone(weights):
    plain, adapted = network("mini"), network("mini", adapter_of("mini", "lora", ("drums",)))
    assert plain.decoder is network("mini").decoder and adapted.decoder is not plain.decoder
    change = adapted.decoder.layers[0].self_attn.q_proj.weight - plain.decoder.layers[0].self_attn.q_proj.weight
    assert change.abs().max() > 0.01
    assert torch.equal(
        adapted.decoder.layers[0].self_attn.k_proj.weight, plain.decoder.layers[0].self_attn.k_proj.weight
    )
    assert adapted.adaptation is None and adapted.trained == 2 * 2 * 2 * CONFIG.width


def test_a_changed_file_is_read_again_and_changes_the_identity(weights, tmp_path, monkeypatch):
    shutil.copytree(weights / "mini", tmp_path / "mini")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    before = network("mini")
    write_language(tmp_path / "mini" / "mini-language.safetensors", seed=9)
    after = network("mini")
    assert before.identity != after.identity
    assert not torch.equal(before.decoder.layers[0].fc1.weight, after.decoder.layers[0].fc1.weight)


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_a_missing_size_says_where_to_put_it_and_what_runs_without_it(size, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for call in (network, codec_of):
        with pytest.raises(
            MissingComponent, match=rf"config\.json, .*: missing; musicgen-{size} needs .* GB; .*the mini size can run"
        ):
            call(size)


def test_a_missing_adapter_says_where_to_put_it(weights):
    with pytest.raises(
        MissingComponent,
        match=r"piano\.safetensors: missing; air-small needs it; make it with `bench train air-small-piano` and .*\.pth",
    ):
        adapter_of("small", "air", ("piano",))
    with pytest.raises(MissingComponent, match=r"prefix-tuning-small-joint\.safetensors: missing"):
        adapter_of("small", "prefix-tuning", ())


def test_a_missing_mini_file_names_its_recipe(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr("bench.runtime.weights.installed", lambda name: tmp_path / "none")
    with pytest.raises(
        MissingComponent, match="a model of the mini size needs it; make it with `bench train mini-codec`"
    ):
        codec_of("mini")
    shutil.copytree(write_mini(tmp_path / "all") / "mini", tmp_path / "mini")
    (tmp_path / "mini" / "mini-language.safetensors").unlink()
    with pytest.raises(MissingComponent, match="make it with `bench train mini-language`"):
        network("mini")


@pytest.mark.parametrize(
    ("kind", "controls", "said"),
    [
        ("air", ("drums",), "`bench train air-mini-drums`"),
        ("air", ("drums", "piano"), "`bench train air-mini-joint`"),
        ("air-aligned", (), "`bench train air-aligned-mini-joint`"),
        ("air-no-control", ("chords",), "`bench train air-no-control-mini`"),
        ("lora", ("chords",), "lora-mini-chords.* lora-mini for chords needs it; put it there .*lora-mini-drums"),
        ("unheard-of", ("drums", "piano"), r"unheard-of-mini for drums and piano needs it; .*similar recipes: none\)"),
    ],
)
def test_a_missing_mini_adapter_names_its_recipe(kind, controls, said, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr("bench.runtime.weights.installed", lambda name: tmp_path / "none")
    with pytest.raises(MissingComponent, match=said):
        adapter_of("mini", kind, controls)


def test_a_missing_gpu_is_one_error(weights, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for call in (lambda: network("mini", None, "cuda"), lambda: codec_of("mini", "cuda")):
        with pytest.raises(BenchError, match="--device cuda: torch finds no CUDA device here"):
            call()


def test_damaged_files_are_named(tmp_path, monkeypatch):
    shutil.copytree(write_mini(tmp_path / "all") / "mini", tmp_path / "mini")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    language = tmp_path / "mini" / "mini-language.safetensors"
    codec = tmp_path / "mini" / "mini-codec.safetensors"
    sound = codec.read_bytes()
    shutil.copy(language, codec)
    with pytest.raises(
        BenchError, match=r"mini-codec\.safetensors: is not a mini codec .*tokens\.0.*train it or get it again"
    ):
        codec_of("mini")
    codec.write_bytes(sound[:1000])
    with pytest.raises(BenchError, match=r"mini-codec\.safetensors: cannot be read as safetensors"):
        codec_of("mini")
    codec.write_bytes(sound)
    shutil.copy(codec, language)
    with pytest.raises(BenchError, match=r"mini-language\.safetensors: is not a mini decoder"):
        network("mini")


def test_a_codec_with_another_number_of_codebooks_is_refused(weights, monkeypatch):
    codec, _ = codec_of("mini")
    monkeypatch.setattr(type(codec), "books", 8)
    with pytest.raises(BenchError, match="the codec has 8 codebooks, the decoder 4; get both again"):
        network("mini")


def test_a_half_written_adapter_of_a_published_size_is_named(weights, tmp_path, monkeypatch):
    write_adapter(tmp_path, "air", "x")
    shutil.copytree(weights / "musicgen-small", tmp_path / "musicgen-small")
    (tmp_path / "air").mkdir()
    (tmp_path / "air" / "air-small-drums.pth").write_bytes(b"PK\x03\x04")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(BenchError, match=r"air-small-drums\.pth: cannot be read with weights only"):
        plugins.load("models", "air-small")
    assert sizes.SIZES == ("mini", "small", "medium", "large")
