"""A numpy sampler that plays the SoundFont of the installed pretty_midi package, or any SF2 file given."""

import hashlib
import importlib.util
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import firwin, oaconvolve

from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.protocols import Renderer
from bench.symbols import DRUM_PROGRAM, Notes

DEFAULT_MD5 = "1f569cc40159a6bd9250f816225ae222"
"""TimGM6mb.sf2 of pretty_midi 0.2.11."""
VERSION = 1
_RECORDS = {
    b"phdr": [("name", "S20"), ("preset", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "S12")],
    b"pbag": [("gen", "<u2"), ("mod", "<u2")],
    b"pgen": [("op", "<u2"), ("amount", "<i2")],
    b"inst": [("name", "S20"), ("bag", "<u2")],
    b"ibag": [("gen", "<u2"), ("mod", "<u2")],
    b"igen": [("op", "<u2"), ("amount", "<i2")],
    b"shdr": [
        ("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"),
        ("rate", "<u4"), ("key", "u1"), ("correction", "i1"), ("link", "<u2"), ("kind", "<u2"),
    ],
}  # fmt: skip
START, END, LOOP_START, LOOP_END, START_COARSE, END_COARSE = 0, 1, 2, 3, 4, 12
DELAY, ATTACK, HOLD, DECAY, SUSTAIN, RELEASE = 33, 34, 35, 36, 37, 38
INSTRUMENT, KEYS, VELOCITIES, LOOP_START_COARSE, ATTENUATION, LOOP_END_COARSE = 41, 43, 44, 45, 48, 50
COARSE, FINE, SAMPLE, MODES, SCALE, CLASS, ROOT = 51, 52, 53, 54, 56, 57, 58
_DEFAULTS = {DELAY: -12000, ATTACK: -12000, HOLD: -12000, DECAY: -12000, RELEASE: -12000, SCALE: 100, ROOT: -1}
_NOT_ADDED = {START, END, LOOP_START, LOOP_END, START_COARSE, END_COARSE, LOOP_START_COARSE, LOOP_END_COARSE,
              SAMPLE, MODES, CLASS, ROOT, KEYS, VELOCITIES, INSTRUMENT}  # fmt: skip
_DRUM_RELEASE_S = 4.0
KEPT_BYTES = 192 * 2**20
"""Bound on the waveforms and envelopes in memory, enough for two songs; without it they grow with every instrument."""
_LIMITS = {COARSE: (-120, 120), FINE: (-99 * 128, 99 * 128), SCALE: (0, 1200), ATTENUATION: (-1440, 1440)}
"""Ranges of SoundFont 2.01 section 8.1.3, widened where fonts in use exceed them without harm."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A stretch of sample memory and how it is played, for a range of keys and velocities.

    Attributes:
        keys: Lowest and highest MIDI key, inclusive.
        velocities: Lowest and highest MIDI velocity, inclusive.
        sample: Waveform (n,), -1 to 1.
        sample_rate: Of the waveform, in Hz.
        loop: First sample of the loop and one past its last; None if it is not looped.
        cents_at_key: Transposition in cents as (offset, scale): offset + scale * key.
        attenuation_db: Loss of level.
        envelope_s: Delay, attack, hold, decay and release in seconds.
        sustain_db: Loss of level at the end of the decay.
        exclusive: Exclusive class of the region; 0 for none.
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    sample: Samples
    sample_rate: int
    loop: tuple[int, int] | None
    cents_at_key: tuple[float, float]
    attenuation_db: float
    envelope_s: tuple[float, float, float, float, float]
    sustain_db: float
    exclusive: int

    def ratio(self, key: int, sample_rate: int) -> float:
        """Return the number of source samples per output sample."""
        offset, scale = self.cents_at_key
        return float(2.0 ** ((offset + scale * key) / 1200.0) * self.sample_rate / sample_rate)


class Font:
    """The presets of an SF2 file."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises `BenchError` if it is not a SoundFont."""
        self.path = path
        try:
            self._chunks = _chunks(path.read_bytes())
            tables = {
                name: np.frombuffer(self._chunks[name], dtype=np.dtype(fields)) for name, fields in _RECORDS.items()
            }
        except (OSError, KeyError, ValueError) as error:
            raise BenchError(f"{path}: cannot be read as a SoundFont ({error})") from error
        self.tables = tables
        self.memory = (
            np.frombuffer(self._chunks[b"smpl"][: len(self._chunks[b"smpl"]) // 2 * 2], "<i2") / 32768
        ).astype(np.float32)
        self._presets = {(int(h["bank"]), int(h["preset"])): k for k, h in enumerate(tables[b"phdr"][:-1])}

    @lru_cache(maxsize=512)  # noqa: B019 - one font lives as long as the process
    def regions(self, program: int) -> tuple[Region, ...]:
        """Return the regions of a GM program (128 = percussion); a missing program falls back to 0 of its bank.

        Raises:
            BenchError: the bank has no preset 0 either, or the preset is damaged.
        """
        bank, number = (128, 0) if program == DRUM_PROGRAM else (0, program)
        index = self._presets.get((bank, number), self._presets.get((bank, 0)))
        if index is None:
            raise BenchError(f"{self.path}: has no preset {number} in bank {bank}")
        try:
            return tuple(self._read(index))
        except (IndexError, ValueError) as error:
            raise BenchError(f"{self.path}: preset {number} of bank {bank} is damaged ({error})") from error

    def _read(self, index: int) -> list[Region]:
        regions = []
        for outer in self._zones(b"phdr", b"pbag", b"pgen", index, INSTRUMENT):
            for inner in self._zones(b"inst", b"ibag", b"igen", outer[INSTRUMENT], SAMPLE):
                merged = {**_DEFAULTS, **inner}
                for op, amount in outer.items():
                    if op not in _NOT_ADDED:
                        merged[op] = merged.get(op, 0) + amount
                keys = _overlap(outer.get(KEYS), inner.get(KEYS))
                velocities = _overlap(outer.get(VELOCITIES), inner.get(VELOCITIES))
                if keys[0] <= keys[1] and velocities[0] <= velocities[1]:
                    regions.append(self._region(merged, keys, velocities))
        return regions

    def _zones(self, head: bytes, bag: bytes, gen: bytes, index: int, last: int) -> list[dict[int, int]]:
        """Return the generators of every zone that has `last`, on top of those of the global zone."""
        heads, bags, gens = self.tables[head], self.tables[bag], self.tables[gen]
        _within(index, len(heads) - 1, "instrument")
        shared: dict[int, int] = {}
        zones = []
        for k in range(int(heads[index]["bag"]), int(heads[index + 1]["bag"])):
            own = {int(g["op"]): int(g["amount"]) for g in gens[int(bags[k]["gen"]) : int(bags[k + 1]["gen"])]}
            if last in own:
                zones.append({**shared, **own})
            elif not zones:
                shared = own
        return zones

    def _region(self, gens: dict[int, int], keys: tuple[int, int], velocities: tuple[int, int]) -> Region:
        _within(gens[SAMPLE], len(self.tables[b"shdr"]) - 1, "sample")
        for op, (low, high) in _LIMITS.items():
            if not low <= gens.get(op, 0) <= high:
                raise ValueError(f"generator {op} is {gens[op]}, allowed are {low} to {high}")
        header = self.tables[b"shdr"][gens[SAMPLE]]
        if not header["rate"]:
            raise ValueError("a sample rate is 0 Hz")
        start = int(header["start"]) + gens.get(START, 0) + 32768 * gens.get(START_COARSE, 0)
        end = int(header["end"]) + gens.get(END, 0) + 32768 * gens.get(END_COARSE, 0)
        loop_start = (
            int(header["loop_start"]) + gens.get(LOOP_START, 0) + 32768 * gens.get(LOOP_START_COARSE, 0) - start
        )
        loop_end = int(header["loop_end"]) + gens.get(LOOP_END, 0) + 32768 * gens.get(LOOP_END_COARSE, 0) - start
        if not 0 <= start < end <= len(self.memory):
            raise ValueError(f"a sample lies at [{start}, {end}) of {len(self.memory)}")
        is_looped = gens.get(MODES, 0) & 1 and 0 <= loop_start < loop_end - 8 and loop_end <= end - start
        root = gens[ROOT] if gens[ROOT] >= 0 else int(header["key"])
        tune = 100 * gens.get(COARSE, 0) + gens.get(FINE, 0) + int(header["correction"])
        return Region(
            keys, velocities, self.memory[start:end], int(header["rate"]),
            (loop_start, loop_end) if is_looped else None,
            (tune - gens[SCALE] * root, float(gens[SCALE])), 0.04 * gens.get(ATTENUATION, 0),
            tuple(2.0 ** (gens[op] / 1200) for op in (DELAY, ATTACK, HOLD, DECAY, RELEASE)),
            min(max(gens.get(SUSTAIN, 0) / 10, 0.0), 100.0), gens.get(CLASS, 0),
        )  # fmt: skip


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


def _chunks(content: bytes) -> dict[bytes, bytes]:
    """Return the leaf chunks of the RIFF tree by name; raises `ValueError` if one is cut off."""
    if content[:4] != b"RIFF" or content[8:12] != b"sfbk":
        raise ValueError("no RIFF sfbk header")
    chunks: dict[bytes, bytes] = {}
    stack = [(12, len(content))]
    while stack:
        at, end = stack.pop()
        while at + 8 <= end:
            name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
            if at + 8 + size > end:
                raise ValueError(f"chunk {name!r} at {at} is cut off")
            if name == b"LIST":
                stack.append((at + 12, at + 8 + size))
            else:
                chunks[name] = content[at + 8 : at + 8 + size]
            at += 8 + size + size % 2
    return chunks


def _within(index: int, count: int, what: str) -> None:
    """Refuse an index outside [0, count), since numpy would count a negative one from the end of the table."""
    if not 0 <= index < count:
        raise ValueError(f"it names {what} {index} of {count}")


def _overlap(one: int | None, other: int | None) -> tuple[int, int]:
    ranges = [(r & 255, (r >> 8) & 255) for r in (one, other) if r is not None] or [(0, 127)]
    return max(low for low, _ in ranges), min(high for _, high in ranges)


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
