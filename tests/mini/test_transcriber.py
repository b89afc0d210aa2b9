"""The mini transcriber with random weights, and the peaks of onset probabilities."""

import numpy as np
import pytest
import torch

from bench.mini.pitch import N_BINS, N_PITCHES
from bench.mini.transcriber import Transcriber, _stacked, of, onsets


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Transcriber(width=16, depth=2).eval()


@torch.inference_mode()
def test_there_is_a_logit_of_onset_and_sounding_per_frame_and_pitch(network):
    assert network(0.1 * torch.randn(2, 16000)).shape == (2, 51, N_PITCHES, 2)


@torch.inference_mode()
def test_weights_are_read_back(network):
    again = of({name: value.numpy() for name, value in network.state_dict().items()})
    sound = 0.1 * torch.randn(1, 16000)
    torch.testing.assert_close(again(sound), network(sound))


def test_a_pitch_sees_its_partials():
    maps = torch.arange(N_BINS, dtype=torch.float32).expand(1, 2, 1, -1)
    stacked = _stacked(maps).reshape(N_PITCHES, 2, 5, 8).transpose(-1, -2)
    # Pitch k has its fundamental in bin 3 k + 3; its second partial lies 36 bins higher, its third 57.
    assert stacked[10, 0, 1].tolist() == [31, 32, 33, 34, 35]
    assert stacked[10, 1, 2].tolist() == [67, 68, 69, 70, 71]
    assert stacked[10, 0, 3, 2] == 33 + 57
    assert stacked[10, 0, 0].tolist() == [0, 0, 0, 0, 0]  # an octave below lies under the lowest bin
    assert stacked[87, 0, 7, 2] == 0  # and the eighth partial of the highest pitch above the highest


def probabilities(*peaks: tuple[int, int, float]):
    plane = np.full((100, N_PITCHES), 0.01, dtype=np.float32)
    for frame, key, height in peaks:
        plane[frame, key] = height
    return plane


def test_peaks_above_the_threshold_are_onsets_in_order_of_time():
    times, keys, heights = onsets(probabilities((50, 3, 0.9), (20, 7, 0.6), (20, 2, 0.5), (70, 1, 0.2)), 0.3)
    assert times.tolist() == pytest.approx([0.4, 0.4, 1.0]) and keys.tolist() == [2, 7, 3]
    assert heights.tolist() == pytest.approx([0.5, 0.6, 0.9])


def test_of_two_peaks_of_a_pitch_within_2_frames_the_higher_counts():
    times, _, _ = onsets(probabilities((50, 3, 0.9), (52, 3, 0.6), (55, 3, 0.5)), 0.3)
    assert times.tolist() == pytest.approx([1.0, 1.1])


def test_the_time_is_between_frames_where_the_peak_is():
    times, _, _ = onsets(probabilities((49, 3, 0.5), (50, 3, 0.9), (51, 3, 0.7)), 0.3)
    # The parabola through .5, .9, .7 has its top 1 / 6 frame late.
    assert times.tolist() == pytest.approx([(50 + 1 / 6) / 50])


def test_a_weak_peak_that_begins_with_a_strong_one_an_octave_below_is_its_partial():
    plane = probabilities((50, 3, 0.9), (51, 15, 0.5), (50, 22, 0.8), (50, 10, 0.5), (80, 15, 0.5))
    assert onsets(plane, 0.3)[1].tolist() == [3, 10, 22, 15, 15]
    assert onsets(plane, 0.3, 0.7)[1].tolist() == [3, 10, 22, 15]


def test_nothing_is_found_in_nothing():
    assert [len(one) for one in onsets(np.zeros((10, N_PITCHES), np.float32), 0.3)] == [0, 0, 0]
