"""Design: which listener hears what in which place.

Orders are the rows of a Williams design: over its rows every stimulus stands at every place equally often, and directly
behind every other equally often, so that neither place nor neighbour favours a system. A listener's number picks the
row. Number 0 and on, one row after another, keeps any group of listeners as balanced as its size allows.

Source:
    E. J. Williams, Experimental designs balanced for the estimation of residual effects of treatments, Australian
    J. Sci. Res. A 2 (1949): n rows for an even number of treatments, 2 n for an odd one.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
"""Letters and digits of codes: none that is read as another, no vowels, so that no code is a word."""
CODE_LENGTH = 5

Order = tuple[int, ...]
_Any = TypeVar("_Any")


def williams(n: int) -> list[Order]:
    """Return the orders of n stimuli: n of them for an even n, 2 n for an odd one (the second half mirrored)."""
    if n < 2:
        return [tuple(range(n))]
    steps = [0, *(place // 2 + 1 if place % 2 == 0 else n - 1 - place // 2 for place in range(n - 1))]
    rows = [tuple((step + shift) % n for step in steps) for shift in range(n)]
    return rows if n % 2 == 0 else rows + [row[::-1] for row in rows]


def shuffled(names: Sequence[_Any], rng: np.random.Generator) -> list[_Any]:
    """Return the names in a drawn order."""
    return [names[int(place)] for place in rng.permutation(len(names))]


def codes(n: int, rng: np.random.Generator) -> list[str]:
    """Draw n different codes, which say nothing of what they stand for."""
    found: dict[str, None] = {}
    while len(found) < n:
        found["".join(ALPHABET[int(letter)] for letter in rng.integers(len(ALPHABET), size=CODE_LENGTH))] = None
    return list(found)
