"""Chords by templates and the Viterbi algorithm on chroma without drums (maj, min, 7, maj7, min7, N; no weights)."""

from functools import cache

import numpy as np

from bench import plugins
from bench.audio import Audio, is_silent
from bench.music.durations import tiled
from bench.music.viterbi import path
from bench.symbols import NO_CHORD, Chords, Floats

VERSION = 1
_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_QUALITIES = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}
_OVERTONES = ((0, 1.0), (0, 0.6), (7, 0.36), (0, 0.22), (4, 0.13), (7, 0.08))
"""Semitones above the note (octaves removed) and strength of its first six partials (Gomez, 2006: 0.6 ** k)."""


class TemplateChords:
    """The path of highest score through 60 chords and N.

    The score of a chord in a frame is the cosine between its template, with six partials per chord tone (Gomez, Tonal
    description of music audio signals, 2006), and the chroma after removal of the drums, compressed by a power. N has
    the constant score `no_chord`. Seventh chords lose `seventh_cost` in every frame; every change costs `change_cost`.
    """

    kind = "chords"

    def __init__(self, compression: float, no_chord: float, seventh_cost: float, change_cost: float) -> None:
        """Take the parameters of the class's docstring."""
        self.compression, self.no_chord = compression, no_chord
        self.seventh_cost, self.change_cost = seventh_cost, change_cost
        self._drums = plugins.load("extractors", "hpss")
        self._chroma = plugins.load("extractors", "cqt-chroma")
        numbers = f"power {compression:g}, N {no_chord:g}, seventh {seventh_cost:g}, change {change_cost:g}"
        self.identity = (
            f"template-chords v{VERSION} ({numbers}) on {self._chroma.identity} without {self._drums.identity}"
        )

    def extract(self, audio: Audio) -> Chords:
        """Return chords from 0 to the sound's end without gaps; `N` throughout for silence."""
        if is_silent(audio.mono):
            return tiled(np.zeros(0), [], audio.duration_s)
        harmonic = Audio(audio.mono - self._drums.extract(audio).mono, audio.sample_rate)
        frames = self._chroma.extract(harmonic)
        states = path(self._scores(frames.values), self.change_cost)
        firsts = np.flatnonzero(np.diff(states, prepend=-1))
        # Frame k is centred on k / rate, so it begins half a frame earlier.
        return tiled((firsts - 0.5) / frames.rate_hz, [labels()[state] for state in states[firsts]], audio.duration_s)

    def _scores(self, chroma: Floats) -> Floats:
        """Return the score of every state, N last, shape (n_frames, 61)."""
        compressed = chroma**self.compression
        norm = np.linalg.norm(compressed, axis=1, keepdims=True)
        cosine = (compressed / np.maximum(norm, 1e-12)) @ templates().T
        no_chord = np.full((len(chroma), 1), self.no_chord)
        scores: Floats = np.concatenate([cosine, no_chord], axis=1)
        scores[:, :-1] -= np.repeat([0.0, 0.0, *[self.seventh_cost] * 3], 12)
        return scores


def build(
    compression: float = 0.7, no_chord: float = 0.68, seventh_cost: float = 0.05, change_cost: float = 2.0
) -> TemplateChords:
    """Return the recogniser; the defaults were chosen on synthetic training and validation songs."""
    return TemplateChords(compression, no_chord, seventh_cost, change_cost)


@cache
def labels() -> tuple[str, ...]:
    """Return the labels of all states, qualities outermost, `N` last."""
    return (*(f"{root}:{quality}" for quality in _QUALITIES for root in _ROOTS), NO_CHORD)


@cache
def templates() -> Floats:
    """Return the unit templates of all chords, shape (60, 12), in the order of `labels`."""
    rows = np.zeros((len(_QUALITIES), 12, 12))
    for kind, tones in enumerate(_QUALITIES.values()):
        for root in range(12):
            for tone in tones:
                for interval, strength in _OVERTONES:
                    rows[kind, root, (root + tone + interval) % 12] += strength
    flat = rows.reshape(-1, 12)
    unit: Floats = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    return unit
