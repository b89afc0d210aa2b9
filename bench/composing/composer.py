"""The composer: a song is a pure function of its seed. Every part has its own random stream."""

import hashlib
from dataclasses import dataclass

import numpy as np

from bench.composing import inventory as inv
from bench.composing.inventory import pick
from bench.composing.players import Bar, bass, comping, drums, guitar, lead, pad
from bench.symbols import Beats, Chords, Notes

VERSION = 1
LENGTH_S = 64.0
NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_STREAMS = ("plan", "drums", "bass", "piano", "pad", "guitar", "lead", "mix", "other")


@dataclass(frozen=True)
class Song:
    """A composed song.

    Attributes:
        name: `song-0001`.
        bpm: Quarter notes per minute.
        beats_per_bar: 4 or 3.
        tonic: Pitch class 0-11.
        mode: `major` or `minor`.
        chords: Labels of the whole song.
        beats: Beats with positions.
        parts: Notes by part: drums, bass, piano, pad, guitar, lead.
        other_drums: The same bars over another groove.
        groove: Name of the groove.
        other_groove: Name of the other groove.
    """

    name: str
    bpm: float
    beats_per_bar: int
    tonic: int
    mode: str
    chords: Chords
    beats: Beats
    parts: dict[str, Notes]
    other_drums: Notes
    groove: str
    other_groove: str
    bars: tuple[Bar, ...]

    @property
    def duration_s(self) -> float:
        """End of the last bar in seconds."""
        return self.bars[-1].start_s + self.bars[-1].step_s * self.bars[-1].n_steps

    @property
    def sha256(self) -> str:
        """Hash of the score: every note, chord and beat to 0.1 ms."""
        lines = []
        for name, notes in [*sorted(self.parts.items()), ("other", self.other_drums)]:
            columns = (notes.intervals_s, notes.pitches, notes.velocities, notes.programs)
            lines += [f"{name} {a:.4f} {b:.4f} {p} {v} {q}" for (a, b), p, v, q in zip(*columns, strict=True)]
        chords = zip(self.chords.intervals_s, self.chords.labels, strict=True)
        lines += [f"{start:.4f} {end:.4f} {label}" for (start, end), label in chords]
        lines += [f"{t:.4f} {k}" for t, k in zip(self.beats.times_s, self.beats.positions, strict=True)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def streams(seed: int) -> dict[str, np.random.Generator]:
    """Return one independent generator per part."""
    return {name: np.random.default_rng([seed, k]) for k, name in enumerate(_STREAMS)}


def compose(name: str, seed: int, is_test: bool) -> Song:
    """Compose a song of about 64 s.

    Args:
        name: Its name.
        seed: Seed of all choices; the song depends on it and `is_test` only.
        is_test: Whether to use the test-only entries of the inventory; about half of the choices then do.
    """
    rng = streams(seed)
    plan = rng["plan"]
    tempo, groove = pick(plan, inv.TEMPOS, is_test), pick(plan, inv.GROOVES, is_test)
    bpm = round(float(plan.uniform(tempo.low, tempo.high)), 1)
    tonic = int(plan.integers(12))
    band = pick(plan, inv.BANDS, is_test)
    bars = _bars(plan, bpm, groove.beats, is_test)
    other = _other_groove(rng["other"], groove, is_test)
    swing = groove.swing
    parts = {
        "drums": drums(rng["drums"], bars, groove),
        "bass": bass(rng["bass"], bars, band.bass, tonic, swing, is_test),
        "piano": comping(rng["piano"], bars, band.piano, tonic, swing, is_test),
        "pad": pad(rng["pad"], bars, band.pad, tonic),
        "guitar": guitar(rng["guitar"], bars, band.guitar, tonic, swing),
        "lead": lead(rng["lead"], bars, band.lead, tonic, swing),
    }
    mode = bars[0][1]
    only = tuple(bar for bar, _ in bars)
    beat_s = 60 / bpm
    times = np.concatenate([bar.start_s + beat_s * np.arange(groove.beats) for bar in only])
    beats = Beats(np.round(times, 4), np.tile(np.arange(1, groove.beats + 1), len(only)))
    other_drums = drums(rng["drums"].spawn(1)[0], bars, other)
    return Song(
        name,
        bpm,
        groove.beats,
        tonic,
        mode,
        chords_of(only, tonic),
        beats,
        parts,
        other_drums,
        groove.name,
        other.name,
        only,
    )


def _other_groove(rng: np.random.Generator, groove: inv.Groove, is_test: bool) -> inv.Groove:
    pool = [
        g for g in inv.GROOVES if g.beats == groove.beats and g.name != groove.name and (is_test or not g.is_test_only)
    ]
    return pool[int(rng.integers(len(pool)))] if pool else inv.SPARE_THREE


def _bars(rng: np.random.Generator, bpm: float, beats: int, is_test: bool) -> list[tuple[Bar, str]]:
    """Return bars in sections of 4, 6 or 8, each section with its progression, until the song is long enough."""
    first = pick(rng, inv.PROGRESSIONS, is_test)
    second = next(
        p for p in (pick(rng, inv.PROGRESSIONS, is_test) for _ in range(99)) if p.mode == first.mode and p != first
    )
    lengths = {"A": int(rng.choice([4, 8, 8])), "B": int(rng.choice([4, 6, 8]))}
    form = str(rng.choice(["AABA", "ABAB", "AAB", "ABB"]))
    step_s, n_steps = 15 / bpm, 4 * beats
    bars: list[tuple[Bar, str]] = []
    k = 0
    while len(bars) * step_s * n_steps < LENGTH_S:
        section = form[k % len(form)]
        progression = first if section == "A" else second
        for j in range(lengths[section]):
            start_s = len(bars) * step_s * n_steps
            changes = progression.bars[j % len(progression.bars)]
            bars.append(
                (Bar(start_s, step_s, n_steps, changes, section, j == lengths[section] - 1, j == 0), first.mode)
            )
        k += 1
    return bars


def chords_of(bars: tuple[Bar, ...], tonic: int) -> Chords:
    """Return the labels of the bars' chords; a chord that goes on is one interval."""
    intervals: list[tuple[float, float]] = []
    labels: list[str] = []
    for bar in bars:
        share = bar.n_steps * bar.step_s / len(bar.changes)
        for k, (degree, quality) in enumerate(bar.changes):
            label = f"{NAMES[(tonic + degree) % 12]}:{quality}"
            start = bar.start_s + k * share
            if labels and labels[-1] == label:
                intervals[-1] = (intervals[-1][0], start + share)
            else:
                intervals.append((start, start + share))
                labels.append(label)
    return Chords(np.round(np.array(intervals), 4), tuple(labels))
