"""A numpy sampler that plays the SoundFont of the installed pretty_midi package, or any SF2 file given."""

import hashlib
import importlib.util
from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import firwin, oaconvolve

from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.protocols import Renderer
from bench.renderers.soundfont.sf2 import Font, Region, Samples
from bench.symbols import DRUM_PROGRAM, Notes

DEFAULT_MD5 = "1f569cc40159a6bd9250f816225ae222"
"""TimGM6mb.sf2 of pretty_midi 0.2.11."""
VERSION = 1
_DRUM_RELEASE_S = 4.0
KEPT_BYTES = 192 * 2**20
"""Bound on the waveforms and envelopes in memory, enough for two songs; without it they grow with every instrument."""


class SoundFont:
    """Renderer that plays notes with a SoundFont; the same notes give the same samples."""

    def __init__(self, font: Font, identity: str) -> None:
        """Store the font; waveforms are computed when first needed."""
        self.font, self.identity = font, identity
        self._kept: OrderedDict[tuple[int, ...], tuple[Samples, ...]] = OrderedDict()
        self._kept_bytes = 0

    def render(self, notes: Notes, duration_s: float, sample_rate: int) -> Audio:
        """Return mono sound of exactly round(duration_s * sample_rate) samples; no notes give silence."""
        n = round(duration_s * sample_rate)
        out = np.zeros(n, dtype=np.float64)
        order = np.lexsort((notes.pitches, notes.programs, notes.intervals_s[:, 0]))
        for k in order:
            start_s, end_s = notes.intervals_s[k]
            if start_s < duration_s:
                self._add(
                    out,
                    int(notes.programs[k]),
                    int(notes.pitches[k]),
                    int(notes.velocities[k]),
                    start_s,
                    end_s,
                    sample_rate,
                )
        return Audio(out.astype(np.float32), sample_rate)

    def _add(
        self,
        out: npt.NDArray[np.float64],
        program: int,
        key: int,
        velocity: int,
        start_s: float,
        end_s: float,
        rate: int,
    ) -> None:
        first = max(round(start_s * rate), 0)
        held = max(round((end_s - start_s) * rate), 1)
        for index, region in enumerate(self.font.regions(program)):
            if not (
                region.keys[0] <= key <= region.keys[1] and region.velocities[0] <= velocity <= region.velocities[1]
            ):
                continue
            held_here = round(_DRUM_RELEASE_S * rate) if program == DRUM_PROGRAM else held
            wave = self._wave((program, index, key, rate), region, min(held_here + 3 * rate, len(out) - first))
            envelope = self._envelope((program, index, rate), region, min(held_here, len(wave)))
            n = min(len(envelope), len(wave), len(out) - first)
            gain = (velocity / 127) ** 2 * 10 ** (-region.attenuation_db / 20) * 0.5
            out[first : first + n] += np.float32(gain) * envelope[:n] * wave[:n]

    def _envelope(self, place: tuple[int, int, int], region: Region, held: int) -> Samples:
        """Return the volume envelope of a note held for `held` samples; levels are computed once per region."""
        known = self._recall(place)
        if known is None or len(known[0]) < held:
            rate = place[2]
            known = _levels(region, max(held, 2 * rate) * 3 // 2, rate), _tail(region, rate)
            self._keep(place, known)
        levels, tail = known
        return np.concatenate([levels[:held], levels[held - 1] * tail])

    def _wave(self, place: tuple[int, int, int, int], region: Region, n: int) -> Samples:
        """Return at least `n` samples of the region at a key (fewer where an unlooped sample ends)."""
        known = self._recall(place)
        if known is None or (len(known[0]) < n and region.loop):
            _, _, key, rate = place
            known = (_played(region, region.ratio(key, rate), max(n, 4 * rate)),)
            self._keep(place, known)
        return known[0]

    def _recall(self, place: tuple[int, ...]) -> tuple[Samples, ...] | None:
        if place in self._kept:
            self._kept.move_to_end(place)
        return self._kept.get(place)

    def _keep(self, place: tuple[int, ...], arrays: tuple[Samples, ...]) -> None:
        """Cache arrays and drop the least recently used, which come out the same when computed again."""
        self._kept_bytes += sum(array.nbytes for array in arrays)
        self._kept_bytes -= sum(array.nbytes for array in self._kept.pop(place, ()))
        self._kept[place] = arrays
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            _, forgotten = self._kept.popitem(last=False)
            self._kept_bytes -= sum(array.nbytes for array in forgotten)


def build(font: str | None = None) -> Renderer:
    """Return the renderer.

    Args:
        font: Path of an SF2 file; the one inside pretty_midi when None.

    Raises:
        MissingComponent: pretty_midi or its font is missing, or the font is another version.
        BenchError: the file cannot be read as a SoundFont.
    """
    path = Path(font) if font else _default_font()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); give an SF2 file") from error
    if font is None and hashlib.md5(content, usedforsecurity=False).hexdigest() != DEFAULT_MD5:
        raise MissingComponent(
            f"{path} is not the TimGM6mb.sf2 that the songs are locked to; pip install 'pretty_midi==0.2.11'"
        )
    sha = hashlib.sha256(content).hexdigest()[:12]
    return SoundFont(Font(path), f"soundfont/{VERSION} {path.name} sha256:{sha}")


def _default_font() -> Path:
    spec = importlib.util.find_spec("pretty_midi")
    path = Path(str(spec.origin)).parent / "TimGM6mb.sf2" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingComponent(
            "soundfont needs TimGM6mb.sf2 from the pretty_midi package; pip install 'pretty_midi==0.2.11', "
            "or give font=PATH of an SF2 file"
        )
    return path


def _played(region: Region, ratio: float, n: int) -> Samples:
    """Read `ratio` source samples per output sample by cubic interpolation, low-passed where that would alias."""
    source = region.sample
    if ratio > 1.05:
        taps = firwin(63, min(0.95 / ratio, 0.98))
        source = oaconvolve(source, taps, mode="same").astype(np.float32)
    at = np.arange(n) * ratio
    if region.loop:
        first, last = region.loop
        at = np.where(at < last, at, first + (at - first) % (last - first))
    else:
        at = at[at < len(source) - 3]
    whole = at.astype(np.int64)
    x = (at - whole).astype(np.float32)
    padded = np.pad(source, (1, 3), mode="edge")
    a, b, c, d = (padded[whole + k] for k in range(4))
    return b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)))


def _levels(region: Region, n: int, rate: int) -> Samples:
    """Return the envelope of a held key: delay, linear attack, hold, decay linear in dB (100 dB in the decay time)."""
    delay_s, attack_s, hold_s, decay_s, _ = region.envelope_s
    t = np.arange(n, dtype=np.float32) / rate - delay_s
    loss = np.clip((t - attack_s - hold_s) * (100 / decay_s), 0, region.sustain_db)
    return np.where(t < 0, 0, np.clip(t / max(attack_s, 1e-4), 0, 1) * 10 ** (-loss / 20)).astype(np.float32)


def _tail(region: Region, rate: int) -> Samples:
    """Return the envelope after a key's release, from 1: linear in dB (100 dB in the release time), at most 3 s."""
    release_s = max(region.envelope_s[-1], 0.03)
    t = np.arange(1, int(min(release_s, 3.0) * 0.8 * rate), dtype=np.float32) / rate
    return (10 ** (-t * (100 / release_s) / 20)).astype(np.float32)
