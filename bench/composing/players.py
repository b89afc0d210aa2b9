"""Players: the notes of every instrument over the bars of a song."""

from dataclasses import dataclass, field

import numpy as np

from bench.composing import inventory as inv
from bench.composing.inventory import pick
from bench.symbols import DRUM_PROGRAM, Notes

TONES = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}


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


class Hand:
    """A player's timing and dynamics: steps become seconds, accents become velocities."""

    def __init__(self, rng: np.random.Generator, swing: float, timing_s: float) -> None:
        self.rng, self.swing, self.timing_s = rng, swing, timing_s

    def play(
        self, part: Part, bar: Bar, step: int, length: float, pitch: int, velocity: float, wide: float = 0.0
    ) -> None:
        """Add a note of `length` steps to a part, `wide` seconds after its time."""
        late = self.swing if step % 4 == 2 else self.swing * 0.8 if step % 2 else 0.0
        start = bar.start_s + bar.step_s * (step + late) + wide + float(self.rng.normal(0, self.timing_s))
        loud = int(np.clip(round(velocity + self.rng.normal(0, 6)), 20, 127))
        start = max(start, 0.0)
        part.rows.append((start, start + max(bar.step_s * length * 0.95, 0.05), pitch, loud))


def drums(rng: np.random.Generator, bars: list[tuple[Bar, str]], groove: inv.Groove) -> Notes:
    """Play the groove, with fills at the ends of sections."""
    part, hand = Part(DRUM_PROGRAM), Hand(rng, groove.swing, 0.004)
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


def bass(
    rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int, swing: float, is_test: bool
) -> Notes:
    """Play a bass pattern over the chords."""
    part, hand = Part(program), Hand(rng, swing, 0.006)
    patterns = {section: pick(rng, inv.BASSES, is_test) for section in "AB"}
    for bar, _ in bars:
        for step, length, above in patterns[bar.section].hits:
            if step < bar.n_steps:
                degree, quality = bar.chord_at(step)
                root = 28 + (tonic + degree - 4) % 12
                above = above if above % 12 == 0 or 7 in TONES[quality] else 0
                hand.play(part, bar, step, min(length, bar.n_steps - step), root + above, 96)
    return part.notes


def voiced(degree: int, quality: str, tonic: int, near: float) -> list[int]:
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


def comping(
    rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int, swing: float, is_test: bool
) -> Notes:
    """Play the chords in a comping pattern, voice-led."""
    part, hand = Part(program), Hand(rng, swing, 0.008)
    patterns = {section: pick(rng, inv.COMPINGS, is_test) for section in "AB"}
    near = float(rng.uniform(58, 66))
    for bar, _ in bars:
        for step, length, what in patterns[bar.section].hits:
            if step >= bar.n_steps:
                continue
            tones = voiced(*bar.chord_at(step), tonic, near)
            half = len(tones) // 2
            chosen = {0: tones, 1: tones[:half], 2: tones[half:]}.get(what) or [tones[(what - 3) % len(tones)]]
            for pitch in chosen:
                hand.play(part, bar, step, min(length, bar.n_steps - step), pitch, 84)
    return part.notes


def pad(rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int) -> Notes:
    """Hold every chord; nothing where the band has no pad."""
    part, hand = Part(max(program, 0)), Hand(rng, 0.0, 0.004)
    for bar, _ in bars if program >= 0 else []:
        share = bar.n_steps // len(bar.changes)
        for k, change in enumerate(bar.changes):
            for pitch in voiced(*change, tonic, 66.0):
                hand.play(part, bar, k * share, share, pitch, 70)
    return part.notes


def guitar(rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int, swing: float) -> Notes:
    """Strum every chord; nothing where the band has no guitar."""
    part, hand = Part(max(program, 0)), Hand(rng, swing, 0.007)
    steps = [tuple(range(2, 16, 4)), (0, 3, 6, 10, 12), (4, 12), (0, 4, 8, 12)][int(rng.integers(4))]
    sections = "B" if rng.random() < 0.4 else "AB"
    for bar, _ in bars if program >= 0 else []:
        for step in steps if bar.section in sections else ():
            if step < bar.n_steps:
                for k, pitch in enumerate(voiced(*bar.chord_at(step), tonic, 60.0)):
                    hand.play(part, bar, step, 1.8, pitch, 78, wide=0.006 * k)
    return part.notes


def lead(rng: np.random.Generator, bars: list[tuple[Bar, str]], program: int, tonic: int, swing: float) -> Notes:
    """Write a motif of a bar or two per section and repeat it on the tones of the chords, with rests between."""
    part, hand = Part(program), Hand(rng, swing, 0.01)
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
            tones = voiced(*bar.chord_at(step), tonic, 75.0)
            ladder = [p + 12 * o for o in (-1, 0, 1) for p in tones]
            length = (own[j + 1][0] if j + 1 < len(own) else bar.n_steps) - step
            hand.play(part, bar, step, min(length, 6), ladder[len(tones) + move], 90)
    return part.notes
