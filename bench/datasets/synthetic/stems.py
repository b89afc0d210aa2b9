"""Stems: a song's parts as sound, each at its own loudness; the mix is their sum, sample by sample."""

import numpy as np
import numpy.typing as npt

from bench.audio import rms
from bench.datasets.synthetic.composer import Song, streams
from bench.protocols import Renderer
from bench.symbols import DRUM_PROGRAM, Notes

SAMPLE_RATE = 32000
STEMS = {"drums": ("drums",), "bass": ("bass",), "piano": ("piano",), "other": ("pad", "guitar", "lead")}
LEVELS_DB = {"drums": -3.0, "bass": -6.0, "piano": -6.5, "pad": -12.0, "guitar": -11.0, "lead": -7.0}
"""What each part is brought to, relative to one another, before the mix is brought to MIX_RMS; +-1.5 dB by seed."""
MIX_RMS = 0.1
PEAK = 0.89

Sound = npt.NDArray[np.float32]


def stems(song: Song, renderer: Renderer, seed: int) -> dict[str, Sound]:
    """Return drums, other-drums, bass, piano and other, shape (n,), at 32 kHz, of the whole song.

    `other-drums` is the song's other groove at the gain of its own, so that it can take their place.
    """
    duration_s = song.bars[-1].start_s + song.bars[-1].step_s * song.bars[-1].n_steps
    mixing = streams(seed)["mix"]
    spread = {part: float(mixing.uniform(-1.5, 1.5)) for part in LEVELS_DB}
    parts = {}
    gains = {}
    for part, notes in song.parts.items():
        sound = renderer.render(notes, duration_s, SAMPLE_RATE).mono
        level = 10 ** ((LEVELS_DB[part] + spread[part]) / 20)
        gains[part] = level / rms(sound) if len(notes) else 0.0
        parts[part] = sound * np.float32(gains[part])
    other = renderer.render(_percussion(song.other_drums), duration_s, SAMPLE_RATE).mono * np.float32(gains["drums"])
    found = {
        stem: np.sum([parts[part] for part in members], axis=0, dtype=np.float32) for stem, members in STEMS.items()
    }
    mix = np.sum(list(found.values()), axis=0, dtype=np.float32)
    gain = min(MIX_RMS / rms(mix), PEAK / float(np.abs(mix).max()))
    return {stem: (sound * np.float32(gain)) for stem, sound in {**found, "other-drums": other}.items()}


def mixed(found: dict[str, Sound]) -> Sound:
    """Return the sum of the stems."""
    return np.sum([found[stem] for stem in STEMS], axis=0, dtype=np.float32)


def _percussion(notes: Notes) -> Notes:
    return Notes(notes.intervals_s, notes.pitches, notes.velocities, np.full(len(notes), DRUM_PROGRAM))
