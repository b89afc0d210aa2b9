"""Choice: each request gets the adapter for its controls, and models that have only some adapters."""

import shutil

import numpy as np
import pytest

from bench import plugins
from bench.air.choice import Choice, Continuing
from bench.air.generate import Sampling
from bench.audio import Audio
from bench.errors import MissingComponent
from bench.example import Control, Request
from bench.mask import centre
from bench.runtime.weights import VARIABLE, sha256_of
from tests.tiny_mini import write_mini

RATE, N_FRAMES = 32000, 40


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_mini(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def weights(made, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(made))
    return made


def request(kinds, seed=0):
    rng = np.random.default_rng(seed)
    mask = centre(N_FRAMES)
    sound = np.where(mask.inside(RATE), 0, rng.normal(0, 0.1, N_FRAMES * 640)).astype(np.float32)
    heard = Audio(rng.normal(0, 0.1, N_FRAMES * 640), RATE)
    return Request(
        "song", "t", 1, Audio(sound, RATE), mask, {kind: Control(kind, heard, heard) for kind in kinds}, seed=seed
    )


def test_outputs_of_requests_with_different_controls_keep_their_order():
    model = Choice("air", "mini", Sampling(temperature=0), "cpu")
    requests = [request(("drums",), 1), request((), 2), request(("drums", "piano"), 3), request(("drums",), 4)]
    together = model.edit(requests)
    alone = [model.edit([one])[0] for one in requests]
    assert [a.sha256() for a in together] == [a.sha256() for a in alone]
    assert len({a.sha256() for a in together}) == 4
    assert model.edit([]) == []


def test_the_adapter_of_the_control_is_used(weights):
    mine = weights / "mini"
    model = Choice("air", "mini", Sampling(), "cpu")
    drums, joint = (sha256_of(mine / f"air-mini-{name}.safetensors")[:12] for name in ("drums", "joint"))
    assert f"air-mini-drums {drums}" in model.identity and f"air-mini-joint {joint}" in model.identity
    assert model.identity.count(" / ") == 1
    assert model.trainable_parameters == 4 * (3 * 32 + 1) and model.parameters > model.trainable_parameters


def test_a_model_with_one_adapter_refuses_other_controls():
    model = plugins.load("models", "lora-mini")
    assert "lora-mini-drums" in model.identity and " / " not in model.identity
    assert model.edit([request(("drums",))])[0].n_samples == N_FRAMES * 640
    with pytest.raises(MissingComponent, match="lora-mini for chords needs it; put it there"):
        model.edit([request(("chords",))])


def test_a_model_without_any_adapter_is_not_built():
    with pytest.raises(
        MissingComponent, match=r"another-mini-drums\.safetensors: missing; another-mini for drums needs it"
    ):
        Choice("another", "mini", Sampling(), "cpu")


def test_the_frozen_decoder_needs_no_adapter_and_follows_nothing():
    model = Continuing("mini", Sampling(temperature=0), "cpu")
    first, second = (model.edit([request(kinds)])[0] for kinds in ((), ("drums",)))
    assert first.sha256() == second.sha256()
    assert "continues" in model.identity and model.parameters > 0


def test_one_file_may_be_used_for_every_control(weights, tmp_path):
    mine = tmp_path / "mine.safetensors"
    shutil.copy(weights / "mini" / "air-mini-joint.safetensors", mine)
    usual, named = (
        Choice("air", "mini", Sampling(0), "cpu"),
        Choice("air", "mini", Sampling(0), "cpu", adapter=str(mine)),
    )
    assert named.identity.startswith("mine ") and " / " not in named.identity
    for kinds, is_same in (((), True), (("drums",), False)):
        hashes = [model.edit([request(kinds)])[0].sha256() for model in (usual, named)]
        assert (hashes[0] == hashes[1]) == is_same
    shipped = plugins.load("models", "air-mini", adapter="air-mini-joint")
    assert shipped.identity.startswith("air-mini-joint ")
    with pytest.raises(MissingComponent, match=r"none\.pth: missing; .*or give the name of a shipped adapter"):
        Choice("air", "mini", Sampling(), "cpu", adapter="none.pth")
