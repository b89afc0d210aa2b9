"""Beats and downbeats of a groove, on short and long clips."""

import mir_eval
import numpy as np
import pytest

from bench import plugins
from tests.extractors.known_sounds import groove


@pytest.mark.parametrize("bpm", [72, 96, 120, 138])
@pytest.mark.parametrize("bars", [6, 12])
def test_beats_and_downbeats_of_a_groove(bpm: float, bars: int) -> None:
    audio, beats = groove(32000, bpm, bars, start_s=0.1)
    found = plugins.load("extractors", "librosa-beats").extract(audio)
    assert mir_eval.beat.f_measure(beats, found.times_s) > 0.9
    assert mir_eval.beat.f_measure(beats[::4], found.downbeats_s) > 0.8
    matched = [np.abs(found.times_s - beat).min() for beat in beats]
    assert np.median(matched) < 0.015


@pytest.mark.parametrize("offset_beats", [1, 2, 3])
def test_downbeats_follow_the_music_not_the_first_beat(offset_beats: int) -> None:
    audio, beats = groove(32000, 100, 6)
    clip = audio.cut(offset_beats * 0.6, audio.duration_s)
    found = plugins.load("extractors", "librosa-beats").extract(clip)
    expected = beats[4::4] - offset_beats * 0.6
    assert mir_eval.beat.f_measure(expected, found.downbeats_s) > 0.8


def test_positions_repeat_1_to_4() -> None:
    found = plugins.load("extractors", "librosa-beats").extract(groove(32000, 90, 4)[0])
    assert set(np.diff(found.positions)) <= {1, -3}
    assert set(found.positions) == {1, 2, 3, 4}
