"""The composer: a song is a pure function of its seed. Every part has its own random stream."""

import hashlib
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from bench.datasets.synthetic import inventory as inv
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes

VERSION = 1
LENGTH_S = 64.0
NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
TONES = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}
_STREAMS = ("plan", "drums", "bass", "piano", "pad", "guitar", "lead", "mix", "other")
_Kind = TypeVar("_Kind", inv.Progression, inv.Groove, inv.Pattern, inv.Band, inv.Tempo)


@dataclass
class Part:
    """Notes of an instrument during composition: onset, offset, pitch, velocity."""

    program: int
    rows: list[tuple[float, float, int, int]] = field(default_factory=list)

    @property
    def notes(self) -> Notes:
        """The notes sorted by onset."""
        table = np.array(self.rows, dtype=np.float64).reshape(-1, 4)
        table = table[np.lexsort((table[:, 2], table[:, 0]))]
        return Notes(np.round(table[:, :2], 4), table[:, 2], table[:, 3], np.full(len(table), self.program))


@dataclass(frozen=True)
class Bar:
    """A bar: its start and the length of a sixteenth step in seconds, its chords, and its place in the section."""

    start_s: float
    step_s: float
    n_steps: int
    changes: tuple[inv.Change, ...]
    section: str
    is_last: bool
    is_first: bool

    def chord_at(self, step: int) -> inv.Change:
        """Return the chord that sounds at a step."""
        return self.changes[min(step * len(self.changes) // self.n_steps, len(self.changes) - 1)]


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
    tempo, groove = _pick(plan, inv.TEMPOS, is_test), _pick(plan, inv.GROOVES, is_test)
    bpm = round(float(plan.uniform(tempo.low, tempo.high)), 1)
    tonic = int(plan.integers(12))
    band = _pick(plan, inv.BANDS, is_test)
    bars = _bars(plan, bpm, groove.beats, is_test)
    other = _other_groove(rng["other"], groove, is_test)
    swing = groove.swing
    parts = {
        "drums": _drums(rng["drums"], bars, groove),
        "bass": _bass(rng["bass"], bars, band.bass, tonic, swing, is_test),
        "piano": _comping(rng["piano"], bars, band.piano, tonic, swing, is_test),
        "pad": _pad(rng["pad"], bars, band.pad, tonic),
        "guitar": _guitar(rng["guitar"], bars, band.guitar, tonic, swing),
        "lead": _lead(rng["lead"], bars, band.lead, tonic, swing),
    }
    mode = bars[0][1]
    only = tuple(bar for bar, _ in bars)
    beat_s = 60 / bpm
    times = np.concatenate([bar.start_s + beat_s * np.arange(groove.beats) for bar in only])
    beats = Beats(np.round(times, 4), np.tile(np.arange(1, groove.beats + 1), len(only)))
    other_drums = _drums(rng["drums"].spawn(1)[0], bars, other)
    return Song(
        name,
        bpm,
        groove.beats,
        tonic,
        mode,
        _chords(only, tonic),
        beats,
        parts,
        other_drums,
        groove.name,
        other.name,
        only,
    )


def _pick(rng: np.random.Generator, kinds: tuple[_Kind, ...], is_test: bool) -> _Kind:
    """Draw an entry: in test songs a test-only one half of the time, otherwise one for all songs."""
    draw = rng.random(2)
    only = [kind for kind in kinds if kind.is_test_only]
    pool = only if is_test and draw[0] < 0.5 else [kind for kind in kinds if not kind.is_test_only]
    return pool[int(draw[1] * len(pool))]


def _other_groove(rng: np.random.Generator, groove: inv.Groove, is_test: bool) -> inv.Groove:
    pool = [
        g for g in inv.GROOVES if g.beats == groove.beats and g.name != groove.name and (is_test or not g.is_test_only)
    ]
    return pool[int(rng.integers(len(pool)))] if pool else inv.SPARE_THREE


def _bars(rng: np.random.Generator, bpm: float, beats: int, is_test: bool) -> list[tuple[Bar, str]]:
    """Return bars in sections of 4, 6 or 8, each section with its progression, until the song is long enough."""
    first = _pick(rng, inv.PROGRESSIONS, is_test)
    second = next(
        p for p in (_pick(rng, inv.PROGRESSIONS, is_test) for _ in range(99)) if p.mode == first.mode and p != first
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


def _chords(bars: tuple[Bar, ...], tonic: int) -> Chords:
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


class _Hand:
    """A player's timing and dynamics: steps become seconds, accents become velocities."""

    def __init__(self, rng: np.random.Generator, swing: float, timing_s: float) -> None:
        self.rng, self.swing, self.timing_s = rng, swing, timing_s

    def play(
        self, part: Part, bar: Bar, step: int, length: float, pitch: int, velocity: float, wide: float = 0.0
    ) -> None:
        late = self.swing if step % 4 == 2 else self.swing * 0.8 if step % 2 else 0.0
        start = bar.start_s + bar.step_s * (step + late) + wide + float(self.rng.normal(0, self.timing_s))
        loud = int(np.clip(round(velocity + self.rng.normal(0, 6)), 20, 127))
        start = max(start, 0.0)
        part.rows.append((start, start + max(bar.step_s * length * 0.95, 0.05), pitch, loud))


def _drums(rng: np.random.Generator, bars: list[tuple[Bar, str]], groove: inv.Groove) -> Notes:
    part, hand = Part(DRUM_PROGRAM), _Hand(rng, groove.swing, 0.004)
    for bar, _ in bars:
        fill_from = bar.n_steps - int(rng.choice([4, 6, 8])) if bar.is_last else bar.n_steps
        for key, row in groove.rows.items():
            for step, mark in enumerate(row):
                if mark != "." and (step < fill_from or key == inv.KICK) and rng.random() > 0.03:
                    hand.play(part, bar, step, 1, key, 104 if mark == "X" else 72)
        if bar.is_first:
            hand.play(part, bar, 0, 4, inv.CRASH, 96)
        toms = (inv.SNARE, inv.TOM_HIGH, inv.TOM_MID, inv.TOM_LOW)
        for step in range(fill_from, bar.n_steps):
            if rng.random() < 0.8:
                hand.play(part, bar, step, 1, toms[(step - fill_from) * 4 // max(bar.n_steps - fill_from, 1)], 92)
    return part.notes


def _bass(
    rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int, swing: float, is_test: bool
) -> Notes:
    part, hand = Part(program), _Hand(rng, swing, 0.006)
    patterns = {section: _pick(rng, inv.BASSES, is_test) for section in "AB"}
    for bar, _ in bars:
        for step, length, above in patterns[bar.section].hits:
            if step < bar.n_steps:
                degree, quality = bar.chord_at(step)
                root = 28 + (tonic + degree - 4) % 12
                above = above if above % 12 == 0 or 7 in TONES[quality] else 0
                hand.play(part, bar, step, min(length, bar.n_steps - step), root + above, 96)
    return part.notes


def _voiced(degree: int, quality: str, tonic: int, near: float) -> list[int]:
    """Return the chord's tones in close position, in the inversion whose mean is nearest to a pitch."""
    classes = [(tonic + degree + tone) % 12 for tone in TONES[quality]]
    best = min(range(len(classes)), key=lambda k: abs(np.mean(_stacked(classes[k:] + classes[:k], near)) - near))
    return _stacked(classes[best:] + classes[:best], near)


def _stacked(classes: list[int], near: float) -> list[int]:
    low = round(near) - 6
    pitches = [low + (classes[0] - low) % 12]
    for one in classes[1:]:
        pitches.append(pitches[-1] + 1 + (one - pitches[-1] - 1) % 12)
    return pitches


def _comping(
    rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int, swing: float, is_test: bool
) -> Notes:
    part, hand = Part(program), _Hand(rng, swing, 0.008)
    patterns = {section: _pick(rng, inv.COMPINGS, is_test) for section in "AB"}
    near = float(rng.uniform(58, 66))
    for bar, _ in bars:
        for step, length, what in patterns[bar.section].hits:
            if step >= bar.n_steps:
                continue
            tones = _voiced(*bar.chord_at(step), tonic, near)
            half = len(tones) // 2
            chosen = {0: tones, 1: tones[:half], 2: tones[half:]}.get(what) or [tones[(what - 3) % len(tones)]]
            for pitch in chosen:
                hand.play(part, bar, step, min(length, bar.n_steps - step), pitch, 84)
    return part.notes


def _pad(rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int) -> Notes:
    part, hand = Part(max(program, 0)), _Hand(rng, 0.0, 0.004)
    for bar, _ in bars if program >= 0 else []:
        share = bar.n_steps // len(bar.changes)
        for k, change in enumerate(bar.changes):
            for pitch in _voiced(*change, tonic, 66.0):
                hand.play(part, bar, k * share, share, pitch, 70)
    return part.notes


def _guitar(rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int, swing: float) -> Notes:
    part, hand = Part(max(program, 0)), _Hand(rng, swing, 0.007)
    steps = [tuple(range(2, 16, 4)), (0, 3, 6, 10, 12), (4, 12), (0, 4, 8, 12)][int(rng.integers(4))]
    sections = "B" if rng.random() < 0.4 else "AB"
    for bar, _ in bars if program >= 0 else []:
        for step in steps if bar.section in sections else ():
            if step < bar.n_steps:
                for k, pitch in enumerate(_voiced(*bar.chord_at(step), tonic, 60.0)):
                    hand.play(part, bar, step, 1.8, pitch, 78, wide=0.006 * k)
    return part.notes


def _lead(rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int, swing: float) -> Notes:
    """Write a motif of a bar or two per section and repeat it on the tones of the chords, with rests between."""
    part, hand = Part(program), _Hand(rng, swing, 0.01)
    motifs = {}
    for section in "AB":
        steps = np.sort(rng.choice(np.arange(0, 32, 2), size=int(rng.integers(5, 11)), replace=False))
        motifs[section] = [(int(s), int(rng.integers(-2, 4))) for s in steps]
    plays = {"A": rng.random() < 0.7, "B": rng.random() < 0.8}
    for k, (bar, _) in enumerate(bars):
        if not plays[bar.section]:
            continue
        own = [(s - 16 * (k % 2), move) for s, move in motifs[bar.section] if 0 <= s - 16 * (k % 2) < bar.n_steps]
        for j, (step, move) in enumerate(own):
            tones = _voiced(*bar.chord_at(step), tonic, 75.0)
            ladder = [p + 12 * o for o in (-1, 0, 1) for p in tones]
            length = (own[j + 1][0] if j + 1 < len(own) else bar.n_steps) - step
            hand.play(part, bar, step, min(length, 6), ladder[len(tones) + move], 90)
    return part.notes
