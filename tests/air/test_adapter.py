import pytest
import torch

from bench.air.adapter import Aligned, Prompts, merged, of
from bench.air.decoder import MUSICGEN
from bench.air.training import loss_of
from bench.errors import BenchError
from tests.air.small import small_adapter, small_decoder, small_request


def test_the_number_of_parameters_is_the_papers():
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
    found = adapter.attended(1, query, types, decoder)
    frozen = decoder.layers[1]
    normed = frozen.self_attn_layer_norm(adapter.adaptor[1])
    for b, n in [(0, 0), (1, 17), (2, 40), (0, 62)]:
        kind = int(types[b, n])
        for head in range(4):
            part = slice(8 * head, 8 * head + 8)
            keys = frozen.self_attn.k_proj(normed[kind])[:, part]
            values = frozen.self_attn.v_proj(normed[kind])[:, part]
            weights = torch.softmax(keys @ query[b, head, n] / 8**0.5, dim=0)
            torch.testing.assert_close(found[b, head, n], adapter.gates[1, kind] * (weights @ values))


def test_the_path_adds_the_prefix_frame_in_place_of_which_is_predicted():
    decoder = small_decoder()
    adapter = small_adapter("aligned", decoder.config)
    prefix, masked, types = small_request()
    x = torch.randn(3, types.shape[1], 32)
    found = adapter.before(2, x, types, 0, 30, None)
    assert torch.equal(found[:, :30], x[:, :30])
    for b, t in [(0, 0), (1, 11), (2, 25), (0, 29)]:
        source = torch.nn.functional.layer_norm(x[b, min(t + 4, 29)], (32,))
        path = adapter.up[2] @ torch.nn.functional.gelu(adapter.down[2] @ source)
        gate = adapter.path_gates[2, 0 if masked[b, t] else 1]
        torch.testing.assert_close(found[b, 30 + t], x[b, 30 + t] + gate * path)


def test_prompts_keys_and_values_are_made_once_in_use_and_anew_after_training():
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
def test_an_adapter_comes_back_from_its_tensors(kind):
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


def test_aligned_begins_as_the_paper_form():
    config = small_decoder().config
    assert not Aligned(config, 5, 8).path_gates.any()
