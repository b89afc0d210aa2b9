"""SF2 files: their presets as regions of sample memory (SoundFont 2.01)."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.symbols import DRUM_PROGRAM

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
