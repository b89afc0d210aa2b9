"""Stems: a song's parts as sound, each at its own loudness; the mix is their sum, sample by sample."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.audio import rms
from bench.datasets.synthetic.composer import Song, streams
from bench.protocols import Renderer

SAMPLE_RATE = 32000
STEMS = {"drums": ("drums",), "bass": ("bass",), "piano": ("piano",), "other": ("pad", "guitar", "lead")}
LEVELS_DB = {"drums": -3.0, "bass": -6.0, "piano": -6.5, "pad": -12.0, "guitar": -11.0, "lead": -7.0}
"""What each part is brought to, relative to one another, before the mix is brought to MIX_RMS."""
SPREAD_DB = 1.5
MIX_RMS = 0.1
PEAK = 0.89

Sound = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Stems:
    """A song's stems and what its other groove needs to take the place of its own.

    Attributes:
        sounds: drums, bass, piano, other; shape (n,) each, at 32 kHz, of the whole song.
        drums_gain: From what the renderer gives of the drums to the stem.
    """

    sounds: dict[str, Sound]
    drums_gain: float

    @property
    def mix(self) -> Sound:
        """The sum of the stems."""
        return _sum(list(self.sounds.values()))


def stems(song: Song, renderer: Renderer, seed: int) -> Stems:
    """Render a song: parts at their loudness, the mix at RMS 0.1 or at a peak of -1 dBFS, whichever is softer."""
    mixing = streams(seed)["mix"]
    parts, gains = {}, {}
    for part, notes in song.parts.items():
        sound = renderer.render(notes, song.duration_s, SAMPLE_RATE).mono
        level_db = LEVELS_DB[part] + float(mixing.uniform(-SPREAD_DB, SPREAD_DB))
        gains[part] = 10 ** (level_db / 20) / rms(sound) if len(notes) else 0.0
        parts[part] = sound * np.float32(gains[part])
    found = {stem: _sum([parts[part] for part in members]) for stem, members in STEMS.items()}
    mix = _sum(list(found.values()))
    gain = min(MIX_RMS / rms(mix), PEAK / float(np.abs(mix).max()))
    return Stems({stem: sound * np.float32(gain) for stem, sound in found.items()}, gain * gains["drums"])


def other_drums(song: Song, renderer: Renderer, drums_gain: float) -> Sound:
    """Render the song's other groove at the gain of its own, so that it can take its place."""
    return renderer.render(song.other_drums, song.duration_s, SAMPLE_RATE).mono * np.float32(drums_gain)


def _sum(sounds: list[Sound]) -> Sound:
    total = sounds[0].copy()
    for sound in sounds[1:]:
        total += sound
    return total
