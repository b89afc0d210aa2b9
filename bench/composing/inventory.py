"""The inventory: progressions, grooves, patterns, instruments and tempo ranges, each for all songs or for test only.

At least 30 % of every list is for test only, so that systems trained on the training songs meet unseen entries.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Change = tuple[int, str]
"""A chord: semitones of its root above the tonic, and Harte's quality."""


@dataclass(frozen=True)
class Progression:
    """Chords bar by bar, one or two per bar, repeated to the length of a section."""

    mode: str
    bars: tuple[tuple[Change, ...], ...]
    is_test_only: bool = False


@dataclass(frozen=True)
class Groove:
    """A bar of percussion: sixteenth steps (16 in 4/4, 12 in 3/4) by GM drum key; `X` is an accent, `x` a hit."""

    name: str
    beats: int
    rows: dict[int, str]
    swing: float = 0.0
    is_test_only: bool = False


@dataclass(frozen=True)
class Pattern:
    """Hits of a part within a bar: (step, length in steps, what), where the meaning of `what` depends on the part."""

    name: str
    hits: tuple[tuple[int, int, int], ...]
    is_test_only: bool = False


@dataclass(frozen=True)
class Band:
    """Programs of a song's parts (0-based GM; -1: the part is silent)."""

    bass: int
    piano: int
    pad: int
    guitar: int
    lead: int
    is_test_only: bool = False


@dataclass(frozen=True)
class Tempo:
    """Beats per minute, from and to."""

    low: float
    high: float
    is_test_only: bool = False


def _bars(*names: str) -> tuple[tuple[Change, ...], ...]:
    """Read bars such as `0:maj` or `5:maj 7:7`."""
    return tuple(tuple((int(c.split(":")[0]), c.split(":")[1]) for c in name.split()) for name in names)


PROGRESSIONS = (
    Progression("major", _bars("0:maj", "7:maj", "9:min", "5:maj")),
    Progression("major", _bars("0:maj", "9:min", "5:maj", "7:maj")),
    Progression("major", _bars("0:maj7", "5:maj7", "2:min7", "7:7")),
    Progression("major", _bars("5:maj", "7:maj", "4:min", "9:min")),
    Progression("major", _bars("0:maj", "4:min", "5:maj", "5:maj 7:maj")),
    Progression("major", _bars("2:min7", "7:7", "0:maj7", "9:min7")),
    Progression("major", _bars("0:maj", "10:maj", "5:maj", "0:maj")),
    Progression("minor", _bars("0:min", "8:maj", "3:maj", "10:maj")),
    Progression("minor", _bars("0:min", "5:min", "8:maj", "7:7")),
    Progression("minor", _bars("0:min7", "5:min7", "10:7", "3:maj7")),
    Progression("minor", _bars("0:min", "10:maj", "8:maj", "7:maj")),
    Progression("minor", _bars("0:min", "3:maj", "10:maj", "5:maj")),
    Progression("major", _bars("0:maj", "5:min", "0:maj", "7:maj"), True),
    Progression("major", _bars("0:7", "5:7", "0:7", "7:7 5:7"), True),
    Progression("major", _bars("9:min", "5:maj", "0:maj", "7:maj"), True),
    Progression("minor", _bars("0:min", "7:min", "8:maj", "5:min"), True),
    Progression("minor", _bars("0:min7", "8:maj7", "5:min7", "7:7"), True),
    Progression("minor", _bars("8:maj", "10:maj", "0:min", "0:min"), True),
)
KICK, STICK, SNARE, CLAP, HAT, PEDAL, OPEN, TOM_LOW, TOM_MID, TOM_HIGH, CRASH, RIDE, SHAKER, TAMB = (
    36, 37, 38, 39, 42, 44, 46, 45, 47, 50, 49, 51, 70, 54,
)  # fmt: skip
GROOVES = (
    Groove("rock", 4, {KICK: "X.......X.x.....", SNARE: "....X.......X...", HAT: "X.x.X.x.X.x.X.x."}),
    Groove(
        "four",
        4,
        {KICK: "X...X...X...X...", CLAP: "....X.......X...", OPEN: "..X...X...X...X.", HAT: "x.......x......."},
    ),
    Groove("funk", 4, {KICK: "X..x..X...x..x..", SNARE: "....X..x.x..X..x", HAT: "XxXxXxXxXxXxXxXx"}),
    Groove("ballad", 4, {KICK: "X.........X.....", STICK: "....X.......X...", HAT: "X...x...X...x..."}),
    Groove("shuffle", 4, {KICK: "X.......X.......", SNARE: "....X.......X...", RIDE: "X..xX..xX..xX..x"}, 0.3),
    Groove("halftime", 4, {KICK: "X.....x...x.....", SNARE: "........X.......", HAT: "X.xxX.x.X.xxX.x."}),
    Groove("waltz", 3, {KICK: "X...........", STICK: "....x...x...", RIDE: "X...x.x.x..."}),
    Groove("disco", 4, {KICK: "X...X...X...X..x", SNARE: "....X.......X...", HAT: "X.xXX.xXX.xXX.xX"}),
    Groove("pulse", 4, {KICK: "X..X..X...X.....", SNARE: "....X.......X.x.", TAMB: "X.X.X.X.X.X.X.X."}),
    Groove("bossa", 4, {KICK: "X..xX..xX..xX..x", STICK: "X..X..X...X..X..", SHAKER: "XxxxXxxxXxxxXxxx"}, 0.0, True),
    Groove("breaks", 4, {KICK: "X.X.......xX....", SNARE: "....X..x.x..X..x", RIDE: "X.X.X.X.X.X.X.X."}, 0.0, True),
    Groove("reggae", 4, {KICK: "........X.......", STICK: "........X.......", HAT: "x.X.x.Xxx.X.x.Xx"}, 0.15, True),
    Groove("slow-three", 3, {KICK: "X.....x.....", SNARE: "....X...X...", HAT: "X.x.X.x.X.x."}, 0.0, True),
)
SPARE_THREE = Groove(
    "spare-three", 3, {KICK: "X...........", SNARE: "........X...", PEDAL: "....x...x...", TAMB: "x.x.x.x.x.x."}
)
"""The other groove of training songs in 3/4, for which the inventory has no second groove; never a song's own."""
# `what` of a hit: for the bass, semitones above the root; for comping, 0 = all tones, 1 = low half, 2 = high half,
# 3+k = tone k of an arpeggio.
BASSES = (
    Pattern("roots", ((0, 8, 0), (8, 8, 0))),
    Pattern("eighths", tuple((k, 2, 0) for k in range(0, 16, 2))),
    Pattern("fifths", ((0, 6, 0), (6, 2, 0), (8, 4, 7), (12, 4, 0))),
    Pattern("octaves", tuple((k, 2, 12 if k % 4 else 0) for k in range(0, 16, 2))),
    Pattern("walking", ((0, 4, 0), (4, 4, 7), (8, 4, 12), (12, 4, 7))),
    Pattern("syncopated", ((0, 3, 0), (3, 3, 0), (6, 4, 7), (10, 2, 0), (12, 4, 12)), True),
    Pattern("held", ((0, 14, 0),), True),
    Pattern("dotted", ((0, 6, 0), (6, 6, 0), (12, 4, 7)), True),
)
COMPINGS = (
    Pattern("whole", ((0, 15, 0),)),
    Pattern("halves", ((0, 7, 0), (8, 7, 0))),
    Pattern("quarters", tuple((k, 3, 0) for k in (0, 4, 8, 12))),
    Pattern("offbeats", tuple((k, 2, 0) for k in (2, 6, 10, 14))),
    Pattern("charleston", ((0, 5, 0), (6, 6, 0))),
    Pattern("arpeggio", tuple((k, 3, 3 + (k // 2) % 4) for k in range(0, 16, 2))),
    Pattern("rocking", tuple((k, 2, 1 + (k // 2) % 2) for k in range(0, 16, 2)), True),
    Pattern("anticipated", ((0, 3, 0), (6, 2, 0), (14, 2, 0)), True),
    Pattern("rolling", tuple((k, 2, 3 + (0, 2, 1, 2)[k % 4]) for k in range(16)), True),
)
BANDS = (
    Band(33, 0, 89, 27, 73),
    Band(32, 0, 48, -1, 65),
    Band(33, 4, 89, 28, 80),
    Band(38, 2, 90, 27, 81),
    Band(34, 0, -1, 29, 56),
    Band(35, 16, 50, 25, 66),
    Band(33, 1, 49, 24, 68),
    Band(39, 5, 91, 28, 82),
    Band(32, 11, 48, 26, 71, True),
    Band(36, 0, 88, 25, 75, True),
    Band(33, 7, 52, -1, 40, True),
    Band(37, 19, -1, 30, 60, True),
)
TEMPOS = (
    Tempo(70, 80), Tempo(86, 94), Tempo(100, 108), Tempo(114, 122), Tempo(130, 140),
    Tempo(80, 86, True), Tempo(94, 100, True), Tempo(108, 114, True), Tempo(122, 130, True),
)  # fmt: skip


Kind = TypeVar("Kind", Progression, Groove, Pattern, Band, Tempo)


def pick(rng: np.random.Generator, kinds: tuple[Kind, ...], is_test: bool) -> Kind:
    """Draw an entry: in test songs a test-only one half of the time, otherwise one for all songs."""
    draw = rng.random(2)
    only = [kind for kind in kinds if kind.is_test_only]
    pool = only if is_test and draw[0] < 0.5 else [kind for kind in kinds if not kind.is_test_only]
    return pool[int(draw[1] * len(pool))]
