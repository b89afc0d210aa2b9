"""Splicing: put sound into the holes of an excerpt with cross-fades inside the holes; the context stays bit for bit."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.audio import Audio, Samples
from bench.mask import Mask

FADE_S = 0.05
"""Length of the cross-fades."""
STITCH_S = 0.02
"""Length of the fades of `stitched`, which lie in the context."""
_PAST_S, _ORDER_S = 0.15, 0.016
"""Context from which sound is predicted, and order of the prediction."""


@dataclass(frozen=True)
class Piece:
    """A stretch of an excerpt that is filled with a copy of another stretch.

    Attributes:
        start: First sample of the stretch.
        end: One past its last sample.
        source: The sample that is copied to `start`.
    """

    start: int
    end: int
    source: int

    @property
    def lag(self) -> int:
        """Offset in samples from a place in the stretch to the place it is copied from."""
        return self.source - self.start


def filled(masked: Audio, mask: Mask, content: npt.NDArray[np.floating]) -> Audio:
    """Return the given context with `content` in the holes, without any fade.

    Args:
        masked: Mono sound of the whole excerpt.
        mask: The holes.
        content: Shape (n,), as long as the excerpt; only its samples in the holes are used.
    """
    hidden = mask.inside(masked.sample_rate)
    return Audio(np.where(hidden, content.astype(np.float32), masked.mono), masked.sample_rate)


def stitched(masked: Audio, mask: Mask, output: Audio) -> Audio:
    """Return the output with its context replaced by the given one, with linear fades of 20 ms next to the holes.

    The fades lie in the context, where both sounds are known; samples in the holes are the output's own. Context of
    less than 20 ms is all fade.

    Args:
        masked: The request's sound, mono.
        mask: The holes.
        output: Mono, at the same rate and length.
    """
    hidden, n_fade = mask.inside(masked.sample_rate), round(STITCH_S * masked.sample_rate)
    places = np.flatnonzero(hidden)
    samples = np.arange(len(hidden))
    after = np.searchsorted(places, samples)
    far = len(hidden)
    ahead = np.where(after < len(places), places[np.minimum(after, len(places) - 1)] - samples, far)
    behind = np.where(after > 0, samples - places[np.maximum(after - 1, 0)], far)
    distance = np.where(hidden, 0, np.minimum(ahead, behind))
    share = np.clip(1 - distance / (n_fade + 1), 0.0, 1.0)
    mixed = share * output.mono.astype(np.float64) + (1 - share) * masked.mono
    return Audio(mixed.astype(np.float32), masked.sample_rate)


def merged(pieces: list[Piece], tolerance: int) -> list[Piece]:
    """Join adjacent pieces whose lags differ by at most `tolerance` samples; the result has the first one's lag."""
    runs: list[Piece] = []
    for piece in pieces:
        if runs and runs[-1].end == piece.start and abs(runs[-1].lag - piece.lag) <= tolerance:
            runs[-1] = replace(runs[-1], end=piece.end)
        else:
            runs.append(piece)
    return runs


def tiled(visible: npt.NDArray[np.bool_], start: int, end: int) -> list[Piece]:
    """Fill a stretch with repetitions of the longest visible one; empty where nothing is visible."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], visible, [False]]).astype(np.int8))).reshape(-1, 2)
    if not len(edges):
        return []
    first, last = (int(edge) for edge in edges[int(np.argmax(edges[:, 1] - edges[:, 0]))])
    return [Piece(at, min(at + last - first, end), first) for at in range(start, end, last - first)]


def seen_counts(visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the number of visible samples before each place, shape (n + 1,), for `are_seen`."""
    return np.concatenate([[0], np.cumsum(visible)])


def are_seen(counts: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.bool_]:
    """Return for every stretch [start, start + length) whether it is inside the excerpt and visible throughout."""
    n = len(counts) - 1
    is_inside = (starts >= 0) & (starts + length <= n)
    first = np.clip(starts, 0, n)
    are_all: npt.NDArray[np.bool_] = counts[np.clip(starts + length, 0, n)] - counts[first] == length
    return is_inside & are_all


def assembled(
    sound: Samples, visible: npt.NDArray[np.bool_], pieces: list[Piece], fade: int
) -> npt.NDArray[np.float64]:
    """Lay out copies of the visible sound, with equal-power cross-fades where one piece follows another.

    Args:
        sound: Shape (n,).
        visible: Which of its samples may be copied, shape (n,); the others are copied as silence.
        pieces: Sorted, not overlapping.
        fade: Length of a cross-fade in samples, centred on the joint.

    Returns:
        Shape (n,), float64, zero outside the pieces; cross-fades extend `fade` / 2 beyond the ends of a piece.
    """
    out = np.zeros(len(sound))
    usable = np.where(visible, sound, 0).astype(np.float64)
    half = fade // 2
    for piece in pieces:
        start, end = max(piece.start - half, 0), min(piece.end + half, len(sound))
        window = np.ones(end - start)
        ramp = _rise(2 * half)
        window[: 2 * half] *= ramp[: len(window)] if start else 1.0
        window[-2 * half :] *= ramp[::-1][-len(window) :] if end < len(sound) else 1.0
        places = np.arange(start, end) + piece.lag
        inside = (places >= 0) & (places < len(sound))
        out[start:end] += window * np.where(inside, usable[np.clip(places, 0, len(sound) - 1)], 0.0)
    return out


def spliced(masked: Audio, mask: Mask, content: npt.NDArray[np.floating], fade: int) -> Audio:
    """Return the given context with `content` in the holes, cross-faded with a linear prediction of the context.

    The next `fade` samples of the context are predicted by an all-pole model of its last 0.15 s (the autocorrelation
    method: Makhoul, "Linear prediction: a tutorial review", 1975) and cross-faded, at equal power and inside the hole,
    with the content; the same is done backwards at the hole's end. Silent context predicts silence.

    Args:
        masked: Mono sound of the whole excerpt.
        mask: The holes.
        content: Shape (n,), as long as the excerpt; only its samples in the holes are used.
        fade: Length of a fade in samples; at most half of the hole.
    """
    out, step = content.astype(np.float64), masked.sample_rate // 50
    sound = masked.mono.astype(np.float64)
    past, order = (round(length_s * masked.sample_rate) for length_s in (_PAST_S, _ORDER_S))
    edges = [0, *(frame * step for hole in mask.holes for frame in hole), len(sound)]
    for before, start, end, after in zip(edges[0::2], edges[1::2], edges[2::2], edges[3::2], strict=False):
        n = min(fade, (end - start) // 2)
        rise = _rise(n)
        if start > before:
            ahead = _predicted(sound[max(before, start - past) : start], order, n)
            out[start : start + n] = out[start : start + n] * rise + ahead * rise[::-1]
        if after > end:
            back = _predicted(sound[end : min(after, end + past)][::-1], order, n)[::-1]
            out[end - n : end] = out[end - n : end] * rise[::-1] + back * rise
    return filled(masked, mask, out)


def _rise(n: int) -> npt.NDArray[np.float64]:
    """Return the rising half of an equal-power cross-fade: its square and that of its mirror image add up to 1."""
    return np.sin(np.pi / 2 * (np.arange(n) + 0.5) / max(n, 1))


def _predicted(past: npt.NDArray[np.float64], order: int, n: int) -> npt.NDArray[np.float64]:
    """Return the continuation of `past` by `n` samples from an all-pole model of at most `order` poles."""
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter, lfiltic

    order = min(order, len(past) // 3)
    windowed = past * np.hanning(len(past) + 2)[1:-1]
    products = np.array([float(np.dot(windowed[: len(past) - k], windowed[k:])) for k in range(order + 1)])
    if order < 1 or products[0] <= 1e-12:
        return np.zeros(n)
    products[0] *= 1 + 1e-6
    weights = solve_toeplitz(products[:-1], products[1:])
    denominator = np.concatenate([[1.0], -weights])
    state = lfiltic([1.0], denominator, past[::-1][:order])
    ahead, _ = lfilter([1.0], denominator, np.zeros(n), zi=state)
    return np.asarray(ahead, dtype=np.float64)
