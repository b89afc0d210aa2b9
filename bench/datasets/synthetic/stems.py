"""Stems: a song's parts as sound, each at its level; the mix is exactly their sum."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.audio import rms
from bench.composing.composer import Song, streams
from bench.protocols import Renderer

SAMPLE_RATE = 32000
STEMS = {"drums": ("drums",), "bass": ("bass",), "piano": ("piano",), "other": ("pad", "guitar", "lead")}
LEVELS_DB = {"drums": -3.0, "bass": -6.0, "piano": -6.5, "pad": -12.0, "guitar": -11.0, "lead": -7.0}
"""Levels of the parts relative to one another, before the mix is set to MIX_RMS."""
SPREAD_DB = 1.5
MIX_RMS = 0.1
PEAK = 0.89

Sound = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Stems:
    """A song's stems, and the gain at which its other groove can replace its own.

    Attributes:
        sounds: drums, bass, piano, other of the whole song; shape (n,) each, at 32 kHz.
        drums_gain: Gain from the renderer's output to the drum stem.
    """

    sounds: dict[str, Sound]
    drums_gain: float

    @property
    def mix(self) -> Sound:
        """The sum of the stems."""
        return _sum(list(self.sounds.values()))


def stems(song: Song, renderer: Renderer, seed: int) -> Stems:
    """Render a song: parts at their levels, the mix at RMS 0.1 or at a peak of -1 dBFS, whichever is quieter."""
    mixing = streams(seed)["mix"]
    parts, gains = {}, {}
    for part, notes in song.parts.items():
        sound = renderer.render(notes, song.duration_s, SAMPLE_RATE).mono
        level_db = LEVELS_DB[part] + float(mixing.uniform(-SPREAD_DB, SPREAD_DB))
        gains[part] = 10 ** (level_db / 20) / rms(sound) if len(notes) else 0.0
        parts[part] = sound * np.float32(gains[part])
    sums = {stem: _sum([parts[part] for part in members]) for stem, members in STEMS.items()}
    mix = _sum(list(sums.values()))
    gain = min(MIX_RMS / rms(mix), PEAK / float(np.abs(mix).max()))
    return Stems({stem: sound * np.float32(gain) for stem, sound in sums.items()}, gain * gains["drums"])


def other_drums(song: Song, renderer: Renderer, drums_gain: float) -> Sound:
    """Render the song's other groove at the gain of its own, so that it can replace it."""
    return renderer.render(song.other_drums, song.duration_s, SAMPLE_RATE).mono * np.float32(drums_gain)


def _sum(sounds: list[Sound]) -> Sound:
    total = sounds[0].copy()
    for sound in sounds[1:]:
        total += sound
    return total
