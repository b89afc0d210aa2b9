import copy

import numpy as np
import pytest
import torch

from bench.air.adapter import Aligned, Prefix, Prompts, merged, of
from bench.air.decoder import MUSICGEN, Config
from bench.air.generate import Sampling, generate
from bench.air.loss import loss_of
from bench.errors import BenchError
from bench.training.loop import Learner
from tests.air.small import small_adapter, small_decoder, small_request


def test_the_number_of_parameters_is_that_of_the_paper():
    config = small_decoder().config
    assert count(Prompts(config, 5)) == 4 * 3 * (5 * 32 + 1)
    with torch.device("meta"):
        assert count(Prompts(MUSICGEN["large"], 10)) == 3_932_352
        assert count(Prompts(MUSICGEN["large"], 50)) == 19_660_992


def count(module):
    return sum(value.numel() for value in module.parameters())


@pytest.mark.parametrize("kind", ["prompts", "aligned", "prefix"])
def test_only_the_adapter_gets_gradients(kind):
    decoder = small_decoder(is_mini=True)
    adapter = small_adapter(kind, decoder.config).train()
    prefix, _, types = small_request()
    loss_of(decoder, prefix, prefix, None, types, adapter).backward()
    assert all(value.grad is None for value in decoder.parameters())
    assert all(value.grad is not None and value.grad.abs().max() > 0 for value in adapter.parameters())


def test_attention_to_prompts_is_the_papers_formula_step_by_step():
    decoder = small_decoder()
    adapter = small_adapter("prompts", decoder.config)
    _, _, types = small_request()
    query = torch.randn(3, 4, types.shape[1], 8)
    attended = adapter.attended(1, query, types, decoder)
    frozen = decoder.layers[1]
    normed = frozen.self_attn_layer_norm(adapter.adaptor[1])
    for b, n in [(0, 0), (1, 17), (2, 40), (0, 62)]:
        kind = int(types[b, n])
        for head in range(4):
            part = slice(8 * head, 8 * head + 8)
            keys = frozen.self_attn.k_proj(normed[kind])[:, part]
            values = frozen.self_attn.v_proj(normed[kind])[:, part]
            weights = torch.softmax(keys @ query[b, head, n] / 8**0.5, dim=0)
            torch.testing.assert_close(attended[b, head, n], adapter.gates[1, kind] * (weights @ values))


def test_the_path_adds_the_prefix_frame_at_the_time_of_the_predicted_one():
    decoder = small_decoder()
    adapter = small_adapter("aligned", decoder.config)
    _, masked, types = small_request()
    x = torch.randn(3, types.shape[1], 32)
    changed = adapter.before(2, x, types, 0, 30, None)
    assert torch.equal(changed[:, :30], x[:, :30])
    for b, t in [(0, 0), (1, 11), (2, 25), (0, 29)]:
        source = torch.nn.functional.layer_norm(x[b, min(t + 4, 29)], (32,))
        path = adapter.up[2] @ torch.nn.functional.gelu(adapter.down[2] @ source)
        gate = adapter.path_gates[2, 0 if masked[b, t] else 1]
        torch.testing.assert_close(changed[b, 30 + t], x[b, 30 + t] + gate * path)


def test_cached_keys_and_values_of_prompts_are_dropped_by_training():
    decoder = small_decoder()
    adapter = small_adapter("prompts", decoder.config)
    _, _, types = small_request()
    query = torch.randn(3, 4, types.shape[1], 8)
    first = adapter.attended(0, query, types, decoder)
    adapter.train()
    with torch.no_grad():
        adapter.adaptor.mul_(-1)
    adapter.eval()
    assert not torch.allclose(first, adapter.attended(0, query, types, decoder))


def test_low_rank_matrices_are_added_to_a_copy():
    decoder = small_decoder()
    down, up = torch.randn(2, 32), torch.randn(32, 2)
    made = merged(decoder, {"lora.1.q_proj.down": down, "lora.1.q_proj.up": up})
    before, after = (d.layers[1].self_attn.q_proj.weight for d in (decoder, made))
    torch.testing.assert_close(after, before + up @ down)
    assert torch.equal(decoder.layers[0].self_attn.q_proj.weight, made.layers[0].self_attn.q_proj.weight)
    with pytest.raises(BenchError, match=r"lora\.9\.q_proj\.down"):
        merged(decoder, {"lora.9.q_proj.down": down, "lora.9.q_proj.up": up})


@pytest.mark.parametrize("kind", ["prompts", "aligned", "prefix"])
def test_an_adapter_is_rebuilt_from_its_tensors(kind):
    config = small_decoder().config
    adapter = small_adapter(kind, config)
    again = of({name: value.detach() for name, value in adapter.named_parameters()}, config)
    assert type(again) is type(adapter)
    for (name, value), (_, other) in zip(adapter.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(value, other), name


def test_tensors_of_another_decoder_are_refused_by_name():
    config = small_decoder().config
    with pytest.raises(BenchError, match=r"gates: is \(2, 4\), want \(3, 4\) for a decoder of 3 layers"):
        of({"adaptor": torch.zeros(3, 4, 5, 32), "gates": torch.zeros(2, 4)}, config)
    with pytest.raises(BenchError, match="want adaptor and gates"):
        of({"weights": torch.zeros(3)}, config)


def test_untrained_aligned_paths_are_closed():
    config = small_decoder().config
    assert not Aligned(config, 5, 8).path_gates.any()


@pytest.mark.parametrize(("depth", "width", "m", "rank"), [(3, 32, 5, 8), (1, 16, 1, 1)])
def test_the_aligned_form_adds_two_matrices_and_two_gates_a_layer(depth, width, m, rank):
    config = Config(width, depth, 2, 4 * width)
    assert count(Prompts(config, m)) == 4 * depth * (m * width + 1)
    assert count(Aligned(config, m, rank)) == 4 * depth * (m * width + 1) + depth * (2 * rank * width + 2)
    assert count(Prefix(config, m)) == 2 * depth * m * width


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_the_number_of_aligned_parameters_follows_its_formula_at_published_sizes(size):
    config = MUSICGEN[size]
    with torch.device("meta"):
        aligned = Aligned(config, 10, 32)
    assert count(aligned) == 4 * config.depth * (10 * config.width + 1) + config.depth * (64 * config.width + 2)


def stepped(decoder, adapter):
    """Take one training step and return the decoder's tensors from before it."""
    before = {name: value.detach().clone() for name, value in decoder.state_dict().items()}
    prefix, _, types = small_request()
    learner = Learner(decoder if adapter is None else adapter, 0.1, 10)
    learner.learn(0, loss_of(decoder, prefix, prefix.flip(2), np.random.default_rng(0), types, adapter))
    return before


@pytest.mark.parametrize("kind", ["prompts", "aligned", "prefix"])
def test_a_training_step_changes_the_adapter_and_no_bit_of_the_decoder(kind):
    decoder = small_decoder(is_mini=True)
    adapter = small_adapter(kind, decoder.config).train()
    trained = {name: value.detach().clone() for name, value in adapter.named_parameters()}
    before = stepped(decoder, adapter)
    assert all(torch.equal(value, before[name]) for name, value in decoder.state_dict().items())
    assert all(value.grad is None for value in decoder.parameters())
    assert all(not torch.equal(value, trained[name]) for name, value in adapter.named_parameters())


def with_low_rank(decoder):
    from peft import LoraConfig, inject_adapter_in_model

    names = ["q_proj", "k_proj", "v_proj", "out_proj"]
    return inject_adapter_in_model(LoraConfig(r=2, lora_alpha=2, lora_dropout=0.0, target_modules=names), decoder)


def test_a_low_rank_training_step_changes_only_its_own_matrices():
    decoder = with_low_rank(small_decoder(is_mini=True))
    before = stepped(decoder, None)
    for name, value in decoder.named_parameters():
        is_its_own = "lora_" in name
        assert value.requires_grad == is_its_own and (value.grad is not None) == is_its_own, name
        # B is initialised with 0, so that A gets a gradient of 0 and only decays.
        assert torch.equal(value, before[name]) != is_its_own, name


@pytest.mark.parametrize("is_half", [False, True])
def test_merged_low_rank_matrices_give_pefts_logits(is_half):
    frozen = small_decoder(is_mini=True)
    injected = with_low_rank(copy.deepcopy(frozen))
    tensors = {}
    for name, value in injected.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.3)
            if is_half:
                value.data = value.data.half().float()
            _, layer, _, projection, matrix, _, _ = name.split(".")
            end = {"lora_A": "down", "lora_B": "up"}[matrix]
            tensors[f"lora.{layer}.{projection}.{end}"] = value.detach().half() if is_half else value.detach()
    prefix, _, types = small_request()
    tokens = torch.randint(0, 48, (3, 4, types.shape[1]))
    with torch.inference_mode():
        expected, logits, plain = (
            d.logits(d(tokens, prefix=prefix, n_prefix=30)) for d in (injected, merged(frozen, tensors), frozen)
        )
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits, plain, atol=1e-2)


@pytest.mark.parametrize("kind", ["prompts", "aligned", "prefix"])
def test_a_float32_adapter_works_on_a_bfloat16_decoder(kind):
    decoder = small_decoder().bfloat16()
    adapter = small_adapter(kind, decoder.config)
    prefix, _, types = small_request()
    made = generate(decoder, prefix, types, adapter, Sampling(temperature=0), [1, 2, 3])
    assert made.shape == prefix.shape


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"adaptor": (5,), "gates": (3, 4)}, r"tensor adaptor: is \(5,\), want 4 axes"),
        ({"adaptor": (), "gates": (3, 4)}, r"tensor adaptor: is \(\), want 4 axes"),
        ({"adaptor": (3, 4, 5, 31), "gates": (3, 4)}, r"tensor adaptor: is \(3, 4, 5, 31\), want \(3, 4, 5, 32\)"),
        ({"adaptor": (3, 4, 5, 32), "gates": (3,)}, r"tensor gates: is \(3,\), want \(3, 4\)"),
        ({"past": (3, 2, 4, 5)}, r"tensor past: is \(3, 2, 4, 5\), want 5 axes"),
        ({"past": (3, 2, 5, 5, 8)}, r"tensor past: is \(3, 2, 5, 5, 8\), want \(3, 2, 4, 5, 8\)"),
        ({}, "holds no tensors, want adaptor and gates"),
    ],
)
def test_tensors_of_wrong_shapes_are_refused_by_name(tensors, said):
    with pytest.raises(BenchError, match=said):
        of({name: torch.zeros(shape) for name, shape in tensors.items()}, small_decoder().config)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lora.1.q_proj.down": torch.zeros(2, 31)}, r"lora\.1\.q_proj\.down: does not fit"),
        ({"lora.1.q_proj.up": torch.zeros(32, 3)}, r"lora\.1\.q_proj\.down: does not fit"),
        ({"lora.1.heads.down": torch.zeros(2, 32)}, r"lora\.1\.heads\.down: does not fit"),
        ({"lora.x.q_proj.down": torch.zeros(2, 32)}, r"lora\.x\.q_proj\.down: does not fit"),
        ({"lora.0.v_proj.down": torch.zeros(2, 32)}, r"lora\.0\.v_proj\.down: does not fit"),
    ],
)
def test_low_rank_matrices_that_do_not_fit_are_refused_by_name(changed, said):
    tensors = {"lora.1.q_proj.down": torch.zeros(2, 32), "lora.1.q_proj.up": torch.zeros(32, 2)}
    with pytest.raises(BenchError, match=said):
        merged(small_decoder(), tensors | changed)
