"""Masks: which 20 ms frames of an excerpt are holes. All are pure functions of length, options and seed."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError, UnknownName

FRAME_RATE = 50
"""Frames per second: 50 Hz divides 16, 32, 44.1 and 48 kHz exactly and is MusicGen's token rate."""

Holes = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Mask:
    """The holes of an excerpt.

    Attributes:
        holes: Half-open (start, end) pairs in frames of 20 ms, sorted, disjoint, never touching.
        n_frames: Length of the excerpt in frames.
    """

    holes: Holes
    n_frames: int

    def __post_init__(self) -> None:
        """Refuse holes that are empty, unsorted, overlapping, touching or outside the excerpt."""
        edge = -1
        for start, end in self.holes:
            if not edge < start < end <= self.n_frames:
                raise BenchError(
                    f"holes {self.holes} are not sorted, disjoint stretches of [0, {self.n_frames}) frames"
                )
            edge = end

    @property
    def holes_s(self) -> list[tuple[float, float]]:
        """The holes in seconds."""
        return [(start / FRAME_RATE, end / FRAME_RATE) for start, end in self.holes]

    @property
    def ratio(self) -> float:
        """The masked share of the excerpt, 0 to 1."""
        return sum(end - start for start, end in self.holes) / self.n_frames

    def inside(self, rate_hz: int) -> npt.NDArray[np.bool_]:
        """Return one flag per sample at `rate_hz`, shape (n_frames * rate_hz / 50,); True inside a hole.

        Raises:
            ValueError: the rate is not a multiple of 50 Hz, so a frame is not a whole number of samples.
        """
        if rate_hz % FRAME_RATE:
            raise ValueError(f"{rate_hz} Hz is not a multiple of the frame rate {FRAME_RATE} Hz")
        step = rate_hz // FRAME_RATE
        flags = np.zeros(self.n_frames * step, dtype=bool)
        for start, end in self.holes:
            flags[start * step : end * step] = True
        return flags


def from_flags(flags: npt.NDArray[np.bool_]) -> Mask:
    """Return the mask whose `inside(50)` is `flags`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return Mask(tuple((int(a), int(b)) for a, b in edges.reshape(-1, 2)), len(flags))


def centre(n_frames: int, seed: int = 0) -> Mask:
    """Mask the middle half: [188, 562) of 750 (AIR's published test mask 1; its code starts one frame earlier)."""
    return Mask(((-(-n_frames // 4), 3 * n_frames // 4),), n_frames)


def two_gaps(n_frames: int, seed: int = 0) -> Mask:
    """Mask two gaps of a quarter each, from 1/8 and 5/8 of the excerpt on: [94, 281) and [469, 656) of 750.

    This is AIR's test mask 2.
    """
    return Mask(tuple((-(-k * n_frames // 8), (k + 2) * n_frames // 8) for k in (1, 5)), n_frames)


def long(n_frames: int, seed: int = 0) -> Mask:
    """Mask the middle two thirds: [125, 625) of 750."""
    return Mask(((-(-n_frames // 6), 5 * n_frames // 6),), n_frames)


def everything(n_frames: int, seed: int = 0) -> Mask:
    """Mask the whole excerpt, for refinement and arrangement."""
    return Mask(((0, n_frames),), n_frames)


def prefix(n_frames: int, seed: int = 0, context_s: float = 5.0) -> Mask:
    """Keep the first `context_s` seconds and mask the rest (continuation; VampNet's prefix prompt)."""
    return Mask(((_context_frames(n_frames, context_s), n_frames),), n_frames)


def suffix(n_frames: int, seed: int = 0, context_s: float = 5.0) -> Mask:
    """Keep the last `context_s` seconds and mask the rest (VampNet's suffix prompt)."""
    return Mask(((0, n_frames - _context_frames(n_frames, context_s)),), n_frames)


def random_gap(n_frames: int, seed: int = 0, gap_s: float = 5.0, margin_s: float = 1.0) -> Mask:
    """Mask one gap of `gap_s` seconds at a seeded place with at least `margin_s` of context on each side.

    Raises:
        BenchError: the gap with its margins is longer than the excerpt, or a value is out of range.
    """
    gap, margin = round(gap_s * FRAME_RATE), round(margin_s * FRAME_RATE)
    room = n_frames - gap - 2 * margin
    if gap < 1 or margin < 0 or room < 0:
        raise BenchError(f"random-gap of {gap_s} s with margins of {margin_s} s does not fit {n_frames / FRAME_RATE} s")
    start = margin + int(np.random.default_rng(seed).integers(room + 1))
    return Mask(((start, start + gap),), n_frames)


def blocks(n_frames: int, seed: int = 0, percent: float = 50.0) -> Mask:
    """Mask exactly `percent` of the frames in seeded holes of 1 to 3 s with gaps of at least 0.5 s where they fit.

    The number of holes, their lengths and the gaps are drawn uniformly from all that fit. If the context is too short
    for gaps of 0.5 s between holes of 3 s, the least gap is an equal share of it.

    Raises:
        BenchError: `percent` is not between 0 and 100, or gives less than one hole of 1 s.
    """
    shortest, longest, gap = FRAME_RATE, 3 * FRAME_RATE, FRAME_RATE // 2
    total = round(n_frames * percent / 100)
    if not 0 < percent < 100 or total < shortest or total >= n_frames:
        raise BenchError(f"blocks of {percent} % of {n_frames} frames: want at least one hole of 1 s and some context")
    rng = np.random.default_rng(seed)
    free = n_frames - total
    fewest, most = -(-total // longest), total // shortest
    roomy = max(fewest, min(most, free // gap + 1))
    count = int(rng.integers(fewest, roomy + 1))
    lengths = _spread(rng, total - count * shortest, count, longest - shortest) + shortest
    least = min(gap, free // max(count - 1, 1))
    slack = free - least * (count - 1)
    gaps = _spread(rng, slack, count + 1, slack)
    gaps[1:-1] += least
    starts = np.cumsum(gaps[:-1]) + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return Mask(tuple((int(s), int(s + n)) for s, n in zip(starts, lengths, strict=True)), n_frames)


def scatter(n_frames: int, seed: int = 0, ratio: float | None = None) -> Mask:
    """Draw AIR's training mask: frames with u < ratio, after a median filter of 11 frames (padded with "masked").

    The filter is a majority vote, so `ratio` is not the realised share: 0.3 masks about 8 %, 0.7 about 92 %. For
    training only.

    Args:
        n_frames: Length in frames.
        seed: Seed of the draw.
        ratio: Probability of a masked frame before the filter; drawn from U(0.4, 0.8) when None.
    """
    rng = np.random.default_rng(seed)
    ratio = float(rng.uniform(0.4, 0.8)) if ratio is None else ratio
    flags = np.pad(rng.random(n_frames) < ratio, 5, constant_values=True)
    votes = np.lib.stride_tricks.sliding_window_view(flags, 11).sum(axis=1)
    return from_flags(votes >= 6)


MASKS: dict[str, Callable[..., Mask]] = {
    "centre": centre,
    "two-gaps": two_gaps,
    "long": long,
    "blocks": blocks,
    "everything": everything,
    "prefix": prefix,
    "suffix": suffix,
    "random-gap": random_gap,
    "scatter": scatter,
}


def draw(name: str, n_frames: int, seed: int, /, **options: float) -> Mask:
    """Make the mask called `name`.

    Raises:
        UnknownName: no mask has this name.
        BenchError: the mask does not take one of the options, or its value.
    """
    if name not in MASKS:
        raise UnknownName("mask", name, MASKS)
    try:
        return MASKS[name](n_frames, seed, **options)
    except (TypeError, ValueError, OverflowError) as error:
        raise BenchError(f"mask {name} does not take the options {options}: {error}") from error


def seed_of(*parts: str | int) -> int:
    """Return a seed from the parts that name its purpose, e.g. task, excerpt, base seed: their crc32, below 2**32."""
    return zlib.crc32("/".join(str(part) for part in parts).encode())


def _context_frames(n_frames: int, context_s: float) -> int:
    kept = round(context_s * FRAME_RATE)
    if not 0 < kept < n_frames:
        raise BenchError(f"a context of {context_s} s does not fit an excerpt of {n_frames / FRAME_RATE} s")
    return kept


def _spread(rng: np.random.Generator, total: int, parts: int, most: int) -> npt.NDArray[np.int64]:
    """Cut `total` into `parts` whole numbers of 0 to `most`, with random shares.

    Shares are uniform on the simplex, since equal ones would make all parts nearly equal. Whatever exceeds `most` is
    distributed again among the other parts.
    """
    values = np.zeros(parts, dtype=np.int64)
    while (rest := total - int(values.sum())) > 0:
        open_parts = np.flatnonzero(values < most)
        shares = rng.multinomial(rest, rng.dirichlet(np.ones(len(open_parts))))
        values[open_parts] = np.minimum(values[open_parts] + shares, most)
    return values
