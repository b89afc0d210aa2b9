"""The trainer of the mini separator: its mixtures, its loss, its SDR."""

import numpy as np
import pytest
import torch

from bench.mini.separator import of
from bench.runtime.executor import Serial
from bench.trainers import mini_separator as plug


@pytest.fixture
def trainer(shared):
    made = plug.build(
        shared, shared, train="synthetic-train-2", validation="synthetic-validation-1", width=8, depth=2, steps=6,
        batch=4, crop_s=0.5,
    )  # fmt: skip
    made.prepare(Serial())
    return made


def test_some_mixtures_have_no_drums_and_some_nothing_else(trainer):
    made = [trainer._mixture(np.random.default_rng(seed)) for seed in range(300)]
    assert {mixture.mix.shape for mixture in made} == {(16000,)}
    assert np.mean([not mixture.drums.any() for mixture in made]) == pytest.approx(plug._NO_DRUMS, abs=0.04)
    alone = [np.allclose(mixture.mix, mixture.drums, atol=1e-6) for mixture in made]
    assert np.mean(alone) == pytest.approx(plug._NO_REST, abs=0.04)


def test_a_mixture_depends_on_its_generator_alone(trainer):
    first, second = (trainer._mixture(np.random.default_rng([1, 7])) for _ in range(2))
    assert np.array_equal(first.mix, second.mix) and np.array_equal(first.drums, second.drums)


def test_the_loss_is_0_where_the_drums_are_the_whole_mix_and_the_mask_is_open(trainer, monkeypatch):
    mix = 0.1 * torch.randn(2, 16000)
    network = trainer.learner.network
    monkeypatch.setattr(network, "shares", lambda spectrum: torch.ones_like(spectrum.real))
    # The error is 0 and its decibels are at their floor: 1e-3 against 1.
    assert float(trainer._loss(mix, mix)) == pytest.approx(-30 * plug._DB_WEIGHT, abs=1e-3)
    assert float(trainer._loss(mix, torch.zeros_like(mix))) > 0.5


def test_the_score_is_the_sdr_of_the_drums(trainer, monkeypatch):
    network = trainer.learner.averaged
    drums = trainer._unseen.cut("validation-0001", "drums", 10 * 32000, 15 * 32000)
    monkeypatch.setattr(type(network), "forward", lambda self, mix: torch.from_numpy(drums)[None] * 0.9)
    assert trainer.validate()["sdr"] == pytest.approx(20.0, abs=1e-3)
    monkeypatch.setattr(type(network), "forward", lambda self, mix: torch.zeros_like(mix))
    assert trainer.validate() == {"sdr": pytest.approx(0.0, abs=1e-4), "sdr_mixed": pytest.approx(0.0, abs=1e-4)}


def test_steps_train_the_network_and_it_is_read_back(trainer):
    before = {name: value.clone() for name, value in trainer.tensors().items()}
    losses = [trainer.step(k)["loss"] for k in range(6)]
    assert np.isfinite(losses).all()
    tensors = trainer.tensors()
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    assert all(not torch.equal(value, before[name]) for name, value in tensors.items())
    again = of({name: value.numpy() for name, value in tensors.items()})
    assert all(torch.equal(value.half(), tensors[name]) for name, value in again.state_dict().items())
