"""The trainer of the mini language model: its prefixes, its initial network, its weight file."""

import numpy as np
import pytest
import torch

from bench.air.sequence import Layout
from bench.air.weights import read_decoder
from bench.runtime.executor import Serial
from bench.runtime.tensors import write_tensors
from bench.trainers import mini_language as plug

FRAMES = 150


def prepared(shared, **options):
    sizes = {"width": 32, "depth": 2, "heads": 4, "steps": 10, "frames": FRAMES, "batch": 3, "long_frames": 180, "long_batch": 2} | options  # fmt: skip
    trainer = plug.build(
        shared, shared, tokens=str(shared / "codec.safetensors"), train="synthetic-train-2",
        validation="synthetic-validation-1", **sizes,
    )  # fmt: skip
    trainer.prepare(Serial())
    return trainer


@pytest.fixture
def trainer(shared):
    return prepared(shared)


def test_prefixes_hold_the_mix_a_stem_or_silence_and_never_a_target_control(trainer, monkeypatch):
    songs, asked = trainer._songs, []
    real = type(songs).crop
    monkeypatch.setattr(
        type(songs), "crop", lambda self, track, part, *rest: asked.append(part) or real(self, track, part, *rest)
    )
    for seed in range(60):
        plug._batch(songs, np.random.default_rng(seed), 2, FRAMES)
    controls = asked[1::2]
    assert set(asked[::2]) == {"mix"} and set(controls) == {"mix", "bass", "other", "silence"}
    shares = {part: controls.count(part) / len(controls) for part in set(controls)}
    assert shares["mix"] == pytest.approx(0.15, abs=0.1)
    assert shares["bass"] > shares["other"]


def test_a_batch_is_prefixes_and_mixes_of_one_length(trainer):
    prefix, mix = plug._batch(trainer._songs, np.random.default_rng(0), 5, FRAMES)
    assert prefix.shape == mix.shape == (5, 4, FRAMES) and prefix.dtype == torch.long
    assert mix.min() >= 0 and mix.max() < 512


def test_half_of_the_prefixes_are_a_stem_throughout(trainer):
    flags = [plug._flags(rng, 500) for rng in [np.random.default_rng(0)] for _ in range(600)]
    assert np.mean([flag.all() for flag in flags]) == pytest.approx(0.5, abs=0.08)
    assert not any(flag.sum() == 0 for flag in flags)


def test_long_excerpts_come_in_the_last_fifth(trainer, monkeypatch):
    seen = []
    monkeypatch.setattr(
        type(trainer),
        "_loss",
        lambda self, batch, rng: seen.append(batch[0].shape) or self.learner.network.segments.sum(),
    )
    for k in range(10):
        trainer.step(k)
    assert [tuple(shape) for shape in seen] == [(3, 4, FRAMES)] * 8 + [(2, 4, 180)] * 2


def test_the_initial_network_tends_to_repeat_its_prefix(trainer):
    network = trainer.learner.network.eval()
    prefix = torch.randint(0, 512, (1, 4, 40))
    layout = Layout(40, 4)
    inputs = layout.inputs(torch.cat([prefix, torch.full_like(prefix, 512)], dim=2), 512)
    with torch.inference_mode():
        scores = network.logits(network(inputs, prefix=prefix, n_prefix=40)[:, 40:])
    targets = layout.targets(prefix)
    known = targets >= 0
    own = scores.log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0][known]
    assert float(own.mean()) > -np.log(512)
    ranks = (scores > scores.gather(-1, targets.clamp(min=0)[..., None])).sum(-1)[known]
    assert float(ranks.float().mean()) < 100


def test_steps_train_everything_and_the_file_is_read_back(shared, trainer, tmp_path):
    before = {name: value.clone() for name, value in trainer.tensors().items()}
    assert all(np.isfinite(trainer.step(k)["loss"]) for k in range(3))
    tensors = trainer.tensors()
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    unchanged = {name for name, value in tensors.items() if torch.equal(value, before[name])}
    assert not unchanged
    write_tensors(tmp_path / "x.safetensors", tensors, trainer.about())
    again = read_decoder(tmp_path / "x.safetensors")
    assert again.config == trainer.learner.network.config and again.config.is_mini
    assert all(torch.equal(value.half(), tensors[name]) for name, value in again.state_dict().items())


def test_validation_is_the_same_every_time_and_in_nats(trainer):
    first = trainer.validate()
    assert first == trainer.validate() and 0 < first["loss"] < 20


def test_the_same_seed_gives_the_same_initial_values_and_steps(shared, trainer):
    again = prepared(shared)
    assert trainer.step(0) == again.step(0)
    assert all(torch.equal(a, b) for a, b in zip(trainer.tensors().values(), again.tensors().values(), strict=True))
    assert prepared(shared, seed=2).step(0) != prepared(shared).step(0)
