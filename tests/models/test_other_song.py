"""Other-song: holes are filled from another song, never from the same one, and always from the same choice."""

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError
from bench.example import Example, Request, Truth, masked
from bench.mask import centre

RATE, MASK = 16000, centre(100)


def example(name: str, value: float, n: int = 2 * RATE) -> Example:
    """Return an excerpt whose every sample is `value`, so that an output shows whose sound it is."""
    reference = Audio(np.full(n, value), RATE)
    return Example(Request(name, "t", 1, masked(Audio(np.full(2 * RATE, value), RATE), MASK), MASK), reference, Truth())


def borrowed(examples: list[Example]) -> list[float]:
    outputs = plugins.load("models", "other-song").edit(examples)
    hole = MASK.inside(RATE)
    assert all((o.mono[~hole] == e.reference.mono[0]).all() for o, e in zip(outputs, examples, strict=True))
    return [float(np.unique(output.mono[hole]).item()) for output in outputs]


@pytest.mark.parametrize("n", [2, 3, 8])
def test_every_song_gets_another_and_every_song_is_used_once(n: int) -> None:
    values = [k / 16 for k in range(n)]
    for names in ("song", "tune", "air"):
        got = borrowed([example(f"{names}{k}", v) for k, v in enumerate(values)])
        assert all(a != b for a, b in zip(got, values, strict=True))
        assert sorted(got) == values


def test_excerpts_of_one_song_are_never_exchanged() -> None:
    examples = [
        example("a", 0.0),
        example("a--2", 0.125),
        example("b", 0.25),
        example("a--3", 0.375),
        example("b--2", 0.5),
    ]
    assert borrowed(examples) == [0.25, 0.5, 0.0, 0.25, 0.125]


def test_a_single_song_is_refused() -> None:
    with pytest.raises(BenchError, match="another song is needed"):
        borrowed([example("a", 0.0), example("a--2", 0.125)])


def test_references_of_another_length_are_refused() -> None:
    with pytest.raises(BenchError, match="b has 1000 samples at 16000 Hz, a 32000"):
        borrowed([example("a", 0.0), example("b", 0.125, n=1000)])
