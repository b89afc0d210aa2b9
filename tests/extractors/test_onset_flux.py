"""Drum onsets: exact times, fast hits, and no onsets where there are no drums."""

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from tests.extractors.known_sounds import chords, hit, kick, mixed, tone


def onsets_of(audio: Audio) -> np.ndarray:
    return plugins.load("extractors", "onset-flux").extract(audio).times_s


@pytest.mark.parametrize("rate", [16000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_clicks_are_found_within_10_ms(rate: int, gain: float) -> None:
    times = np.cumsum(np.random.default_rng(rate).uniform(0.12, 0.6, 12)) + 0.05
    audio = mixed([(t, gain * hit(rate, k)) for k, t in enumerate(times)], 8.0, rate)
    found = onsets_of(audio)
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.010
    assert abs(np.mean(found - times)) < 0.005


def test_kicks_are_found() -> None:
    times = 0.2 + 0.5 * np.arange(8)
    found = onsets_of(mixed([(t, kick(32000)) for t in times], 4.5, 32000))
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.015


def test_rolls_of_sixteenths_are_resolved() -> None:
    times = 0.2 + 0.09 * np.arange(16)
    found = onsets_of(mixed([(t, hit(32000, k, 0.06)) for k, t in enumerate(times)], 2.0, 32000))
    assert len(found) == len(times)


def test_a_hit_in_the_first_frame_is_found() -> None:
    found = onsets_of(mixed([(0.0, hit(32000)), (1.0, hit(32000, 1))], 2.0, 32000))
    np.testing.assert_allclose(found, [0.0, 1.0], atol=0.01)


def test_steady_noise_has_no_onsets() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(10 * 32000)
    assert len(onsets_of(Audio(noise.astype(np.float32), 32000))) <= 2


def test_hits_below_the_threshold_are_ignored() -> None:
    """Residues of other instruments in separated drums are far below full scale, and levels are not normalised."""
    faint = mixed([(0.2 + 0.4 * k, 0.003 * hit(32000, k)) for k in range(10)], 5.0, 32000)
    assert not len(onsets_of(faint))


def test_a_held_organ_in_separated_drums_has_almost_no_onsets() -> None:
    organ = mixed([(0.0, tone(p, 8.0, 32000, decay_s=1e9)) for p in (48, 60, 64, 67)], 8.0, 32000)
    assert len(onsets_of(plugins.load("extractors", "hpss").extract(organ))) <= 2


def test_drums_are_found_in_a_mix() -> None:
    times = 0.25 + 0.25 * np.arange(28)
    music = chords(32000, [[48, 60, 64, 67], [53, 60, 65, 69], [55, 59, 62, 67], [48, 60, 64, 67]], 2.0)
    drums = mixed([(t, hit(32000, k)) for k, t in enumerate(times)], 8.0, 32000)
    mix = Audio(music.samples + drums.samples, 32000)
    found = onsets_of(plugins.load("extractors", "hpss").extract(mix))
    hits = sum(np.abs(found - t).min() < 0.05 for t in times)
    assert hits >= 27
    assert len(found) <= 32
