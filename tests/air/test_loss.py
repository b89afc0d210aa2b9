"""The shared loss against cross-entropy written out, and the inputs that training hides."""

import math

import numpy as np
import pytest
import torch

from bench.air.loss import HIDDEN, _hidden, loss_of
from tests.air.small import ENTRIES, N_FRAMES, small_adapter, small_decoder, small_request


def test_the_loss_is_the_mean_cross_entropy_of_the_predicted_tokens():
    decoder = small_decoder(is_mini=True)
    prefix, _, _ = small_request()
    prediction = prefix.flip(2)
    loss = loss_of(decoder, prefix, prediction, None)
    pad = decoder.config.pad
    inputs = torch.full((3, 4, 2 * N_FRAMES + 3), pad)
    both = torch.cat([prefix, prediction], dim=2)
    for step in range(2 * N_FRAMES + 3):
        for book in range(4):
            if 0 <= step - 1 - book < 2 * N_FRAMES:
                inputs[:, book, step] = both[:, book, step - 1 - book]
    scores = decoder.logits(decoder(inputs, prefix=prefix, n_prefix=N_FRAMES)).log_softmax(dim=-1)
    total = [
        -scores[b, book, N_FRAMES + t + book, prediction[b, book, t]]
        for b in range(3)
        for book in range(4)
        for t in range(N_FRAMES)
    ]
    torch.testing.assert_close(loss, torch.stack(total).mean())


def test_a_uniform_decoder_has_a_loss_of_log_entries():
    decoder = small_decoder(is_mini=True)
    for head in decoder.lm_heads:
        head.weight.zero_()
    prefix, _, _ = small_request()
    assert float(loss_of(decoder, prefix, prefix, None)) == pytest.approx(math.log(ENTRIES))


def test_only_the_flagged_frames_count():
    decoder = small_decoder(is_mini=True)
    prefix, masked, types = small_request()
    adapter = small_adapter("prompts", decoder.config)
    only = torch.from_numpy(masked)
    whole = loss_of(decoder, prefix, prefix, None, types, adapter)
    inside = loss_of(decoder, prefix, prefix, None, types, adapter, only)
    outside = loss_of(decoder, prefix, prefix, None, types, adapter, ~only)
    share = float(only.float().mean())
    torch.testing.assert_close(whole, share * inside + (1 - share) * outside)


def test_training_hides_stretches_of_some_predictions_and_leaves_the_rest():
    tokens = torch.ones(400, 4, 100, dtype=torch.long)
    inputs = _hidden(tokens, np.random.default_rng(0), 99, HIDDEN)
    assert (tokens == 1).all()
    is_hidden = inputs == 99
    assert (is_hidden == is_hidden[:, :1]).all(), "all codebooks of a frame or none"
    touched = is_hidden.any(dim=2)[:, 0]
    assert float(touched.float().mean()) == pytest.approx(0.35, abs=0.06)
    assert torch.equal(inputs, _hidden(tokens, np.random.default_rng(0), 99, HIDDEN))


def test_training_draws_from_its_own_generator_and_validation_from_none():
    decoder = small_decoder(is_mini=True)
    prefix, _, _ = small_request()
    first, second = (float(loss_of(decoder, prefix, prefix, None)) for _ in range(2))
    assert first == second
    drawn = {float(loss_of(decoder, prefix, prefix, np.random.default_rng(seed))) for seed in range(5)}
    assert len(drawn) > 1
