"""Design: the order in which each listener hears the stimuli.

Orders are the rows of a Williams design: over all rows every stimulus is equally often at every position and equally
often directly after every other stimulus, so that neither position nor predecessor favours a system. A listener's
number selects the row; consecutive numbers from 0 keep a group of listeners as balanced as its size allows.

Source:
    E. J. Williams, Experimental designs balanced for the estimation of residual effects of treatments, Australian
    J. Sci. Res. A 2 (1949): n rows for an even number of treatments, 2 n for an odd one.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
"""Letters and digits of codes: none that look alike, and no vowels, so that no code is a word."""
CODE_LENGTH = 5

Order = tuple[int, ...]
_Any = TypeVar("_Any")


def williams(n: int) -> list[Order]:
    """Return the orders of n stimuli: n rows if n is even, 2 n if it is odd (the second half mirrored)."""
    if n < 2:
        return [tuple(range(n))]
    steps = [0, *(place // 2 + 1 if place % 2 == 0 else n - 1 - place // 2 for place in range(n - 1))]
    rows = [tuple((step + shift) % n for step in steps) for shift in range(n)]
    return rows if n % 2 == 0 else rows + [row[::-1] for row in rows]


def shuffled(names: Sequence[_Any], rng: np.random.Generator) -> list[_Any]:
    """Return the names in random order."""
    return [names[int(place)] for place in rng.permutation(len(names))]


def codes(n: int, rng: np.random.Generator) -> list[str]:
    """Draw n different random codes."""
    drawn: dict[str, None] = {}
    while len(drawn) < n:
        drawn["".join(ALPHABET[int(letter)] for letter in rng.integers(len(ALPHABET), size=CODE_LENGTH))] = None
    return list(drawn)
