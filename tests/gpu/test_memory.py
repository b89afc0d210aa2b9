"""Memory on a GPU: what is allocated while tokens are made, and while an adapter learns, against the estimates."""

import gc

import numpy as np
import pytest
import torch

from bench.air.adapter import Prompts
from bench.air.decoder import Config, Decoder
from bench.air.generate import Sampling, generate
from bench.air.loss import loss_of
from bench.air.memory import learning, needed
from bench.air.sequence import Layout
from bench.runtime.device import forget_peak, free_bytes, peak_mib
from bench.training.loop import Learner

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CONFIG, M, N_FRAMES = Config(1024, 12, 16, 4096), 50, 500


@pytest.fixture
def held():
    """Return the bytes that are held before a test; a test that failed keeps its tensors in its traceback."""
    gc.collect()
    torch.cuda.empty_cache()
    return torch.cuda.memory_allocated()


@pytest.fixture
def parts(held):
    """Return a decoder of bfloat16 and prompts."""
    torch.manual_seed(0)
    decoder = Decoder(CONFIG).to("cuda", torch.bfloat16).eval().requires_grad_(False)
    return decoder, Prompts(CONFIG, M).to("cuda")


@pytest.mark.parametrize("batch", [1, 8])
def test_generating_takes_what_was_estimated_within_a_fifth(held, parts, batch):
    decoder, adapter = parts[0], parts[1].eval()
    prefix = torch.zeros(batch, 4, N_FRAMES, dtype=torch.long, device="cuda")
    types = Layout(N_FRAMES, 4).types(np.zeros((batch, N_FRAMES), dtype=bool)).to("cuda")
    forget_peak("cuda")
    generate(decoder, prefix, types, adapter, Sampling(), range(batch))
    need = needed(CONFIG, "bfloat16", batch, N_FRAMES, m=M, has_codec=False, device="cuda")
    assert peak_mib("cuda") * 2**20 - held == pytest.approx(need.total, rel=0.2)


@pytest.mark.parametrize("batch", [1, 4])
def test_learning_takes_what_was_estimated_within_a_fifth(held, parts, batch):
    decoder, adapter = parts[0], parts[1].train()
    prefix = torch.zeros(batch, 4, N_FRAMES, dtype=torch.long, device="cuda")
    types = Layout(N_FRAMES, 4).types(np.zeros((batch, N_FRAMES), dtype=bool)).to("cuda")
    learner = Learner(adapter, 1e-3, 4)
    forget_peak("cuda")
    for k in range(2):
        learner.learn(k, loss_of(decoder, prefix, prefix, np.random.default_rng(0), types, adapter))
    need = learning(CONFIG, "bfloat16", M, batch, N_FRAMES)
    assert peak_mib("cuda") * 2**20 - held == pytest.approx(need, rel=0.2)


def test_what_is_free_falls_by_what_is_taken():
    before = free_bytes("cuda")
    held = torch.zeros(2**28, dtype=torch.uint8, device="cuda")
    assert before - free_bytes("cuda") == pytest.approx(held.numel(), abs=2**24)
