"""The trainer of the mini codec: its spectral distance and its weight file."""

import numpy as np
import pytest
import torch

from bench.mini.codec import Codec
from bench.runtime.executor import Serial
from bench.runtime.tensors import read_tensors, write_tensors
from bench.trainers import mini_codec as plug


def built(folder, shared, **options):
    sizes = {"width": 8, "depth": 1, "steps": 4, "batch": 2, "crop_s": 0.6} | options
    tokens = str(shared / "codec.safetensors")
    return plug.build(folder, shared, tokens, train="synthetic-train-2", validation="synthetic-validation-1", **sizes)


@pytest.fixture(scope="module")
def prepared(shared, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        from tests.tiny_songs import use_songs

        use_songs(patch)
        trainer = built(tmp_path_factory.mktemp("codec"), shared)
        trainer.prepare(Serial())
    return trainer


def test_the_distance_of_a_sound_to_itself_is_0_and_grows_with_the_difference():
    torch.manual_seed(0)
    sound = 0.1 * torch.randn(2, 19200)
    assert float(plug._loss(sound, sound)) == 0
    losses = [float(plug._loss(sound + level * torch.randn(2, 19200), sound)) for level in (0.001, 0.01, 0.1)]
    assert 0 < losses[0] < losses[1] < losses[2]
    # Phase does not count: sounds with equal magnitudes are near, whatever their signs.
    assert float(plug._loss(-sound, sound)) == pytest.approx(0, abs=1e-6)


def test_the_distance_of_a_gain_is_its_logarithm():
    tone = 0.5 * torch.sin(2 * torch.pi * 440 * torch.arange(19200) / 32000)[None]
    twice, four = (float(plug._distance(tone / gain, tone, 1024, 40)) for gain in (2, 4))
    assert 0 < twice < four < np.log(4) + 0.5


def test_a_batch_is_tokens_with_their_sound(prepared):
    codes, sounds = prepared._batch(prepared._songs, prepared._codes, 3)
    assert codes.shape == (2, 4, 30) and sounds.shape == (2, 30 * 640)
    again, same = prepared._batch(prepared._songs, prepared._codes, 3)
    assert torch.equal(codes, again) and torch.equal(sounds, same)
    for code, sound in zip(codes, sounds, strict=True):
        alone = prepared.tokeniser.encode(sound.numpy())
        middle = slice(10, 20)
        assert (torch.from_numpy(alone)[:, middle] == code[:, middle]).float().mean() > 0.9


def test_steps_train_the_network_and_leave_the_codebooks(prepared, tmp_path):
    before = {name: value.clone() for name, value in prepared.network.state_dict().items()}
    assert np.isfinite(prepared.step(0)["loss"]) and prepared.validate() == prepared.validate()
    after = prepared.network.state_dict()
    assert all(torch.equal(after[f"book{k}"], before[f"book{k}"]) for k in range(4))
    assert not torch.equal(after["tones.weight"], before["tones.weight"]) and prepared.network.training
    tensors = prepared.tensors()
    write_tensors(tmp_path / "mini-codec.safetensors", tensors)
    codec = Codec(tmp_path / "mini-codec.safetensors")
    assert all(
        np.array_equal(a, b) for a, b in zip(codec.tokeniser.centroids, prepared.tokeniser.centroids, strict=True)
    )
    kept = read_tensors(tmp_path / "mini-codec.safetensors")
    assert {str(v.dtype) for name, v in kept.items() if name.startswith("vocoder.")} == {"float16"}
    assert {str(v.dtype) for name, v in kept.items() if name.startswith("tokens.")} == {"float32"}
    sound = prepared._songs.cut("train-0001", "mix", 0, 32000)
    assert codec.decode(codec.encode([sound]))[0].shape == (32000,)
