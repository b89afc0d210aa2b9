"""Retrieval: beats with a matching control are copied, and given drums are kept with the rest of the song added."""

import numpy as np
import pytest

from bench.audio import Audio
from bench.errors import BenchError
from bench.example import Control, Request, masked
from bench.mask import Mask, centre, everything
from bench.models.retrieval import Retrieval
from bench.symbols import Beats, Chords, Frames, Notes

RATE, BEAT_S, N_FRAMES = 16000, 0.5, 800
PITCHES = {"C:maj": (60, 64, 67), "A:min": (57, 60, 64), "F:maj": (53, 57, 60), "G:maj": (55, 59, 62)}
LABELS = ["C:maj", "A:min", "F:maj", "G:maj", "A:min", "C:maj", "F:maj", "G:maj"]
"""One chord per bar of 2 s; the hole of the centre mask (4 to 12 s) hides bars 2 to 5."""


class Nothing:
    """An extractor that finds nothing."""

    kind, identity = "any", "nothing"

    def extract(self, audio: Audio) -> Frames:
        return Frames(np.zeros((10, 12)), 1.0)


class Metronome:
    """A beat tracker that knows the tempo."""

    kind, identity = "beats", "metronome"

    def extract(self, audio: Audio) -> Beats:
        return Beats(np.arange(0, audio.duration_s, BEAT_S))


class Halves:
    """A separator that returns half of its input as drums."""

    kind, identity = "drums", "halves"

    def extract(self, audio: Audio) -> Audio:
        return Audio(audio.samples / 2, audio.sample_rate)


def tune(labels: list[str]) -> np.ndarray:
    """Return every bar's chord, struck on each beat with a pattern of its own."""
    n = round(BEAT_S * RATE)
    time_s = np.arange(n) / RATE
    beats = []
    for label in labels:
        for beat in range(4):
            tones = [np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * time_s) for p in PITCHES[label]]
            beats.append(sum(tones) * np.exp(-time_s / 0.1) * (0.1 + 0.02 * beat))
    return np.concatenate(beats)


def drum_track() -> np.ndarray:
    rng = np.random.default_rng(0)
    hit = 0.3 * rng.standard_normal(2000) * np.exp(-np.arange(2000) / 300)
    track = np.zeros(N_FRAMES * RATE // 50)
    for k in range(int(16 / BEAT_S)):
        at = round(k * BEAT_S * RATE)
        track[at : at + 2000] += hit if k % 2 else hit[::-1] / 2
    return track


def chords(labels: list[str]) -> Control:
    intervals = np.array([[2.0 * k, 2.0 * k + 2] for k in range(len(labels))])
    beats = Beats(np.arange(32) * BEAT_S, np.arange(32) % 4 + 1)
    return Control("chords", Chords(intervals, tuple(labels)), Audio(np.zeros(N_FRAMES * RATE // 50), RATE), beats)


def piano(labels: list[str]) -> Control:
    rows = [(2.0 * k + b * BEAT_S, p) for k, label in enumerate(labels) for b in range(4) for p in PITCHES[label]]
    onsets, pitches = np.array(rows).T
    notes = Notes(np.stack([onsets, onsets + BEAT_S], axis=1), pitches, np.full(len(pitches), 90))
    return Control("piano", notes, Audio(tune(labels) / 2, RATE))


def drums(track: np.ndarray) -> Control:
    return Control("drums", Audio(track, RATE), Audio(track, RATE))


def edited(sound: np.ndarray, mask: Mask, *controls: Control) -> np.ndarray:
    request = Request("song", "t", 1, masked(Audio(sound, RATE), mask), mask, {c.kind: c for c in controls})
    return Retrieval(Halves(), Nothing(), Metronome()).edit([request])[0].mono


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


CENTRE = centre(N_FRAMES)
HIDDEN = CENTRE.inside(RATE)


def hidden_bars(output: np.ndarray, reference: np.ndarray) -> list[float]:
    """Return the similarity of every hidden bar to the reference, without its first and last 50 ms."""
    edge = RATE // 20
    spans = [(round(t * RATE) + edge, round((t + 2) * RATE) - edge) for t in (4, 6, 8, 10)]
    return [likeness(output[a:b], reference[a:b]) for a, b in spans]


@pytest.mark.parametrize("control", [chords, piano])
@pytest.mark.parametrize("hidden", [["F:maj", "G:maj", "A:min", "C:maj"], ["G:maj", "G:maj", "C:maj", "A:min"]])
def test_the_planted_chords_are_found_in_the_context(control: object, hidden: list[str]) -> None:
    labels = [*LABELS[:2], *hidden, *LABELS[6:]]
    output = edited(tune(labels), CENTRE, control(labels))  # type: ignore[operator]
    assert min(hidden_bars(output, tune(labels))) > 0.95


def test_the_control_decides_what_is_copied() -> None:
    asked = [*LABELS[:2], "G:maj", "F:maj", "C:maj", "A:min", *LABELS[6:]]
    output = edited(tune(LABELS), CENTRE, chords(asked))
    assert min(hidden_bars(output, tune(asked))) > 0.95


def test_given_drums_are_kept_and_the_songs_own_are_taken_out_first() -> None:
    song, track = tune(LABELS), drum_track()
    output = edited(song + track, CENTRE, drums(track), chords(LABELS))
    assert min(hidden_bars(output - track, song)) > 0.95
    assert likeness((output - song)[HIDDEN], track[HIDDEN]) > 0.9


def test_with_drums_alone_the_rest_of_the_song_is_continued() -> None:
    song, track = tune(["C:maj"] * 8), drum_track()
    output = edited(song + track, CENTRE, drums(track))
    assert min(hidden_bars(output, song + track)) > 0.95


def test_drums_that_are_not_the_songs_own_are_added_to_what_the_separator_leaves() -> None:
    song, track = tune(["C:maj"] * 8), drum_track()
    output = edited(song, CENTRE, drums(track))
    assert min(hidden_bars(output - track, song / 2)) > 0.95
    assert np.sqrt(np.mean((output - track)[HIDDEN] ** 2) / np.mean((song / 2)[HIDDEN] ** 2)) == pytest.approx(
        1, abs=0.1
    )


def test_without_a_control_repetition_is_continued() -> None:
    song = tune(["C:maj", "F:maj"] * 4)
    output = edited(song, CENTRE)
    assert min(hidden_bars(output, song)) > 0.9


def test_a_fully_masked_excerpt_gives_the_sum_of_the_controls() -> None:
    track = drum_track()
    silent = np.zeros(len(track))
    output = edited(silent, everything(N_FRAMES), drums(track), piano(LABELS))
    assert np.allclose(output, track + tune(LABELS) / 2, atol=1e-6)


def test_copies_follow_a_rising_tempo() -> None:
    times = np.cumsum(np.concatenate([[0.1], np.linspace(0.65, 0.4, 29)]))
    tick = np.sin(2 * np.pi * 700 * np.arange(1600) / RATE) * np.exp(-np.arange(1600) / 300)
    rng = np.random.default_rng(0)
    song, track = np.zeros((2, N_FRAMES * RATE // 50))
    for time in times:
        at = round(time * RATE)
        song[at : at + 1600] += tick
        track[at : at + 400] += 0.2 * rng.standard_normal(400)

    class Follower(Metronome):
        def extract(self, audio: Audio) -> Beats:
            return Beats(times)

    request = Request("song", "t", 1, masked(Audio(song + track, RATE), CENTRE), CENTRE, {"drums": drums(track)})
    heard = Retrieval(Halves(), Nothing(), Follower()).edit([request])[0].mono - track
    hidden_beats = [time for time in times if 4.1 < time < 11.8]
    on_beat = [np.sum(heard[round((t - 0.03) * RATE) : round((t + 0.07) * RATE)] ** 2) for t in hidden_beats]
    assert sum(on_beat) > 0.9 * np.sum(heard[round(4.05 * RATE) : round(11.95 * RATE)] ** 2)


def test_a_label_that_is_no_chord_is_named() -> None:
    wrong = chords(LABELS)
    content = Chords(np.array([[0.0, 16.0]]), ("H:dur",))
    with pytest.raises(BenchError, match=r"control-chords.lab: 'H:dur' is no chord"):
        edited(tune(LABELS), CENTRE, Control("chords", content, wrong.audio, wrong.beats))


def test_only_visible_sound_is_copied() -> None:
    labels = [*LABELS[:2], "G:maj", "G:maj", "G:maj", "G:maj", *LABELS[6:]]
    loud = tune(labels) * np.where(HIDDEN, 100, 1)
    assert np.array_equal(edited(loud, CENTRE, chords(labels)), edited(tune(labels), CENTRE, chords(labels)))
