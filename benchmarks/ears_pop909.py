"""Material (c): POP909 songs played by a SoundFont that nothing in this repository was trained on, with drums added.

FluidSynth plays them with Merlin, the General MIDI font of the package scamp. Drums are a pattern, played by one of two
sampled kits (avldrums.lv2-soundfont), at the song's own beats. Chords and notes are those of the data set.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from bench import plugins
from bench.audio import Audio
from bench.datasets.pop909 import beats_of, chords_of, read_parts
from bench.errors import BenchError, MissingComponent
from bench.symbols import DRUM_PROGRAM, Beats, Floats, Notes, write_symbols
from bench.upkeep.material import Item
from benchmarks.ears_material import DURATION_S, SAMPLE_RATE, Sound, mixed
from benchmarks.ears_sources import Sources

SONGS = ("001", "012", "023", "034", "045", "056", "067", "078", "089", "100", "111", "122", "133", "144", "155", "166")
FONT, KITS = "merlin", ("black-pearl", "red-zeppelin")
LEVELS_DB = {"MELODY": 0.0, "BRIDGE": -6.0, "PIANO": -3.0}
DRUMS_LU = (-6.0, -3.0, 0.0, 3.0)
LEAD_S = 2.0
"""Rendered before the excerpt, so that notes held into it sound."""
TIME_LIMIT_S = 120
_KICK, _SNARE, _HAT, _OPEN_HAT, _TOM = 36, 38, 42, 46, 45
_PATTERNS: tuple[tuple[tuple[float, int, int], ...], ...] = (
    ((0, _KICK, 100), (1, _SNARE, 100), (2, _KICK, 95), (2.5, _KICK, 80), (3, _SNARE, 104)),
    ((0, _KICK, 104), (0.75, _KICK, 76), (1, _SNARE, 98), (2.5, _KICK, 96), (3, _SNARE, 100), (3.75, _SNARE, 50)),
    ((0, _KICK, 100), (1, _KICK, 90), (2, _KICK, 98), (3, _KICK, 92), (1, _SNARE, 90), (3, _SNARE, 94)),
    ((0, _KICK, 96), (1.5, _KICK, 84), (2, _SNARE, 106), (3.5, _TOM, 86)),
)
"""A bar of four beats each: beat, General MIDI key, velocity; hats are added on every half beat."""


def pop_songs(sources: Sources, root: str = "", limit: int | None = None) -> Iterator[Item]:
    """Yield the middle 15 s of every song, as a mix with drums and as its piano track alone.

    Args:
        sources: Where the fonts lie.
        root: Folder of POP909; `$BENCH_DATA/pop909` when empty.
        limit: Number of songs, from the first; all when None.

    Raises:
        BenchError: a song, a font or FluidSynth is missing.
    """
    plugins.load("datasets", "pop909", path=root)
    folder = _root(root)
    for number, song in enumerate(SONGS[:limit]):
        parts = read_parts(folder / song / f"{song}.mid")
        beats, chords = beats_of(folder / song / "beat_midi.txt"), chords_of(folder / song / "chord_midi.txt")
        middle_s = float(max(notes.intervals_s.max() for notes in parts.values() if len(notes))) / 2
        start = round(middle_s - DURATION_S / 2, 3)
        cut_parts = {name: notes.cut(start - LEAD_S, start + DURATION_S) for name, notes in parts.items()}
        sounds = {name: _played(sources.path(FONT), notes, start) for name, notes in cut_parts.items()}
        rest = sum(sound * _gain(sound, LEVELS_DB[name]) for name, sound in sounds.items())
        hits = pattern(beats.cut(start - LEAD_S, start + DURATION_S), number % len(_PATTERNS))
        drums = _played(sources.path(KITS[number % len(KITS)]), _as_melodic(hits), start)
        here = chords.cut(start, start + DURATION_S).shifted(-start)
        whole = mixed("c-mix", song, drums, np.asarray(rest), DRUMS_LU[number // 2 % len(DRUMS_LU)])
        inside = {name: n.cut(start, start + DURATION_S).shifted(-start) for name, n in parts.items()}
        yield Item("c-mix", song, whole.mix, whole.drums, Notes.joined(list(inside.values())), here)
        piano = sounds["PIANO"] * _gain(sounds["PIANO"], 0.0)
        yield Item("c-piano", song, Audio(piano.astype(np.float32), SAMPLE_RATE), None, inside["PIANO"], here)


def pattern(beats: Beats, number: int) -> Notes:
    """Return the drum notes of a pattern at beats whose positions are known; fractions of a beat are interpolated."""
    times, positions = beats.times_s, np.asarray(beats.positions)
    hits: list[tuple[float, int, int]] = []
    for k, position in enumerate(positions[:-1]):
        length = times[k + 1] - times[k]
        here = [(b - (position - 1), key, v) for b, key, v in _PATTERNS[number] if position - 1 <= b < position]
        hats = [(0.0, _HAT, 80), (0.5, _OPEN_HAT if position == 4 and number % 2 else _HAT, 62)]
        hits += [(float(times[k] + beat * length), key, velocity) for beat, key, velocity in [*here, *hats]]
    table = np.array(sorted(hits)).reshape(-1, 3)
    intervals = np.column_stack([table[:, 0], table[:, 0] + 0.1])
    return Notes(intervals, table[:, 1], table[:, 2], np.full(len(table), DRUM_PROGRAM))


def _as_melodic(hits: Notes) -> Notes:
    """Return drum notes for the kits' fonts, which hold a kit as their melodic program 0."""
    return Notes(hits.intervals_s, hits.pitches, hits.velocities)


def _played(font: Path, notes: Notes, start_s: float) -> Sound:
    """Return 15 s of mono sound from `start_s` on; the notes begin up to `LEAD_S` earlier."""
    n, lead = round(DURATION_S * SAMPLE_RATE), round(LEAD_S * SAMPLE_RATE)
    if not len(notes):
        return np.zeros(n)
    sound = np.zeros(lead + n)
    played = fluidsynth(font, notes.shifted(LEAD_S - start_s))[: lead + n]
    sound[: len(played)] = played
    return sound[lead:]


def fluidsynth(font: Path, notes: Notes) -> Floats:
    """Return notes as FluidSynth plays them with a SoundFont, mono at 44.1 kHz, no reverb or chorus.

    Raises:
        MissingComponent: FluidSynth is not installed.
        BenchError: it fails or does not end within the time limit.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise MissingComponent("fluidsynth: missing; material c needs it; `apt-get install fluidsynth`")
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "score.mid", Path(folder) / "sound.wav"
        write_symbols(score, notes)
        command = [program, "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.5", "-r", str(SAMPLE_RATE), "-O", "float"]
        command += ["-T", "wav", "-F", str(sound), str(font), str(score)]
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=TIME_LIMIT_S)
            samples, _ = soundfile.read(sound, always_2d=True)
        except (subprocess.SubprocessError, soundfile.LibsndfileError) as error:
            reason = type(error).__name__
            raise BenchError(f"{font}: FluidSynth cannot play it ({reason}); get the font again") from error
    return np.asarray(samples.mean(axis=1), dtype=np.float64)


def _gain(sound: Sound, level_db: float) -> float:
    level = float(np.sqrt(np.mean(sound**2)))
    return 0.1 * 10 ** (level_db / 20) / level if level > 0 else 0.0


def _root(root: str) -> Path:
    from bench.recordings.library import root_of

    base = root_of("pop909", root)
    return base / "POP909" if (base / "POP909").is_dir() else base
