import json

import pytest
import torch
from typer.testing import CliRunner

from bench.air.audiocraft import convert, read_decoder, read_package, write_folder, write_package
from bench.air.audiocraft_names import config_of, to_audiocraft, to_transformers
from bench.air.decoder import Config
from bench.air.weights import read_transformers
from bench.cli.app import app
from bench.errors import BenchError

CONFIG = Config(128, 2, 2, 96, 4, 20)
TEXT = "condition_provider.conditioners.description.output_proj"
DELAYS = {"modeling": "delay", "delay": {"delays": [0, 1, 2, 3]}}


def state_of(config=CONFIG, dtype=torch.float32):
    """Return random tensors with audiocraft's names of a MusicGen."""
    d = config.width
    shapes = {"out_norm.weight": (d,), "out_norm.bias": (d,), f"{TEXT}.weight": (d, 768), f"{TEXT}.bias": (d,)}
    for k in range(config.books):
        shapes |= {f"emb.{k}.weight": (config.entries + 1, d), f"linears.{k}.weight": (config.entries, d)}
    for n in range(config.depth):
        layer = {"linear1.weight": (config.ffn, d), "linear2.weight": (d, config.ffn)}
        layer |= {f"{name}.{kind}": (d,) for name in ("norm1", "norm2", "norm_cross") for kind in ("weight", "bias")}
        for name in ("self_attn", "cross_attention"):
            layer |= {f"{name}.in_proj_weight": (3 * d, d), f"{name}.out_proj.weight": (d, d)}
        shapes |= {f"transformer.layers.{n}.{name}": shape for name, shape in layer.items()}
    torch.manual_seed(0)
    return {name: torch.randn(shape).to(dtype) for name, shape in shapes.items()}


def same(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


def file_of(path, state, said="", **more):
    torch.save({"best_state": state, "xp.cfg": said, "version": "1.3.0", "exported": True, **more}, path)
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_converting_there_and_back_keeps_every_tensor_bit_for_bit(dtype):
    state = state_of(dtype=dtype)
    tensors = to_transformers(state)
    assert same(to_audiocraft(tensors), state)
    assert same(to_transformers(to_audiocraft(tensors)), tensors)


def test_the_stacked_projections_are_query_key_and_value_in_this_order():
    state = state_of()
    tensors = to_transformers(state)
    for name, place in (("self_attn", "self_attn"), ("cross_attention", "encoder_attn")):
        stacked = state[f"transformer.layers.1.{name}.in_proj_weight"]
        for k, part in enumerate("qkv"):
            assert torch.equal(tensors[f"layers.1.{place}.{part}_proj.weight"], stacked[128 * k : 128 * k + 128])


def test_all_of_transformers_names_and_shapes_are_made():
    from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

    model = MusicgenForCausalLM(
        MusicgenDecoderConfig(
            vocab_size=20, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, ffn_dim=96, pad_token_id=20,
            bos_token_id=20,
        )
    )  # fmt: skip
    theirs = {name: value.shape for name, value in model.state_dict().items()}
    shapes = {name: value.shape for name, value in to_transformers(state_of()).items() if "enc_to_dec" not in name}
    assert {name.removeprefix("model.decoder."): shape for name, shape in theirs.items()} == shapes
    assert to_audiocraft(model.state_dict()).keys() == {name for name in state_of() if TEXT not in name}


def test_a_tensor_without_a_counterpart_is_named_in_both_directions():
    with pytest.raises(BenchError, match=r"transformer\.layers\.0\.self_attn\.in_proj_bias: no such tensor"):
        to_transformers(state_of() | {"transformer.layers.0.self_attn.in_proj_bias": torch.zeros(384)})
    with pytest.raises(
        BenchError, match=r"conditioners\.self_wav\.output_proj\.weight: no such tensor in audiocraft's"
    ):
        to_transformers(state_of() | {"condition_provider.conditioners.self_wav.output_proj.weight": torch.zeros(1)})
    with pytest.raises(BenchError, match=r"layers\.0\.fc1\.bias: no such tensor in transformers' MusicGen"):
        to_audiocraft(to_transformers(state_of()) | {"model.decoder.layers.0.fc1.bias": torch.zeros(96)})
    many = {f"surprise.{k}": torch.zeros(1) for k in range(10)}
    with pytest.raises(BenchError, match=r"surprise\.7 and 2 more: no such tensor"):
        to_transformers(state_of() | many)


def test_a_matrix_that_cannot_be_split_or_stacked_is_named():
    with pytest.raises(BenchError, match=r"in_proj_weight: is \(380, 128\), want three square"):
        to_transformers(state_of() | {"transformer.layers.0.self_attn.in_proj_weight": torch.zeros(380, 128)})
    tensors = to_transformers(state_of())
    without = {name: value for name, value in tensors.items() if name != "layers.1.self_attn.k_proj.weight"}
    with pytest.raises(BenchError, match=r"layers\.1\.self_attn\.k_proj\.weight: missing from an attention"):
        to_audiocraft(without)
    with pytest.raises(BenchError, match=r"want equal squares"):
        to_audiocraft(tensors | {"layers.1.self_attn.k_proj.weight": torch.zeros(64, 128)})
    with pytest.raises(BenchError, match=r"give each once"):
        to_audiocraft(tensors | {"decoder.model.decoder.layer_norm.weight": torch.zeros(128)})


def test_sizes_are_read_from_the_tensors_and_heads_from_the_published_rule():
    tensors = to_transformers(state_of())
    assert config_of(tensors) == CONFIG
    assert config_of(tensors, 4).heads == 4
    for heads in (3, 0, "2"):
        with pytest.raises(BenchError, match=rf"{heads} heads do not divide 128 channels; give the number"):
            config_of(tensors, heads)
    with pytest.raises(BenchError, match="is not a MusicGen decoder"):
        config_of({"weight": torch.zeros(1)})


def test_a_package_and_a_bare_state_dict_give_the_same_decoder(tmp_path):
    state = state_of(dtype=torch.float16)
    torch.save(state, tmp_path / "bare.bin")
    one, other = read_decoder(file_of(tmp_path / "a.bin", state)), read_decoder(tmp_path / "bare.bin")
    assert one.config == other.config == CONFIG
    assert same(one.state_dict(), other.state_dict())
    assert torch.equal(one.lm_heads[2].weight, state["linears.2.weight"].float())
    assert not one.training


def test_heads_come_from_the_file_unless_they_are_given(tmp_path):
    path = file_of(
        tmp_path / "a.bin", state_of(), "transformer_lm:\n  num_heads: 8\ncodebooks_pattern: " + json.dumps(DELAYS)
    )
    assert read_package(path)[1].heads == 8
    assert read_package(path, 4)[1].heads == 4
    with pytest.raises(BenchError, match=r"a\.bin: eight heads do not divide"):
        read_package(file_of(path, state_of(), "transformer_lm: {num_heads: eight}"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("fuser: {prepend: [self_wav]}", r"fuser\.prepend is \['self_wav'\], want \[\]"),
        ("fuser: {cross_attention_pos_emb: true}", r"cross_attention_pos_emb is True, want False"),
        ("transformer_lm: {positional_embedding: rope}", "is 'rope', want 'sin'"),
        ("codebooks_pattern: {modeling: parallel}", "is 'parallel', want 'delay'"),
        ("codebooks_pattern: {delay: {delays: [0, 0, 1, 1]}}", r"is \[0, 0, 1, 1\], want \[0, 1, 2, 3\]"),
        ("transformer_lm: [", "cannot be read as YAML"),
    ],
)
def test_another_network_is_refused_by_its_configuration(tmp_path, said, why):
    with pytest.raises(BenchError, match=rf"a\.bin: xp\.cfg: .*{why}"):
        read_package(file_of(tmp_path / "a.bin", state_of(), said))


def test_a_damaged_or_foreign_file_is_one_error(tmp_path):
    path = file_of(tmp_path / "a.bin", state_of())
    whole = path.read_bytes()
    for raw in (b"", b"no weights", whole[: len(whole) // 2], whole[:200] + b"x" * 50 + whole[250:]):
        path.write_bytes(raw)
        with pytest.raises(BenchError, match=rf"{path}: .*; (get it again|give .*)"):
            read_package(path)
    with pytest.raises(BenchError, match=r"none\.bin: cannot be read with weights only"):
        read_package(tmp_path / "none.bin")
    torch.save([1, 2], path)
    with pytest.raises(BenchError, match=r"a\.bin: holds a list; give audiocraft's state_dict\.bin"):
        read_package(path)
    torch.save({"best_state": {"model": state_of()}}, path)
    with pytest.raises(BenchError, match="holds no tensors by name"):
        read_package(path)


def test_tensors_that_are_missing_or_do_not_fit_are_one_error(tmp_path):
    state = state_of()
    state.pop("out_norm.bias")
    with pytest.raises(BenchError, match=r"a\.bin: its tensors do not fit together .*layer_norm\.bias"):
        read_decoder(file_of(tmp_path / "a.bin", state))
    with pytest.raises(BenchError, match=r"a\.bin: its tensors do not fit together .*fc1"):
        read_decoder(
            file_of(tmp_path / "a.bin", state_of() | {"transformer.layers.1.linear1.weight": torch.zeros(9, 128)})
        )


def test_no_code_of_a_file_runs(tmp_path):
    path = tmp_path / "a.bin"
    torch.save({"best_state": state_of(), "xp.cfg": Loud()}, path)
    with pytest.raises(BenchError, match="cannot be read with weights only"):
        read_package(path)


class Loud:
    def __reduce__(self):
        return print, ("code ran",)


def command(*words):
    return CliRunner().invoke(app, ["convert", "audiocraft", *map(str, words)])


def test_the_command_converts_files_in_both_directions(tmp_path):
    source, folder, again = file_of(tmp_path / "a.bin", state_of()), tmp_path / "folder", tmp_path / "again.bin"
    there, back = command(source, folder), command(folder, again, "--json")
    assert (there.exit_code, back.exit_code) == (0, 0)
    assert there.stdout == f"written to {folder}\n" and json.loads(back.stdout) == {"written": str(again)}
    package = torch.load(tmp_path / "again.bin", weights_only=True)
    assert same(package["best_state"], state_of())
    assert package["exported"] is True
    assert read_package(tmp_path / "again.bin")[1] == CONFIG
    assert same(read_transformers(tmp_path / "folder").state_dict(), read_decoder(source).state_dict())


def test_a_codec_is_added_to_the_decoders_folder(tmp_path):
    from safetensors.torch import load_file
    from transformers import EncodecConfig, EncodecModel

    from bench.air.encodec import read_codec

    torch.manual_seed(0)
    small = EncodecConfig(
        target_bandwidths=[1.2], sampling_rate=32000, upsampling_ratios=[8, 5, 4, 4], num_filters=2, hidden_size=8,
        codebook_size=64, num_residual_layers=1, num_lstm_layers=1, normalize=False, use_causal_conv=False,
    )  # fmt: skip
    EncodecModel(small).save_pretrained(tmp_path / "codec")
    source = file_of(tmp_path / "a.bin", state_of())
    convert(source, tmp_path / "folder", codec=tmp_path / "codec")
    assert read_codec(tmp_path / "folder").books == 4
    assert read_transformers(tmp_path / "folder").config == CONFIG
    write_package(tmp_path / "again.bin", *read_package(source))
    convert(tmp_path / "folder", tmp_path / "third.bin")
    third = torch.load(tmp_path / "third.bin", weights_only=True)["best_state"]
    assert same(third, state_of())
    assert any(name.startswith("audio_encoder.") for name in load_file(tmp_path / "folder" / "model.safetensors"))
    with pytest.raises(BenchError, match="is not a transformers folder"):
        write_folder(tmp_path / "other", *read_package(source), codec=tmp_path)


def test_wrong_arguments_give_exit_code_2_and_one_line(tmp_path):
    for words, said in (
        ((tmp_path / "none.bin", tmp_path / "x"), "none.bin: cannot be read"),
        ((tmp_path, tmp_path / "x.bin"), "is not a transformers folder"),
        ((tmp_path, tmp_path / "x.bin", "--heads", 4), "--heads and --codec are for a state_dict.bin"),
    ):
        found = command(*words)
        assert found.exit_code == 2 and said in found.stderr and found.stderr.count("\n") == 1


def test_a_file_that_audiocraft_could_not_read_is_not_written(tmp_path):
    tensors, config = read_package(file_of(tmp_path / "a.bin", state_of()))
    tensors["enc_to_dec_proj.weight"] = torch.zeros(128, 100)
    with pytest.raises(
        BenchError, match=r"output_proj\.weight: missing, or of 100 channels; want one of 512, 768, 1024"
    ):
        write_package(tmp_path / "b.bin", tensors, config)
    assert not (tmp_path / "b.bin").exists()
