"""Fused steps: their arithmetic against float64, and whole steps against torch's."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from bench.air import fused
from bench.air.decoder import Config, Decoder
from bench.air.generate import Sampling, generate, usual_way
from bench.air.stepper import Stepper
from bench.air.walk import Counted
from tests.air.small import KINDS, N_FRAMES, small_adapter, small_decoder, small_request

RNG = np.random.default_rng(0)


def numbers(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def test_exp_is_exact_to_a_few_last_bits_from_0_down_to_underflow():
    x = -np.concatenate([[0.0], np.geomspace(1e-6, 80, 5000)]).astype(np.float32)
    made = x.copy()
    fused._exp(made, len(x), np.empty(len(x), np.int32))
    assert np.abs(made / np.exp(x.astype(np.float64)) - 1).max() < 5e-6
    near = x > -1
    assert np.abs(made[near] - np.exp(x[near].astype(np.float64))).max() < 3e-7
    far = np.array([-100.0, -1e4, -3e38], np.float32)
    fused._exp(far, 3, np.empty(3, np.int32))
    assert (far >= 0).all() and (far < 1e-37).all()


def test_gelu_equals_torchs():
    x = np.linspace(-12, 12, 4001).astype(np.float32)
    made = x.copy()
    fused._gelu(made, np.empty_like(x), np.empty(len(x), np.int32))
    assert np.abs(made - torch.nn.functional.gelu(torch.from_numpy(x).double()).numpy()).max() < 2e-6


def test_normalisation_equals_torchs():
    x, norm = numbers(3, 24) + 5, numbers(2, 24)
    made = np.empty_like(x)
    fused._normed(x, norm, made)
    expected = torch.nn.functional.layer_norm(torch.from_numpy(x), (24,), *torch.from_numpy(norm))
    assert np.abs(made - expected.numpy()).max() < 1e-5


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 8, 11])
def test_products_equal_numpys_at_any_batch_size(batch):
    x, matrix, before = numbers(batch, 40), numbers(6, 40), numbers(batch, 6)
    exact = x.astype(np.float64) @ matrix.astype(np.float64).T
    for is_added in (False, True):
        made = before.copy()
        fused._product(x, matrix, made, is_added)
        assert np.abs(made - exact - is_added * before).max() < 1e-5
    row = np.empty((1, 6), np.float32)
    fused._product(x[:1], matrix, row, False)
    assert np.abs(row[0] - exact[0]).max() < 1e-5


@pytest.mark.parametrize("n", [6, 7, 8, 9, 31])
@pytest.mark.parametrize("gates", [(), (0.5,), (2.0, 0.0)])
def test_attention_equals_that_in_float64(n, gates):
    size, n_beside = 16, 4
    query, keys, values = numbers(size), numbers(40, size), numbers(40, size)
    shares, output, room = np.empty(40, np.float32), np.empty(size, np.float32), numbers(2000)
    fused._scored(query, keys, n, shares, room, 0)
    fused._shared(shares, n, np.array(gates, np.float32), n_beside, np.empty(40, np.int32))
    fused._gathered(shares, values, n, output, room, 0)
    scores = keys[:n].astype(np.float64) @ query.astype(np.float64)

    def of(first, end):
        shares = np.exp(scores[first:end] - scores[first:end].max())
        return shares / shares.sum() @ values[first:end].astype(np.float64)

    expected = of(n_beside if gates else 0, n)
    each = n_beside // max(len(gates), 1)
    for kind, gate in enumerate(gates):
        expected = expected + gate * of(kind * each, (kind + 1) * each)
    assert np.abs(output - expected).max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_mini", [False, True])
def test_a_step_scores_as_torch_does_and_leaves_the_same_keys_and_values(kind, is_mini):
    decoder = small_decoder(is_mini)
    adapter = small_adapter(kind, decoder.config)
    prefix, _, types = small_request()
    n = 6
    types = types[:, : N_FRAMES + n] if adapter is not None else None
    made = []
    with torch.inference_mode():
        inputs = torch.cat([prefix, torch.full_like(prefix[..., :1], decoder.config.pad)], dim=2)
        places = decoder.places(N_FRAMES + n, N_FRAMES, prefix)
        for is_fused in (False, True):
            stepper = Stepper(decoder, adapter, types, len(prefix), N_FRAMES, n)
            stepper.prefix(inputs, places[:, : N_FRAMES + 1])
            if is_fused:
                stepper.fuse()
            scores = [stepper.scores(prefix[..., k], places[:, N_FRAMES + k], Counted(k)) for k in range(1, n)]
            made.append((torch.stack(scores), stepper._memory.whole.clone()))
    for torchs, ours in zip(*made, strict=True):
        assert ours.shape == torchs.shape and ours.dtype == torch.float32
        assert float((ours - torchs).abs().max()) < 1e-4 * max(1.0, float(torchs.abs().max()))
    assert float(made[0][0].std()) > 0.01 and math.isfinite(float(made[1][0].sum()))


def test_small_decoders_of_float32_take_fused_steps_and_others_do_not():
    decoder = small_decoder()
    assert usual_way(decoder) == "fused"
    assert usual_way(decoder.bfloat16()) == "counted"


def test_odd_numbers_of_rows_use_torch_and_are_refused_by_the_fused_step():
    odd = Decoder(Config(16, 1, 2, 32, 1, 5)).eval()
    assert usual_way(odd) == "counted"
    prefix = torch.zeros(1, 1, 8, dtype=torch.long)
    assert generate(odd, prefix, None, None, Sampling(temperature=0), [1]).shape == (1, 1, 8)
    with pytest.raises(ValueError, match=r"even number of rows, found \[\(5, 16\)\]"):
        generate(odd, prefix, None, None, Sampling(temperature=0), [1], way="fused")


STEPS = """
import hashlib, numpy, torch
from bench.air.fused import Fused
from bench.air.stepper import Stepper
from bench.air.walk import Counted
from bench.air.decoder import Config, Decoder
torch.manual_seed(0)
decoder = Decoder(Config(96, 2, 2, 192, 4, 50)).eval()
with torch.inference_mode():
    for weight in decoder.parameters():
        weight.mul_(5)  # Large scores: with small weights, every way of compiling would round alike.
    for batch in (1, 8):
        stepper = Stepper(decoder, None, None, batch, 20, 30)
        tokens = torch.randint(0, 50, (batch, 4, 50))
        stepper.prefix(tokens[..., :21], decoder.places(50, 20, None)[:, :21])
        stepper.fuse()
        for k in range(1, 30):
            scores = stepper.scores(tokens[..., 20 + k], decoder.places(50, 20, None)[:, 20 + k], Counted(k))
            print(hashlib.sha256(scores.numpy().tobytes()).hexdigest())
"""


def test_a_process_that_compiles_a_step_and_one_that_loads_it_give_the_same_bytes(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def said():
        command = [sys.executable, "-c", STEPS]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()

    compiled = said()
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    assert len(compiled) == 58 and len(set(compiled)) == 58 and files
    assert said() == compiled
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")} == files
