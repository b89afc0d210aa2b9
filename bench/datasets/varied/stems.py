"""Stems: the parts of a song played by drawn instruments, each with effects, at drawn levels."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bench import plugins
from bench.audio import rms
from bench.composing.composer import Song
from bench.composing.variation import SUNG
from bench.datasets.varied import fluid, kits, sources, voice
from bench.music import effects
from bench.symbols import Notes

SAMPLE_RATE = 32000
_STREAM = 200
STEMS = {"drums": ("drums",), "bass": ("bass",), "piano": ("piano",), "other": ("pad", "guitar", "lead")}
LEVELS_DB = {"drums": -3.0, "bass": -6.0, "piano": -6.5, "pad": -12.0, "guitar": -10.0, "lead": -6.0}
_SPREAD_DB, _MIX_RMS, _PEAK = 5.0, 0.1, 0.89
_OWN_FONT, _OTHER_FONT, _EFFECTS = 0.25, 0.3, 0.4
"""Shares: of training songs played by the renderer `soundfont`, of parts with a font of their own, of parts with
effects."""
_HYDROGEN, _SYNTHETIC_KIT = 0.45, 0.6
"""Shares of training songs by kit: up to the first number Hydrogen's, up to the second synthetic, else of a font."""

Sound = fluid.Sound


@dataclass(frozen=True)
class Band:
    """What plays a song.

    Attributes:
        font: Font of the instruments; None for the renderer `soundfont`.
        kit: Name of a kit of Hydrogen, empty for the font's kit, `synthetic` for a made one.
        drum_font: Font of the drums where `kit` is empty.
        drum_program: Its kit; see `Font.kits`.
    """

    font: sources.Font | None
    kit: str
    drum_font: sources.Font
    drum_program: int | None


def band_of(split: str, seed: int) -> Band:
    """Draw a song's band from the sources of its split."""
    rng = np.random.default_rng([seed, _STREAM])
    fonts, names = sources.FONTS[split], sources.KITS[split]
    playing = [font for font in fonts if font.has_instruments]
    own, at, which = rng.random(3)
    font = None if split == "train" and own < _OWN_FONT else playing[int(at * len(playing))]
    drum_font = fonts[int(rng.integers(len(fonts)))]
    program = drum_font.kits[int(rng.integers(len(drum_font.kits)))]
    kit = names[int(rng.integers(len(names)))] if which < _HYDROGEN or split == "validation" else ""
    if not kit and which < _SYNTHETIC_KIT and split == "train":
        kit = "synthetic"
    return Band(font, kit, drum_font, program)


def playable(song_drums: Notes, band: Band, seed: int) -> Notes:
    """Return the percussion notes that the band's kit can play."""
    kit = _kit(band, seed)
    if kit is None:
        return song_drums
    return song_drums.where(
        np.array([kits.key_in(kit, int(key)) is not None for key in song_drums.pitches], dtype=bool)
    )


def stems(song: Song, split: str, seed: int) -> dict[str, Sound]:
    """Return drums, bass, piano and other of the whole song; shape (n,) each, at 32 kHz.

    Their sum is the mix, at RMS 0.1 or a peak of -1 dBFS, whichever is quieter.
    """
    band, rng = band_of(split, seed), np.random.default_rng([seed, _STREAM + 1])
    sums = {stem: np.zeros(round(song.duration_s * SAMPLE_RATE), dtype=np.float32) for stem in STEMS}
    for stem, members in STEMS.items():
        for part in members:
            level_db = LEVELS_DB[part] + float(rng.uniform(-_SPREAD_DB, _SPREAD_DB))
            treated, chain = rng.random() < _EFFECTS, effects.draw(rng)
            notes = song.parts[part]
            sound = _played(part, notes, song.duration_s, split, band, seed)
            level = rms(sound)
            if level > 0:
                sound = chain.apply(sound, SAMPLE_RATE) if treated else sound
                sums[stem] = sums[stem] + sound * np.float32(10 ** (level_db / 20) / level)
    mix = np.sum(list(sums.values()), axis=0)
    gain = np.float32(min(_MIX_RMS / max(rms(mix), 1e-9), _PEAK / max(float(np.abs(mix).max()), 1e-9)))
    return {stem: sound * gain for stem, sound in sums.items()}


def other_drums(song: Song, split: str, seed: int, level: float) -> Sound:
    """Return the song's other groove on its kit, at an RMS level."""
    sound = _played("drums", song.other_drums, song.duration_s, split, band_of(split, seed), seed)
    return sound * np.float32(level / max(rms(sound), 1e-9))


def _played(part: str, notes: Notes, duration_s: float, split: str, band: Band, seed: int) -> Sound:
    if not len(notes):
        return np.zeros(round(duration_s * SAMPLE_RATE), dtype=np.float32)
    if part == "drums":
        kit = _kit(band, seed)
        if kit is None:
            return fluid.play(notes, band.drum_font.file, duration_s, SAMPLE_RATE, band.drum_program)
        return kits.play(notes, kit, duration_s)
    rng = np.random.default_rng([seed, _STREAM + 2, *part.encode()])
    if part == "lead" and int(notes.programs[0]) == SUNG:
        return voice.sing(notes, duration_s, seed)
    font = band.font
    if rng.random() < _OTHER_FONT:
        playing = [font for font in sources.FONTS[split] if font.has_instruments]
        font = playing[int(rng.integers(len(playing)))]
    if font is None:
        sound: Sound = _renderer().render(notes, duration_s, SAMPLE_RATE).mono
        return sound
    return fluid.play(notes, font.file, duration_s, SAMPLE_RATE)


def _kit(band: Band, seed: int) -> kits.Kit | None:
    if band.kit == "synthetic":
        return kits.synthetic(seed)
    return kits.hydrogen(sources.kit_folder(band.kit), seed) if band.kit else None


@cache
def _renderer() -> Any:
    return plugins.load("renderers", "soundfont")
