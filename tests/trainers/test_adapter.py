"""The trainer of adapters: its random draws, its steps, its validation scores, its weight file."""

import builtins

import numpy as np
import pytest
import torch

from bench.air.adapter import Prompts, merged, of
from bench.air.weights import read_decoder
from bench.errors import MissingComponent, UnknownName
from bench.runtime.executor import Serial
from bench.trainers import adapter as plug
from bench.trainers.adapter.examples import validation_batch
from tests.tiny_mini import CONFIG

FRAMES = 150


def prepared(shared, kind="prompts", **options):
    sizes = {"m": 2, "rank": 2, "steps": 8, "frames": FRAMES, "batch": 2, "long_frames": 180, "long_batch": 1} | options
    trainer = plug.build(
        shared, shared, kind=kind, tokens=str(shared / "codec.safetensors"),
        language=str(shared / "language.safetensors"), train="synthetic-train-2",
        validation="synthetic-validation-1", **sizes,
    )  # fmt: skip
    trainer.prepare(Serial())
    return trainer


@pytest.mark.parametrize("kind", plug.KINDS)
def test_steps_change_only_the_adapter_and_its_file_is_read_back(shared, kind):
    trainer = prepared(shared, kind)
    frozen = read_decoder(shared / "language.safetensors").state_dict()
    begun = {name: value.clone() for name, value in trainer.tensors().items()}
    for k in range(4):
        assert np.isfinite(trainer.step(k)["loss"])
    now = {
        name.replace(".base_layer", ""): v for name, v in trainer._decoder.state_dict().items() if "lora_" not in name
    }
    assert set(now) == set(frozen) and all(torch.equal(now[name], frozen[name]) for name in frozen)
    tensors = trainer.tensors()
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    assert all(not torch.equal(value, begun[name]) for name, value in tensors.items())
    if kind == "lora":
        assert set(tensors) == {f"lora.0.{p}.{end}" for p in plug._PROJECTIONS for end in ("down", "up")}
        made = merged(read_decoder(shared / "language.safetensors"), tensors)
        assert not torch.equal(made.layers[0].self_attn.q_proj.weight, frozen["layers.0.self_attn.q_proj.weight"])
    else:
        again = of(tensors, CONFIG)
        assert all(torch.equal(v.half(), tensors[name]) for name, v in again.named_parameters())


def test_a_step_depends_only_on_seed_and_number_and_every_fourth_is_long(shared, monkeypatch):
    seen = []
    real = plug.loss_of
    monkeypatch.setattr(plug, "loss_of", lambda *a: seen.append(a[1].clone()) or real(*a))
    first, second = prepared(shared), prepared(shared)
    for k in (3, 1, 2):
        first.step(k)
    second.step(2)
    assert [tuple(prefix.shape) for prefix in seen] == [(1, 4, 180), (2, 4, FRAMES), (2, 4, FRAMES), (2, 4, FRAMES)]
    assert torch.equal(seen[2], seen[3]) and not torch.equal(seen[1], seen[2])
    other = prepared(shared, seed=2)
    other.step(2)
    assert not torch.equal(seen[4], seen[3])


def test_an_adapters_initial_values_depend_only_on_the_seed(shared):
    """Shipped weights can be reproduced bit for bit only if random numbers are drawn in the same order."""
    torch.manual_seed(1)
    expected = Prompts(read_decoder(shared / "language.safetensors").config, 2).adaptor
    assert torch.equal(prepared(shared)._adapter.adaptor, expected)


def controls_of(trainer, n_draws=60):
    songs = trainer._examples.songs
    names_of_controls = []
    for seed in range(n_draws):
        codes = trainer._examples.control(np.random.default_rng(seed), "train-0001", 30, FRAMES)
        names = [
            p
            for p in ("drums", "chords", "piano", "silence")
            if np.array_equal(codes, songs.crop("train-0001", p, 30, FRAMES))
        ]
        names_of_controls.append(names[0] if names else "several")
    return names_of_controls


def test_a_tenth_of_the_examples_has_no_control(shared):
    names_of_controls = controls_of(prepared(shared, controls=("drums",)), 400)
    assert set(names_of_controls) == {"drums", "silence"}
    assert names_of_controls.count("silence") / 400 == pytest.approx(0.1, abs=0.05)


def test_without_controls_there_is_silence(shared):
    assert set(controls_of(prepared(shared, controls=()))) == {"silence"}


def test_several_controls_are_given_one_by_one_or_summed(shared):
    trainer = prepared(shared, controls=("drums", "chords", "piano"), several=0.5)
    assert set(controls_of(trainer)) == {"drums", "chords", "piano", "silence", "several"}
    assert "several" not in controls_of(prepared(shared, controls=("drums", "chords"), several=0.0))
    both = prepared(shared, controls=("drums", "chords"), several=1.0)
    codes = [both._examples.control(np.random.default_rng(s), "train-0001", 30, FRAMES) for s in range(4)]
    cut = [both._examples.sounds.cut("train-0001", kind, 30 * 640, FRAMES * 640) for kind in ("drums", "chords")]
    assert any(np.array_equal(one, both._tokeniser.encode(cut[0] + cut[1])) for one in codes)


def test_masks_are_everything_long_holes_or_scattered(shared):
    trainer = prepared(shared)
    flags = [trainer._examples.masked(np.random.default_rng(seed), 500) for seed in range(300)]
    whole = np.mean([flag.all() for flag in flags])
    holes = [np.count_nonzero(np.diff(np.concatenate([[0], flag.astype(int), [0]])) == 1) for flag in flags]
    long = np.mean([n <= 4 and not flag.all() for n, flag in zip(holes, flags, strict=True)])
    assert whole == pytest.approx(0.3, abs=0.08) and long == pytest.approx(0.25, abs=0.08)
    assert np.mean([n > 4 for n in holes]) == pytest.approx(0.45, abs=0.08)


def test_a_fixed_ratio_is_used_for_every_mask(shared):
    trainer = prepared(shared, masks="scatter", ratio=0.5)
    shares = [trainer._examples.masked(np.random.default_rng(seed), 500).mean() for seed in range(50)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.06) and max(shares) < 1


def test_an_example_has_the_control_where_it_is_masked_and_the_mix_elsewhere(shared):
    trainer = prepared(shared)
    for seed in range(5):
        prefix, mix, masked = trainer._examples.draw(np.random.default_rng(seed), FRAMES)
        assert prefix.shape == mix.shape == (4, FRAMES) and masked.shape == (FRAMES,)
        flags = torch.from_numpy(masked)
        assert torch.equal(prefix[:, ~flags], mix[:, ~flags])


def test_exchanged_controls_are_other_crops_of_the_same_mixes(shared):
    trainer = prepared(shared, controls=("drums", "chords"))
    right, wrong = validation_batch(trainer._unseen, trainer._sources["controls"], np.random.default_rng(0), FRAMES)
    assert len(right) == len(wrong) == 8
    for (own, mix, flags), (other, same_mix, same_flags) in zip(right, wrong, strict=True):
        assert torch.equal(mix, same_mix) and np.array_equal(flags, same_flags)
        assert not torch.equal(own, other)
        hidden = torch.from_numpy(flags)
        assert torch.equal(own[:, ~hidden], other[:, ~hidden])
    assert [flags.all() for _, _, flags in right] == [True] * 4 + [False] * 4


def test_validation_is_the_same_every_time_and_leaves_training_as_it_was(shared):
    trainer = prepared(shared, "aligned")
    first = trainer.validate()
    assert first == trainer.validate() and set(first) == {"loss", "gap"}
    assert trainer._adapter.training and first["loss"] > 0
    # With gates of 0, only the frozen decoder sees the control.
    trainer.step(0)
    assert trainer.validate() != first


def test_an_ignored_control_has_a_gap_of_0(shared):
    trainer = prepared(shared, controls=())
    assert trainer.validate()["gap"] == pytest.approx(0.0, abs=1e-6)


def test_a_checkpoint_holds_the_adapter_and_no_frozen_tensor(shared):
    for kind, expected in (("prompts", {"adaptor", "gates"}), ("lora", None)):
        kept = prepared(shared, kind).state()["network"]
        assert set(kept) == expected if expected else all("lora_" in name for name in kept)


def test_an_unknown_kind_is_refused_with_the_nearest_name(shared):
    with pytest.raises(UnknownName, match="no kind of adapter is called 'prompt'; did you mean prompts"):
        plug.build(shared, shared, kind="prompt")


def test_low_rank_without_peft_says_how_to_get_it(shared, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "peft":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingComponent, match=r"pip install 'steerbench\[train\]'"):
        prepared(shared, "lora")
