"""Variation: the composer's songs with other chords, grooves, instruments, registers and textures."""

from dataclasses import replace

import numpy as np

from bench.composing import inventory as inv
from bench.composing.composer import Song, chords_of, compose
from bench.composing.players import TONES, Bar, Hand, Part, bass, comping, drums, guitar, lead, pad, voiced
from bench.symbols import Notes

VERSION = 1
SUNG = 53
"""Program of a lead part that is sung (GM 53, voice)."""
_STREAM = 100
_LOWEST, _HIGHEST = 24, 103
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_BORROWED = {"major": (10, 8, 3, 1), "minor": (11, 1, 9, 6)}
_FAMILIES = {
    "bass": (32, 33, 34, 35, 36, 37, 38, 39, 43, 58),
    "piano": (0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 16, 17, 18, 19, 21, 24, 25, 26, 46),
    "pad": (48, 49, 50, 51, 52, 53, 54, 60, 61, 62, 63, 88, 89, 90, 91, 92, 94, 95, 19, 21),
    "guitar": (24, 25, 26, 27, 28, 29, 30, 31, 104, 105, 107, 45),
    "lead": (40, 41, 42, 56, 57, 59, 60, 64, 65, 66, 68, 71, 72, 73, 74, 75, 78, 79, 80, 81, 82, 22, 29, 30, 0, 11, 26),
}
_SILENT = {"bass": 0.1, "piano": 0.12, "pad": 0.35, "guitar": 0.4, "lead": 0.15}
_SUNG_SHARE, _SOLO_SHARE = 0.35, 0.08


def vary(name: str, seed: int, is_test: bool) -> Song:
    """Compose a song and change it; the same seed gives the same song.

    The bars and the tempo are the composer's. Half of the songs get random chords of their key with some borrowed ones,
    half a random groove; the instruments are drawn from families of General MIDI; a third have a piano with broken
    chords under a melody, a third of the leads are sung, and some songs are one instrument alone.
    """
    song, rng = compose(name, seed, is_test), np.random.default_rng([seed, _STREAM])
    bars = _other_chords(rng, song) if rng.random() < 0.5 else song.bars
    groove = _random_groove(rng, song.beats_per_bar) if rng.random() < 0.5 else None
    swing = float(rng.choice([0.0, 0.0, 0.0, 0.15, 0.3]))
    parts = {
        part: _moved(rng, notes) for part, notes in _play(rng, bars, song.tonic, song.mode, swing, is_test).items()
    }
    parts = {"drums": _played(rng, bars, groove) if groove else song.parts["drums"], **parts}
    if rng.random() < _SOLO_SHARE:
        solo = "piano" if rng.random() < 0.6 else "guitar"
        parts = {part: notes if part == solo or part == "drums" else _none() for part, notes in parts.items()}
    if not any(len(notes) for part, notes in parts.items() if part != "drums"):
        parts["piano"] = song.parts["piano"]
    chords = chords_of(bars, song.tonic)
    return replace(song, chords=chords, parts=parts, bars=bars, groove=groove.name if groove else song.groove)


def _play(
    rng: np.random.Generator, bars: tuple[Bar, ...], tonic: int, mode: str, swing: float, is_test: bool
) -> dict[str, Notes]:
    program = {
        part: -1 if rng.random() < _SILENT[part] else int(rng.choice(kinds)) for part, kinds in _FAMILIES.items()
    }
    if rng.random() < _SUNG_SHARE and program["lead"] >= 0:
        program["lead"] = SUNG
    pairs = [(bar, mode) for bar in bars]
    played = {
        "bass": bass(rng, pairs, program["bass"], tonic, swing, is_test),
        "piano": _broken(rng, bars, program["piano"], tonic, mode, swing)
        if rng.random() < 0.35
        else comping(rng, pairs, program["piano"], tonic, swing, is_test),
        "pad": pad(rng, pairs, program["pad"], tonic),
        "guitar": guitar(rng, pairs, program["guitar"], tonic, swing),
        "lead": _melody(rng, bars, program["lead"], tonic, mode, swing)
        if rng.random() < 0.5
        else lead(rng, pairs, max(program["lead"], 0), tonic, swing),
    }
    return {part: notes if program[part] >= 0 else _none() for part, notes in played.items()}


def _none() -> Notes:
    return Notes.joined([])


def _moved(rng: np.random.Generator, notes: Notes) -> Notes:
    """Move a part by an octave now and then, scale its dynamics, and stretch or shorten its notes."""
    octaves = int(rng.choice([-12, 0, 0, 0, 0, 12]))
    pitches = notes.pitches + octaves
    pitches = np.where(pitches < _LOWEST, pitches + 12, np.where(pitches > _HIGHEST, pitches - 12, pitches))
    loudness = np.clip(np.rint(notes.velocities * rng.uniform(0.6, 1.25)), 15, 127)
    onsets, offsets = notes.intervals_s.T
    lengths = np.maximum((offsets - onsets) * rng.choice([0.5, 0.8, 1.0, 1.0, 1.3]), 0.05)
    return Notes(np.stack([onsets, onsets + lengths], axis=1), pitches, loudness, notes.programs)


def _other_chords(rng: np.random.Generator, song: Song) -> tuple[Bar, ...]:
    """Give every section a progression of 2 to 8 random bars."""
    lengths = {section: int(rng.choice([2, 4, 4, 8])) for section in "AB"}
    changes = {s: [tuple(_chord(rng, song.mode) for _ in range(rng.choice([1, 1, 1, 2]))) for _ in range(n)]
               for s, n in lengths.items()}  # fmt: skip
    bars, k = [], 0
    for bar in song.bars:
        k = 0 if bar.is_first else k + 1
        bars.append(replace(bar, changes=changes[bar.section][k % lengths[bar.section]]))
    return tuple(bars)


def _chord(rng: np.random.Generator, mode: str) -> inv.Change:
    scale = _SCALES[mode]
    if rng.random() < 0.15:
        return int(rng.choice(_BORROWED[mode])), str(rng.choice(["maj", "min", "7"]))
    k = int(rng.integers(7))
    root, third, fifth, seventh = (scale[(k + step) % 7] for step in (0, 2, 4, 6))
    is_major = (third - root) % 12 == 4
    if (fifth - root) % 12 != 7:  # a diminished triad has no label in the inventory
        return int(scale[0]), "maj" if mode == "major" else "min"
    if rng.random() < 0.3:
        is_small = (seventh - root) % 12 == 10
        return int(root), ("7" if is_small else "maj7") if is_major else "min7"
    return int(root), "maj" if is_major else "min"


def _random_groove(rng: np.random.Generator, beats: int) -> inv.Groove:
    """Draw a bar of percussion: a kick, a snare with quiet hits between its accents, cymbals, and hand percussion."""
    n = 4 * beats

    def row(chance: object, accents: float = 0.5) -> str:
        hits = rng.random(n) < np.asarray(chance)
        return "".join(("X" if rng.random() < accents else "x") if hit else "." for hit in hits)

    steps = np.arange(n)
    strong, beat, eighth = steps % 8 == 0, steps % 4 == 0, steps % 2 == 0
    dense = float(rng.uniform(0.02, 0.25))
    rows = {
        inv.KICK: row(
            np.where(strong, 0.9, np.where(beat, rng.uniform(0.1, 0.9), np.where(eighth, dense + 0.1, dense))), 0.7
        ),
        int(rng.choice([inv.SNARE, inv.SNARE, inv.SNARE, inv.STICK, inv.CLAP])): row(
            np.where(steps % 8 == 4, 0.93, float(rng.choice([0.02, 0.1, 0.25]))), 0.6
        ),
    }
    cymbal = int(rng.choice([inv.HAT, inv.HAT, inv.HAT, inv.RIDE, inv.OPEN, inv.SHAKER, inv.TAMB, inv.PEDAL]))
    rows[cymbal] = row(np.where(eighth, 0.92, float(rng.choice([0.0, 0.1, 0.5, 0.9]))))
    if cymbal != inv.OPEN and rng.random() < 0.4:
        rows[inv.OPEN] = row(np.where(steps % 4 == 2, 0.25, 0.02))
    if rng.random() < 0.3:
        rows[int(rng.choice([56, 62, 63, 64, 65, 66, 67, 75, 76, inv.SHAKER]))] = row(rng.uniform(0.1, 0.5))
    return inv.Groove("random", beats, rows, float(rng.choice([0.0, 0.0, 0.0, 0.2, 0.33])))


def _played(rng: np.random.Generator, bars: tuple[Bar, ...], groove: inv.Groove) -> Notes:
    return drums(rng, [(bar, "") for bar in bars], groove)


def _broken(
    rng: np.random.Generator, bars: tuple[Bar, ...], program: int, tonic: int, mode: str, swing: float
) -> Notes:
    """Play broken chords in the left hand and a melody, now and then in octaves or thirds, in the right."""
    part, hand = Part(program), Hand(rng, swing, 0.01)
    step_by = int(rng.choice([1, 2, 2, 4]))
    order = rng.permutation(6)
    low = float(rng.uniform(40, 56))
    for bar in bars:
        for step in range(0, bar.n_steps, step_by):
            tones = voiced(*bar.chord_at(step), tonic, low)
            ladder = [tones[0] - 12, *tones, *(tone + 12 for tone in tones)]
            if step == 0 or rng.random() < 0.85:
                length = min(int(rng.choice([1, 2, 4, 8])), bar.n_steps - step)
                hand.play(part, bar, step, length, ladder[int(order[(step // step_by) % 6]) % len(ladder)], 72)
    melody = _melody(rng, bars, program, tonic, mode, swing)
    doubled = int(rng.choice([0, 0, 12, -12, 4]))
    other = Notes(melody.intervals_s, melody.pitches - doubled, melody.velocities, melody.programs)
    return Notes.joined([part.notes, melody, *([other] if doubled else [])])


def _melody(
    rng: np.random.Generator, bars: tuple[Bar, ...], program: int, tonic: int, mode: str, swing: float
) -> Notes:
    """Walk on the scale in random rhythm, returning to the chord on strong beats, with rests."""
    part, hand = Part(max(program, 0)), Hand(rng, swing, 0.012)
    centre = float(rng.uniform(64, 82))
    scale = [p for p in range(36, 104) if (p - tonic) % 12 in _SCALES[mode]]
    at = int(np.argmin(np.abs(np.array(scale) - centre)))
    rest, quick = float(rng.uniform(0.05, 0.35)), float(rng.uniform(0.1, 0.6))
    for bar in bars:
        step = 0
        while step < bar.n_steps:
            length = int(rng.choice([1, 2, 3]) if rng.random() < quick else rng.choice([2, 4, 6, 8]))
            length = min(length, bar.n_steps - step)
            at = int(np.clip(at + rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 3]), 3, len(scale) - 4))
            at += int(np.sign(centre - scale[at])) if abs(scale[at] - centre) > 9 else 0
            pitch = scale[at]
            if step % 8 == 0:
                degree, quality = bar.chord_at(step)
                classes = [(tonic + degree + tone) % 12 for tone in TONES[quality]]
                pitch = min((p for p in range(pitch - 6, pitch + 7) if p % 12 in classes), key=lambda p: abs(p - pitch))
            if rng.random() > rest:
                hand.play(part, bar, step, length, pitch, 90)
            step += length
    return part.notes
