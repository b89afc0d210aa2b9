"""Notes of known tones: pitches, onsets, how long they last."""

import mir_eval
import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.symbols import Notes
from tests.extractors.known_sounds import chords, mixed, tone


def notes_of(audio: Audio) -> Notes:
    found: Notes = plugins.load("extractors", "salience-notes").extract(audio)
    return found


def f1(onsets: list[float], pitches: list[int], found: Notes) -> float:
    intervals = np.column_stack([onsets, np.array(onsets) + 0.2])
    hz, found_hz = (440 * 2 ** ((np.asarray(p) - 69) / 12) for p in (pitches, found.pitches))
    scores = mir_eval.transcription.precision_recall_f1_overlap(
        intervals, hz, found.intervals_s, found_hz, offset_ratio=None
    )
    return float(scores[2])


@pytest.mark.parametrize("rate", [16000, 32000, 44100, 48000])
def test_a_scale_is_transcribed(rate: int) -> None:
    pitches = [48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 69, 71, 72]
    onsets = [0.2 + 0.4 * k for k in range(len(pitches))]
    audio = mixed([(t, tone(p, 0.4, rate)) for t, p in zip(onsets, pitches, strict=True)], 6.5, rate)
    assert f1(onsets, pitches, notes_of(audio)) > 0.9


def test_chords_are_transcribed() -> None:
    struck = [[48, 60, 64, 67], [45, 57, 60, 64], [41, 57, 60, 65]]
    onsets = [2.0 * k + s for k in range(3) for s in (0.0, 1.0) for _ in range(4)]
    pitches = [p for tones in struck for _ in (0, 1) for p in tones]
    assert f1(onsets, pitches, notes_of(chords(32000, struck, 2.0))) > 0.7


def test_a_note_lasts_until_its_next_onset_or_half_a_second() -> None:
    # A whole number of periods apart, so that the second stroke does not cancel the rest of the first.
    second = 0.2 + 80 / (440 * 2 ** (-9 / 12))
    audio = mixed([(t, tone(60, 0.9, 32000)) for t in (0.2, second, 2.0)], 3.0, 32000)
    found = notes_of(audio)
    own = found.where(found.pitches == 60).intervals_s
    np.testing.assert_allclose(own, [[0.2, second], [second, second + 0.5], [2.0, 2.5]], atol=0.05)


def test_louder_music_has_the_same_notes() -> None:
    audio = chords(32000, [[48, 60, 64, 67]], 2.0)
    quiet, loud = notes_of(Audio(0.1 * audio.samples, 32000)), notes_of(audio)
    np.testing.assert_array_equal(quiet.pitches, loud.pitches)
    np.testing.assert_array_equal(quiet.intervals_s, loud.intervals_s)
