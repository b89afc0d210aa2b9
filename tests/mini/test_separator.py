"""The mini separator with random weights: properties that do not depend on training."""

import pytest
import torch

from bench.mini.separator import BINS, HOP, Separator, of


@pytest.fixture(scope="module")
def separator():
    torch.manual_seed(0)
    made = Separator(width=16, depth=4)
    torch.nn.init.normal_(made.mask.weight, std=1.0)
    return made.eval()


def sound(n=16000, seed=1):
    return 0.2 * torch.randn(2, n, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("gain", [1e-3, 0.25, 7.0])
@torch.inference_mode()
def test_gain_in_is_gain_out(separator, gain):
    torch.testing.assert_close(separator(gain * sound()), gain * separator(sound()), rtol=1e-3, atol=1e-4 * gain)


@torch.inference_mode()
def test_silence_gives_silence(separator):
    assert not separator(torch.zeros(2, 16000)).any()


@torch.inference_mode()
def test_shares_lie_between_0_and_1_and_depend_on_the_sound(separator):
    shares = separator.shares(separator.spectrum(sound()))
    assert shares.shape == (2, 16000 // HOP + 1, BINS)
    assert 0 < shares.min() < 0.4 and 0.6 < shares.max() < 1


@pytest.mark.parametrize("n", [2048, 15999, 16000, 20001])
@torch.inference_mode()
def test_the_drums_are_as_long_as_the_mix(separator, n):
    drums = separator(sound(n))
    assert drums.shape == (2, n) and torch.isfinite(drums).all()


@torch.inference_mode()
def test_shares_of_1_give_the_mix_and_of_0_silence(separator, monkeypatch):
    monkeypatch.setattr(separator, "shares", lambda spectrum: torch.ones_like(spectrum.real))
    torch.testing.assert_close(separator(sound()), sound(), rtol=1e-4, atol=1e-5)
    monkeypatch.setattr(separator, "shares", lambda spectrum: torch.zeros_like(spectrum.real))
    assert not separator(sound()).any()


@torch.inference_mode()
def test_a_sounds_drums_do_not_depend_on_its_batch(separator):
    both = sound()
    torch.testing.assert_close(separator(both), torch.cat([separator(both[:1]), separator(both[1:])]))


@torch.inference_mode()
def test_it_is_rebuilt_from_a_weight_files_tensors(separator):
    again = of({name: value.numpy() for name, value in separator.state_dict().items()})
    assert torch.equal(again(sound()), separator(sound()))
