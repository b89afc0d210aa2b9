"""Selection: the rule by which excerpts of real recordings are chosen.

An excerpt may begin 40 ms before any beat, or at any whole second where no beats are known, on the grid of 20 ms. It is
taken only where

- 30 s fit before the track's end, or 15 s where the track is too short for that, and a second is left at both ends;
- no stretch of a second or more is silent (below -60 dBFS) in the mix;
- the drums, where there are any to know of, and the harmony (everything else) are active in three quarters of the
  seconds, of those inside the hole of the mask `centre` as well as of those outside: a second is active where its mean
  square is over -50 dBFS.

Among the starts that are left one is drawn by a seed from the track's name. All of it is seen on the first 15 s, which
every task uses.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.mask import FRAME_RATE, centre, seed_of

VERSION = 1
DURATION_S, LONGEST_S, EDGE_S, EARLY_S = 15.0, 30.0, 1.0, 0.04
SILENT_DB, ACTIVE_DB, LEAST_SHARE = -60.0, -50.0, 0.75
STEP_S = 0.1
"""Levels are known for every stretch of so many seconds."""
_PER_SECOND = round(1 / STEP_S)
_SECONDS = round(DURATION_S)

Powers = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Heard:
    """What the rule knows of a track.

    Attributes:
        duration_s: Its length in seconds.
        mix: Mean square of every whole `STEP_S` of it (n,).
        harmony: The same of everything but drums.
        drums: The same of its drums; None where nothing is known of them.
        beats_s: Times of its beats (n,) in seconds; None where they are not known.
    """

    duration_s: float
    mix: Powers
    harmony: Powers
    drums: Powers | None = None
    beats_s: Powers | None = None


def powers(samples: npt.NDArray[np.floating], sample_rate: int) -> Powers:
    """Return the mean square of every whole `STEP_S` of sound (n,) or (channels, n), over all channels."""
    sound = np.atleast_2d(samples)
    n_steps = int(sound.shape[1] / sample_rate / STEP_S + 1e-6)
    edges = np.round(np.arange(n_steps + 1) * STEP_S * sample_rate).astype(int)
    if len(edges) < 2:
        return np.zeros(0)
    squares = np.square(sound, dtype=np.float64).mean(axis=0)
    sums = np.add.reduceat(squares[: edges[-1]], edges[:-1])
    found: Powers = sums / np.diff(edges)
    return found


def on_frames(times_s: npt.ArrayLike) -> Powers:
    """Round times in seconds down to the grid of 20 ms."""
    found: Powers = np.floor(np.asarray(times_s) * FRAME_RATE + 1e-6) / FRAME_RATE
    return found


def start_of(heard: Heard, track: str, seed: int) -> tuple[float | None, str]:
    """Return where a track's excerpt begins, in seconds, or None and why there is none.

    Args:
        heard: What is known of the track.
        track: Its name; with the seed it decides among the starts that the rule leaves.
        seed: Of the manifest.
    """
    last_s = heard.duration_s - EDGE_S - LONGEST_S
    if last_s < EDGE_S:
        last_s = heard.duration_s - EDGE_S - DURATION_S
    if last_s < EDGE_S:
        return None, f"{heard.duration_s:.1f} s long, an excerpt takes {DURATION_S + 2 * EDGE_S:g} s with its edges"
    starts = _candidates(heard, last_s)
    if not len(starts):
        return None, "no beat where an excerpt may begin"
    reasons: dict[str, int] = {}
    for start in np.random.default_rng(seed_of(track, seed)).permutation(starts):
        why = _refused(heard, float(start))
        if not why:
            return float(start), ""
        reasons[why] = reasons.get(why, 0) + 1
    counted = ", ".join(f"{n} {why}" for why, n in sorted(reasons.items()))
    return None, f"of {len(starts)} starts none will do: {counted}"


def _candidates(heard: Heard, last_s: float) -> Powers:
    if heard.beats_s is None:
        return np.arange(np.ceil(EDGE_S), last_s + 1e-9)
    starts = on_frames(heard.beats_s - EARLY_S)
    found: Powers = np.unique(starts[(starts >= EDGE_S) & (starts <= last_s)])
    return found


def _refused(heard: Heard, start_s: float) -> str:
    """Return why no excerpt begins here; nothing where one may."""
    if _longest_silence(_stretch(heard.mix, start_s)) >= _PER_SECOND:
        return "with a second of silence"
    parts = {"harmony": heard.harmony} | ({} if heard.drums is None else {"drums": heard.drums})
    for name, part in parts.items():
        seconds = _stretch(part, start_s).reshape(_SECONDS, _PER_SECOND).mean(axis=1)
        active = seconds > 10 ** (ACTIVE_DB / 10)
        if min(active[_IN_HOLE].mean(), active[~_IN_HOLE].mean()) < LEAST_SHARE:
            return f"with too little {name}"
    return ""


def _stretch(part: Powers, start_s: float) -> Powers:
    """Return the steps of the first 15 s from here on; what a part lacks is silent."""
    first, n = round(start_s / STEP_S), _SECONDS * _PER_SECOND
    found = part[first : first + n]
    return np.pad(found, (0, n - len(found)))


def _longest_silence(mix: Powers) -> int:
    longest = run = 0
    is_silent: bool
    for is_silent in (mix < 10 ** (SILENT_DB / 10)).tolist():
        run = run + 1 if is_silent else 0
        longest = max(longest, run)
    return longest


def _whole_seconds_in_hole() -> _Flags:
    inside = centre(_SECONDS * FRAME_RATE).inside(FRAME_RATE)
    found: _Flags = np.asarray(inside.reshape(_SECONDS, FRAME_RATE).all(axis=1))
    return found


_IN_HOLE = _whole_seconds_in_hole()
