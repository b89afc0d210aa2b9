"""Reading a composed song: the parts of an excerpt, and the excerpt of a song."""

from collections.abc import Callable

from bench.audio import Audio
from bench.composing.composer import Song
from bench.errors import BenchError
from bench.manifest import Excerpt
from bench.mask import seed_of
from bench.protocols import Content
from bench.symbols import Notes

SAMPLE_RATE = 32000
LONGEST_S = 30.0
EARLY_S = 0.04
"""Excerpts begin this much before a bar line, so that a first note played early is complete."""
SOUNDS = ("mix", "drums", "bass", "other", "other-drums")


def read(song: Song, sound_of: Callable[[str], Audio], excerpt: Excerpt, what: str) -> Content | None:
    """Return a part of an excerpt; see `bench.protocols.Dataset`.

    Args:
        song: The song.
        sound_of: Returns the mix or a stem of the whole song, by name.
        excerpt: The excerpt.
        what: The kind of content.

    Raises:
        BenchError: the song ends before the excerpt.
    """
    start, end = excerpt.start_s, excerpt.start_s + excerpt.duration_s
    if what in ("chords", "beats"):
        content = song.chords if what == "chords" else song.beats
        return content.cut(start, end).shifted(-start)
    if what in ("notes", "other-drum-notes"):
        notes = Notes.joined(list(song.parts.values())) if what == "notes" else song.other_drums
        return notes.cut(start, end).shifted(-start)
    if what not in SOUNDS:
        return None
    whole = sound_of(what)
    cut = whole.cut(start, end)
    if cut.n_samples < round(excerpt.duration_s * whole.sample_rate):
        raise BenchError(f"{excerpt.track}: lasts {whole.duration_s:.1f} s, wanted {start} to {end} s")
    return cut


def excerpt_of(song: Song, dataset: str, seed: int) -> Excerpt:
    """Return the excerpt of a song: from just before a bar line drawn by the seed, at least 30 s before the end."""
    starts = [bar.start_s for bar in song.bars if bar.start_s + LONGEST_S <= 60.0]
    start = starts[seed_of("excerpt", seed) % len(starts)]
    return Excerpt(song.name, dataset, song.name, max(round((start - EARLY_S) * 50) / 50, 0.0), 15.0, caption(song))


def caption(song: Song) -> str:
    """Return a factual line about a song."""
    return f"{round(song.bpm)} bpm, {song.beats_per_bar}/4, {song.mode} key, {song.groove} drums"
