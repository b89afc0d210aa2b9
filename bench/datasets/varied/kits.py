"""Drum kits: one-shots of Hydrogen's kits by General MIDI key, and kits made of sines and noise."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from bench.audio import read_audio
from bench.errors import BenchError
from bench.symbols import Notes

Sound = npt.NDArray[np.float32]
RATE = 32000
_LONGEST_S, _FADE_S, _CHOKED = 3.0, 0.03, {46: (42, 44)}
_NAMES = (
    (36, r"kick|bass ?drum|cajon thump|\bbass\b"),
    (37, r"stick|rim ?click|\bclick"),
    (39, r"clap"),
    (44, r"pedal|hat 1 pd"),
    (46, r"(hh|hat).*op(en)?|open.*(hh|hat)|side ohh|hat op"),
    (42, r"hh|hat|free"),
    (45, r"tom.*(low|floor)|floor tom|low tom|drum 1"),
    (50, r"tom.*hi|high tom"),
    (47, r"tom"),
    (38, r"snare|cajon slap|slap"),
    (49, r"crash|china|splash|cymbal"),
    (51, r"ride"),
    (70, r"shaker|maraca"),
    (54, r"tambourine"),
    (56, r"cowbell|agogo"),
    (63, r"conga 1|bongo hi"),
    (64, r"conga 2|bongo lo"),
    (75, r"clave|woodblock"),
)
"""Patterns of instruments' names, the first that matches, and the General MIDI key they stand for."""
_INSTEAD = {
    35: 36, 37: 38, 38: 39, 39: 38, 42: 44, 43: 45, 44: 42, 46: 42, 45: 47, 47: 45, 48: 50, 50: 47, 49: 46, 51: 42,
    54: 42, 56: 37, 62: 63, 63: 50, 64: 45, 65: 63, 66: 64, 67: 56, 70: 42, 75: 37, 76: 75,
}  # fmt: skip
"""The key that is played where a kit lacks one, tried again until a key is there or comes round."""


@dataclass(frozen=True)
class Hit:
    """A recorded stroke.

    Attributes:
        softest: Lowest velocity that plays it, 0 to 1.
        sound: Mono at 32 kHz, with its gain.
    """

    softest: float
    sound: Sound


Kit = dict[int, list[Hit]]
"""Strokes by General MIDI key, softest first."""


def key_in(kit: Kit, key: int) -> int | None:
    """Return the key that a kit plays for another key; None if it plays nothing."""
    tried: set[int] = set()
    while key not in kit:
        tried.add(key)
        if key not in _INSTEAD or _INSTEAD[key] in tried:
            return None
        key = _INSTEAD[key]
    return key


def play(notes: Notes, kit: Kit, duration_s: float) -> Sound:
    """Return the strokes of percussion notes, mono at 32 kHz; a closed hi-hat ends an open one."""
    out = np.zeros(round(duration_s * RATE), dtype=np.float32)
    onsets = notes.intervals_s[:, 0]
    for start_s, key, velocity in zip(onsets, notes.pitches, notes.velocities, strict=True):
        first, played = round(float(start_s) * RATE), key_in(kit, int(key))
        if played is None or first >= len(out):
            continue
        loud = float(velocity) / 127
        hit = [one for one in kit[played] if one.softest <= loud or one is kit[played][0]][-1]
        sound = hit.sound[: len(out) - first]
        if choking := _CHOKED.get(int(key)):
            later = onsets[np.isin(notes.pitches, choking) & (onsets > start_s)]
            sound = _ended(sound, float(later[0] - start_s)) if len(later) else sound
        out[first : first + len(sound)] += sound * np.float32(loud**1.5)
    return out


def _ended(sound: Sound, after_s: float) -> Sound:
    n, fade = round(after_s * RATE), round(_FADE_S * RATE)
    if n + fade >= len(sound):
        return sound
    ended = sound[: n + fade].copy()
    ended[n:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return ended


@lru_cache(maxsize=6)
def hydrogen(folder: Path, seed: int) -> Kit:
    """Read a kit of Hydrogen; where several instruments stand for one key, the seed picks one.

    Raises:
        BenchError: its description or a sound cannot be read.
    """
    try:
        text = (folder / "drumkit.xml").read_text(encoding="utf-8", errors="replace")
        root = ET.fromstring(re.sub(r'\s(xmlns|xsi)(:\w+)?="[^"]*"', "", text))  # noqa: S314 - a file of an installed package
    except (OSError, ET.ParseError) as error:
        raise BenchError(f"{folder / 'drumkit.xml'}: cannot be read ({error})") from error
    by_key: dict[int, list[ET.Element]] = {}
    for instrument in root.iter("instrument"):
        name = (instrument.findtext("name") or "").lower()
        key = next((key for key, pattern in _NAMES if re.search(pattern, name)), None)
        files = [folder / str(one.text) for one in instrument.iter("filename")]
        if key is not None and any(path.is_file() for path in files):  # some kits name files that they lack
            by_key.setdefault(key, []).append(instrument)
    rng = np.random.default_rng([seed, 7])
    return {key: _hits(folder, some[int(rng.integers(len(some)))]) for key, some in sorted(by_key.items())}


def _hits(folder: Path, instrument: ET.Element) -> list[Hit]:
    gain = float(instrument.findtext("gain") or 1) * float(instrument.findtext("volume") or 1)
    hits = []
    layers = instrument.findall(".//layer")
    for layer in layers or [instrument]:
        path = folder / str(layer.findtext("filename"))
        if path.is_file():
            softest = float(layer.findtext("min") or 0) if layers else 0.0
            own = float(layer.findtext("gain") or 1) if layers else 1.0
            hits.append(Hit(softest, _one_shot(path) * np.float32(gain * own)))
    return sorted(hits, key=lambda hit: hit.softest)


@lru_cache(maxsize=400)
def _one_shot(path: Path) -> Sound:
    sound = read_audio(path).resampled(RATE).mono[: round(_LONGEST_S * RATE)]
    fade = min(round(_FADE_S * RATE), len(sound))
    return np.asarray(sound * np.concatenate([np.ones(len(sound) - fade), np.linspace(1, 0, fade)]), dtype=np.float32)


def synthetic(seed: int) -> Kit:
    """Make a kit of swept sines, filtered noise and clusters of square waves, as drum machines do."""
    rng = np.random.default_rng([seed, 8])
    low = float(rng.uniform(40, 65))
    metal = float(rng.uniform(0, 1))
    return {
        36: [Hit(0, _membrane(rng, low, rng.uniform(0.08, 0.6), 0.03))],
        38: [Hit(0, _membrane(rng, rng.uniform(150, 260), rng.uniform(0.06, 0.2), rng.uniform(0.4, 1.2)))],
        39: [Hit(0, _clap(rng))],
        37: [Hit(0, _membrane(rng, rng.uniform(400, 1700), 0.03, 0.2))],
        42: [Hit(0, _cymbal(rng, rng.uniform(0.02, 0.08), metal))],
        46: [Hit(0, _cymbal(rng, rng.uniform(0.2, 0.6), metal))],
        49: [Hit(0, _cymbal(rng, rng.uniform(0.8, 2.0), 0.3 * metal))],
        51: [Hit(0, _cymbal(rng, rng.uniform(0.4, 1.2), 1.0))],
        70: [Hit(0, 0.6 * _cymbal(rng, 0.05, 0.0))],
        45: [Hit(0, _membrane(rng, 2.0 * low, 0.3, 0.05))],
        47: [Hit(0, _membrane(rng, 2.7 * low, 0.25, 0.05))],
        50: [Hit(0, _membrane(rng, 3.5 * low, 0.2, 0.05))],
        56: [Hit(0, _bell(rng))],
        63: [Hit(0, _membrane(rng, rng.uniform(250, 400), 0.12, 0.1))],
    }


def _times(seconds: float) -> npt.NDArray[np.float64]:
    return np.arange(round(seconds * RATE)) / RATE


def _membrane(rng: np.random.Generator, hz: float, decay_s: float, noise: float) -> Sound:
    t = _times(min(5 * decay_s + 0.1, 2.0))
    sweep = hz * (1 + rng.uniform(0.3, 4) * np.exp(-t / rng.uniform(0.005, 0.05)))
    body = np.sin(2 * np.pi * np.cumsum(sweep) / RATE) * np.exp(-t / decay_s)
    band = sosfilt(
        butter(2, [400, rng.uniform(3000, 12000)], "bandpass", fs=RATE, output="sos"), rng.standard_normal(len(t))
    )
    click = band * np.exp(-t / (rng.uniform(0.05, 0.2) if noise > 0.3 else 0.004))
    return np.asarray(0.8 * body + noise * click, dtype=np.float32)


def _cymbal(rng: np.random.Generator, decay_s: float, metal: float) -> Sound:
    t = _times(min(4 * decay_s + 0.05, _LONGEST_S))
    squares = np.sum(
        [np.sign(np.sin(2 * np.pi * hz * t + rng.uniform(0, 6))) for hz in rng.uniform(300, 1100, 6)], axis=0
    )
    raw = metal * squares / 3 + (1 - 0.6 * metal) * rng.standard_normal(len(t))
    return np.asarray(0.5 * sosfilt(butter(2, rng.uniform(5000, 9000), "highpass", fs=RATE, output="sos"), raw)
                      * np.exp(-t / decay_s), dtype=np.float32)  # fmt: skip


def _clap(rng: np.random.Generator) -> Sound:
    t = _times(0.4)
    envelope = sum(np.where(t >= at, np.exp(-(t - at) / 0.008), 0) for at in (0.0, 0.011, 0.023))
    envelope = envelope + np.where(t >= 0.03, np.exp(-(t - 0.03) / rng.uniform(0.03, 0.12)), 0)
    band = sosfilt(
        butter(2, [700, rng.uniform(2500, 6000)], "bandpass", fs=RATE, output="sos"), rng.standard_normal(len(t))
    )
    return np.asarray(0.7 * band * envelope, dtype=np.float32)


def _bell(rng: np.random.Generator) -> Sound:
    t = _times(0.5)
    hz = rng.uniform(500, 900)
    tone = np.sign(np.sin(2 * np.pi * hz * t)) + np.sign(np.sin(2 * np.pi * 1.48 * hz * t))
    return np.asarray(0.2 * tone * np.exp(-t / 0.08), dtype=np.float32)
