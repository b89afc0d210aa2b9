import numpy as np
import pytest
import torch

from bench.air import walk
from bench.air.generate import Sampling, draw, generate
from bench.air.sequence import Layout
from tests.air.small import ENTRIES, KINDS, N_FRAMES, small_adapter, small_decoder, small_request

GREEDY = Sampling(temperature=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_mini", [False, True])
def test_tokens_with_a_cache_equal_those_of_the_whole_forward_pass(kind, is_mini):
    decoder = small_decoder(is_mini)
    adapter = small_adapter(kind, decoder.config)
    prefix, _, types = small_request()
    made = generate(decoder, prefix, types, adapter, GREEDY, [1, 2, 3])
    layout = Layout(N_FRAMES, 4)
    inputs = layout.inputs(torch.cat([prefix, made], dim=2), decoder.config.pad)
    with torch.inference_mode():
        x = decoder(inputs, types=types, adaptation=adapter, prefix=prefix, n_prefix=N_FRAMES)
        likeliest = decoder.logits(x[:, N_FRAMES:]).argmax(dim=-1)
    targets = layout.targets(made)
    assert ((likeliest == targets) | (targets < 0)).all()
    assert len(np.unique(made)) > 5


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(), Sampling(contrast=1.7)])
def test_tokens_do_not_depend_on_the_batch(sampling):
    decoder = small_decoder(is_mini=True)
    adapter = small_adapter("aligned", decoder.config)
    prefix, _, types = small_request()
    free = prefix.flip(2)
    together = generate(decoder, prefix, types, adapter, sampling, [5, 6, 7], without=free)
    alone = [
        generate(decoder, prefix[k : k + 1], types[k : k + 1], adapter, sampling, [5 + k], without=free[k : k + 1])
        for k in range(3)
    ]
    assert torch.equal(together, torch.cat(alone))


def test_seeds_decide_the_draw():
    decoder = small_decoder(is_mini=True)
    prefix, _, _ = small_request()
    same = prefix[:1].expand(3, -1, -1)
    made = generate(decoder, same, None, None, Sampling(), [1, 1, 2])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_contrast_1_changes_nothing_and_0_ignores_the_control():
    decoder = small_decoder(is_mini=True)
    prefix, _, _ = small_request()
    free = prefix.flip(2)
    plain = generate(decoder, prefix, None, None, GREEDY, [1, 2, 3])
    assert torch.equal(plain, generate(decoder, prefix, None, None, GREEDY, [1, 2, 3], without=free))
    forgetful = generate(decoder, prefix, None, None, Sampling(0, contrast=0.0), [1, 2, 3], without=free)
    assert torch.equal(forgetful, generate(decoder, free, None, None, GREEDY, [1, 2, 3]))


def test_forced_frames_are_kept_and_change_what_follows():
    decoder = small_decoder(is_mini=True)
    prefix, masked, _ = small_request()
    given = (prefix + 3) % ENTRIES
    known = torch.from_numpy(~masked)
    made = generate(decoder, prefix, None, None, GREEDY, [1, 2, 3], forced=(given, known))
    flags = known[:, None].expand(-1, 4, -1)
    assert torch.equal(made[flags], given[flags])
    other = generate(decoder, prefix, None, None, GREEDY, [1, 2, 3], forced=((given + 1) % ENTRIES, known))
    assert not torch.equal(made[~flags], other[~flags])


def test_draws_follow_the_probabilities_of_the_top_k():
    scores = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05])).expand(1, 1, 4)
    numbers = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    drawn = torch.stack([draw(scores, u.view(1, 1), Sampling(top_k=4)) for u in numbers]).flatten()
    assert torch.bincount(drawn).tolist() == [500, 300, 150, 50]
    drawn = torch.stack([draw(scores, u.view(1, 1), Sampling(top_k=2)) for u in numbers]).flatten()
    assert torch.bincount(drawn).tolist() == [625, 375]
    cold = torch.stack([draw(scores, u.view(1, 1), Sampling(0.5, 2)) for u in numbers]).flatten()
    assert torch.bincount(cold).tolist() == [735, 265]


def test_step_done_is_called_after_every_step():
    decoder, steps = small_decoder(), []
    prefix, _, _ = small_request()
    generate(decoder, prefix, None, None, GREEDY, [1, 2, 3], step_done=lambda: steps.append(1))
    assert len(steps) == N_FRAMES + 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_mini", [False, True])
def test_indexed_and_fused_steps_give_the_tokens_of_counted_steps(kind, is_mini, monkeypatch):
    monkeypatch.setattr(walk, "_STRIDE", 8)
    decoder = small_decoder(is_mini)
    adapter = small_adapter(kind, decoder.config)
    prefix, _, types = small_request()
    free = prefix.flip(2)
    for sampling in (GREEDY, Sampling(contrast=1.7)):
        counted, indexed, fused = (
            generate(decoder, prefix, types, adapter, sampling, [1, 2, 3], without=free, way=way)
            for way in ("counted", "indexed", "fused")
        )
        assert torch.equal(counted, indexed) and torch.equal(counted, fused)


def test_step_done_is_called_after_every_indexed_step():
    decoder, steps = small_decoder(), []
    prefix, _, _ = small_request()
    generate(decoder, prefix, None, None, GREEDY, [1, 2, 3], step_done=lambda: steps.append(1), way="indexed")
    assert len(steps) == N_FRAMES + 3


def test_float32_adapters_generate_on_a_bfloat16_decoder():
    decoder = small_decoder().to(torch.bfloat16)
    prefix, _, types = small_request()
    for kind in KINDS:
        adapter = small_adapter(kind, decoder.config)
        counted, indexed = (
            generate(decoder, prefix, types, adapter, Sampling(), [1, 2, 3], way=way) for way in ("counted", "indexed")
        )
        assert torch.equal(counted, indexed)


def test_the_draw_does_not_depend_on_the_order_of_almost_equal_scores():
    torch.manual_seed(0)
    scores = torch.randn(1, 4, ENTRIES).round(decimals=1)
    numbers = torch.rand(1, 4, dtype=torch.float64)
    for shift in (1e-6, -1e-6):
        close = scores + shift * torch.randn(scores.shape)
        assert torch.equal(draw(scores, numbers, Sampling()), draw(close, numbers, Sampling()))
