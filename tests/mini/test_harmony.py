"""The mini chord recogniser with random weights, and transposition."""

import pytest
import torch

from bench.mini.harmony import N_CHORDS, Harmony, of
from bench.mini.pitch import N_BINS


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Harmony(width=16, depth=2).eval()


@torch.inference_mode()
def test_there_are_61_logits_ten_times_a_second(network):
    assert network(0.1 * torch.randn(2, 32000)).shape == (2, 20, N_CHORDS + 1)


@torch.inference_mode()
def test_weights_are_read_back(network):
    again = of({name: value.numpy() for name, value in network.state_dict().items()})
    sound = 0.1 * torch.randn(1, 16000)
    torch.testing.assert_close(again(sound), network(sound))


@torch.inference_mode()
def test_only_the_maps_that_are_moved_give_other_logits(network):
    maps = torch.rand(2, 2, 50, N_BINS)
    moved = network.logits(maps, torch.tensor([0, 2]))
    torch.testing.assert_close(moved[0], network.logits(maps)[0])
    assert not torch.allclose(moved[1], network.logits(maps)[1])
