"""EnCodec through this project's interface against transformers', and folders that hold no EnCodec."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.air.encodec import read_codec
from bench.errors import BenchError
from tests.air.tiny_musicgen import musicgen, write_musicgen


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_musicgen(tmp_path_factory.mktemp("weights"))


def sounds(n=3, seconds=1.0):
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1 * (k + 1), round(32000 * seconds)).astype(np.float32) for k in range(n)]


def copied(folder, tmp_path, renamed=lambda name: name, **changes):
    """Write the folder again with other tensor names and other keys in the codec's configuration."""
    keys = json.loads((folder / "config.json").read_text())
    keys["audio_encoder"] |= changes
    (tmp_path / "config.json").write_text(json.dumps(keys))
    state = load_file(folder / "model.safetensors")
    save_file({renamed(name): value for name, value in state.items()}, tmp_path / "model.safetensors")
    return tmp_path


def test_tokens_and_sound_equal_those_of_transformers(folder):
    codec, theirs = read_codec(folder), musicgen().audio_encoder
    tokens = codec.encode(sounds())
    assert tokens.shape == (3, 4, 50) and (codec.sample_rate, codec.books, codec.keeps_phase) == (32000, 4, True)
    assert len(tokens.unique()) > 20
    decoded = codec.decode(tokens)
    with torch.inference_mode():
        for k, sound in enumerate(sounds()):
            expected = theirs.encode(torch.from_numpy(sound)[None, None]).audio_codes
            assert torch.equal(expected[0, 0], tokens[k])
            heard = theirs.decode(expected, [None]).audio_values[0, 0].numpy()
            assert np.array_equal(decoded[k], heard)
            assert heard.dtype == decoded[k].dtype == np.float32 and len(heard) == 32000
    assert codec.parameters == sum(value.numel() for value in theirs.parameters())


def test_a_sounds_tokens_do_not_depend_on_its_batch(folder):
    codec = read_codec(folder)
    together = codec.encode(sounds())
    assert all(torch.equal(codec.encode([sound])[0], together[k]) for k, sound in enumerate(sounds()))


@pytest.mark.parametrize("n_frames", [1, 7, 50])
def test_only_whole_frames_are_encoded(folder, n_frames):
    codec = read_codec(folder)
    tokens = codec.encode([sounds(1)[0][: 640 * n_frames]])
    assert tokens.shape == (1, 4, n_frames)
    assert [len(sound) for sound in codec.decode(tokens)] == [640 * n_frames]


def test_the_names_of_the_published_files_are_read_too(folder, tmp_path):
    def older(name):
        older = name.replace("parametrizations.weight.original0", "weight_g")
        return older.replace("parametrizations.weight.original1", "weight_v")

    copied(folder, tmp_path, older)
    assert any(name.endswith("weight_g") for name in load_file(tmp_path / "model.safetensors"))
    assert torch.equal(read_codec(tmp_path).encode(sounds()), read_codec(folder).encode(sounds()))


def test_an_encodec_folder_alone_is_read_too(folder, tmp_path):
    musicgen().audio_encoder.save_pretrained(tmp_path)
    assert torch.equal(read_codec(tmp_path).encode(sounds(1)), read_codec(folder).encode(sounds(1)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio_channels": 2}, "holds no readable EnCodec .*size mismatch"),
        ({"normalize": True}, "normalize=True; want the mono codec of MusicGen"),
        ({"sampling_rate": 24000, "target_bandwidths": [0.95]}, "38 frames a second .* want the mono codec"),
        ({"hidden_size": 8}, "holds no readable EnCodec .*get it again"),
        ({"upsampling_ratios": "many"}, "holds no readable EnCodec .*get it again"),
    ],
)
def test_another_codec_is_refused_with_the_reason(folder, tmp_path, changes, said):
    with pytest.raises(BenchError, match=said):
        read_codec(copied(folder, tmp_path, **changes))


def test_missing_and_damaged_files_are_refused(folder, tmp_path):
    with pytest.raises(BenchError, match=r"holds no readable EnCodec \(.*config\.json"):
        read_codec(tmp_path)
    copied(folder, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(BenchError, match=r"model\.safetensors: cannot be read as safetensors .*get it again"):
        read_codec(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(BenchError, match=r"holds no model\*\.safetensors"):
        read_codec(tmp_path)
    save_file({"other": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(BenchError, match=r"holds no readable EnCodec .*Missing key"):
        read_codec(tmp_path)
