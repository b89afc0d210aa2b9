"""Selection: the rule that selects excerpts of real recordings.

An excerpt may begin 40 ms before any beat, rounded down to the grid of 20 ms, or at any whole second where no beats are
known. A start is accepted only if

- 30 s fit before the track's end (15 s if the track is too short for that), with one second left at both ends;
- the mix has no silence (below -60 dBFS) of a second or more;
- the drums, where they are known, and the harmony (everything else) are each active in at least three quarters of the
  seconds inside the hole of the mask `centre`, and in at least three quarters of those outside it. A second is active
  if its mean square is over -50 dBFS.

One of the accepted starts is drawn, seeded by the track's name and the manifest's seed. Silence and activity are
measured on the first 15 s, which every task uses.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.mask import FRAME_RATE, centre, seed_of

VERSION = 1
DURATION_S, LONGEST_S, EDGE_S, EARLY_S = 15.0, 30.0, 1.0, 0.04
SILENT_DB, ACTIVE_DB, LEAST_SHARE = -60.0, -50.0, 0.75
STEP_S = 0.1
"""Length in seconds of the stretches whose levels are measured."""
_PER_SECOND = round(1 / STEP_S)
_SECONDS = round(DURATION_S)

Powers = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TrackLevels:
    """Levels and beats of a track, as the selection rule needs them.

    Attributes:
        duration_s: Its length in seconds.
        mix: Mean square of every whole `STEP_S` of the mix, shape (n,).
        harmony: The same for everything but drums.
        drums: The same for the drums; None where they are not known.
        beats_s: Times of the beats in seconds, shape (n,); None where they are not known.
    """

    duration_s: float
    mix: Powers
    harmony: Powers
    drums: Powers | None = None
    beats_s: Powers | None = None


def powers(samples: npt.NDArray[np.floating], sample_rate: int) -> Powers:
    """Return the mean square, over all channels, of every whole `STEP_S` of sound of shape (n,) or (channels, n)."""
    sound = np.atleast_2d(samples)
    n_steps = int(sound.shape[1] / sample_rate / STEP_S + 1e-6)
    edges = np.round(np.arange(n_steps + 1) * STEP_S * sample_rate).astype(int)
    if len(edges) < 2:
        return np.zeros(0)
    squares = np.square(sound, dtype=np.float64).mean(axis=0)
    sums = np.add.reduceat(squares[: edges[-1]], edges[:-1])
    means: Powers = sums / np.diff(edges)
    return means


def on_frames(times_s: npt.ArrayLike) -> Powers:
    """Round times in seconds down to the grid of 20 ms."""
    rounded: Powers = np.floor(np.asarray(times_s) * FRAME_RATE + 1e-6) / FRAME_RATE
    return rounded


def start_of(levels: TrackLevels, track: str, seed: int) -> tuple[float | None, str]:
    """Return the start of a track's excerpt in seconds and "", or None and the reason why there is no excerpt.

    Args:
        levels: Levels and beats of the track.
        track: Its name; together with the seed it decides which of the accepted starts is drawn.
        seed: The manifest's seed.
    """
    last_s = levels.duration_s - EDGE_S - LONGEST_S
    if last_s < EDGE_S:
        last_s = levels.duration_s - EDGE_S - DURATION_S
    if last_s < EDGE_S:
        return None, f"{levels.duration_s:.1f} s long, an excerpt takes {DURATION_S + 2 * EDGE_S:g} s with its edges"
    starts = _candidates(levels, last_s)
    if not len(starts):
        return None, "no beat where an excerpt may begin"
    reasons: dict[str, int] = {}
    for start in np.random.default_rng(seed_of(track, seed)).permutation(starts):
        why = _refused(levels, float(start))
        if not why:
            return float(start), ""
        reasons[why] = reasons.get(why, 0) + 1
    counted = ", ".join(f"{n} {why}" for why, n in sorted(reasons.items()))
    return None, f"none of {len(starts)} starts is accepted: {counted}"


def _candidates(levels: TrackLevels, last_s: float) -> Powers:
    if levels.beats_s is None:
        return np.arange(np.ceil(EDGE_S), last_s + 1e-9)
    starts = on_frames(levels.beats_s - EARLY_S)
    candidates: Powers = np.unique(starts[(starts >= EDGE_S) & (starts <= last_s)])
    return candidates


def _refused(levels: TrackLevels, start_s: float) -> str:
    """Return why no excerpt may begin here; empty if one may."""
    if _longest_silence(_stretch(levels.mix, start_s)) >= _PER_SECOND:
        return "with a second of silence"
    parts = {"harmony": levels.harmony} | ({} if levels.drums is None else {"drums": levels.drums})
    for name, part in parts.items():
        seconds = _stretch(part, start_s).reshape(_SECONDS, _PER_SECOND).mean(axis=1)
        active = seconds > 10 ** (ACTIVE_DB / 10)
        if min(active[_IN_HOLE].mean(), active[~_IN_HOLE].mean()) < LEAST_SHARE:
            return f"with too little {name}"
    return ""


def _stretch(part: Powers, start_s: float) -> Powers:
    """Return the powers of the 15 s from `start_s` on, padded with silence beyond the part's end."""
    first, n = round(start_s / STEP_S), _SECONDS * _PER_SECOND
    stretch = part[first : first + n]
    return np.pad(stretch, (0, n - len(stretch)))


def _longest_silence(mix: Powers) -> int:
    longest = run = 0
    is_silent: bool
    for is_silent in (mix < 10 ** (SILENT_DB / 10)).tolist():
        run = run + 1 if is_silent else 0
        longest = max(longest, run)
    return longest


def _whole_seconds_in_hole() -> _Flags:
    inside = centre(_SECONDS * FRAME_RATE).inside(FRAME_RATE)
    flags: _Flags = np.asarray(inside.reshape(_SECONDS, FRAME_RATE).all(axis=1))
    return flags


_IN_HOLE = _whole_seconds_in_hole()
