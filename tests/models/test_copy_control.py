"""Copy-control: the sum of the controls in the hole, bit for bit."""

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.example import Control, Request
from bench.mask import centre
from bench.symbols import Chords

RATE, MASK = 16000, centre(100)


def output(**sounds: np.ndarray) -> np.ndarray:
    controls = {kind: Control(kind, Chords(np.zeros((0, 2)), ()), Audio(sound, RATE)) for kind, sound in sounds.items()}
    request = Request("song", "t", 1, Audio(np.where(MASK.inside(RATE), 0, 0.5), RATE), MASK, controls)
    audio: Audio = plugins.load("models", "copy-control").edit([request])[0]
    return audio.mono


def test_one_control_is_copied_and_several_are_added() -> None:
    a, b = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2 * RATE)).astype(np.float32)
    hidden = MASK.inside(RATE)
    assert np.array_equal(output(chords=a)[hidden], a[hidden])
    assert np.allclose(output(chords=a, drums=b)[hidden], (a + b)[hidden], atol=1e-7)
    assert (output(chords=a)[~hidden] == 0.5).all()


def test_no_control_leaves_silence() -> None:
    assert not output()[MASK.inside(RATE)].any()
