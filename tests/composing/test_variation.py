"""Varied songs: functions of their seed, chords that the parts play, registers, sung leads, solos."""

import numpy as np
import pytest

from bench.composing.players import TONES
from bench.composing.variation import SUNG, vary
from bench.symbols import DRUM_PROGRAM

NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@pytest.fixture(scope="module")
def songs():
    return [vary(f"song-{seed}", seed, seed % 2 == 0) for seed in range(1, 61)]


def test_a_song_is_a_function_of_its_seed():
    assert vary("a", 5, False).sha256 == vary("a", 5, False).sha256 != vary("a", 6, False).sha256


def test_songs_differ_in_groove_instruments_and_texture(songs):
    assert 0.3 < np.mean([song.groove == "random" for song in songs]) < 0.7
    programs = {int(p) for song in songs for notes in song.parts.values() for p in np.unique(notes.programs)}
    assert len(programs) > 60 and DRUM_PROGRAM in programs
    leads = [song.parts["lead"] for song in songs if len(song.parts["lead"])]
    assert 0.1 < np.mean([int(notes.programs[0]) == SUNG for notes in leads]) < 0.6
    alone = [sum(len(notes) > 0 for part, notes in song.parts.items() if part != "drums") == 1 for song in songs]
    assert any(alone) and not all(alone)


def test_every_song_has_drums_and_something_pitched(songs):
    for song in songs:
        assert len(song.parts["drums"]) > 50
        assert sum(len(notes) for part, notes in song.parts.items() if part != "drums") > 20


def test_notes_lie_on_the_keyboard_and_in_the_song(songs):
    for song in songs:
        for part, notes in song.parts.items():
            assert (notes.velocities >= 1).all() and (notes.velocities <= 127).all()
            assert (np.diff(notes.intervals_s, axis=1) > 0).all() and (notes.intervals_s[:, 0] >= 0).all()
            if part != "drums" and len(notes):
                assert notes.pitches.min() >= 12 and notes.pitches.max() <= 115


def test_the_pad_plays_the_labelled_chord(songs):
    checked = 0
    for song in songs:
        pad = song.parts["pad"]
        for (start, end), label in zip(song.chords.intervals_s, song.chords.labels, strict=True):
            onsets = pad.intervals_s[:, 0]
            inside = (onsets > start - 0.03) & (onsets < end - 0.03)  # players are up to 20 ms early or late
            root, _, quality = label.partition(":")
            tonic = NAMES[root[0]] + root.count("#") - root.count("b")
            tones = {(tonic + tone) % 12 for tone in TONES[quality]}
            assert {int(p) % 12 for p in pad.pitches[inside]} <= tones
            checked += int(inside.sum())
    assert checked > 2000
