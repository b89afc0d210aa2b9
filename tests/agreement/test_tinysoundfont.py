"""The SoundFont player against TinySoundFont: the same pitch and the same partials from the same font.

Levels differ: TinySoundFont pans, and takes attenuation and velocity by the letter of the standard; ours has no filter.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from bench.renderers.soundfont import build
from bench.symbols import DRUM_PROGRAM, Notes

REQUIRED = os.environ.get("STEERBENCH_REQUIRE_AGREEMENT") == "1"
pytestmark = pytest.mark.skipif(find_spec("tinysoundfont") is None and not REQUIRED, reason="tinysoundfont: tox -e py")
RATE = 32000
FONT = Path(pretty_midi.__file__).parent / "TimGM6mb.sf2"


def theirs(program, key):
    import tinysoundfont

    player = tinysoundfont.Synth(gain=0, samplerate=RATE)
    font, is_drum = player.sfload(str(FONT)), program == DRUM_PROGRAM
    channel, bank, preset = (9, 128, 0) if is_drum else (0, 0, program)
    player.program_select(channel, font, bank, preset, is_drum)
    player.noteon(channel, key, 100)
    return np.frombuffer(bytes(player.generate(RATE)), np.float32).reshape(-1, 2).mean(axis=1)


def spectrum(sound):
    return np.abs(np.fft.rfft(sound * np.hanning(len(sound))))


@pytest.mark.parametrize(
    ("program", "key"),
    [(0, 60), (4, 64), (24, 55), (33, 36), (48, 67), (56, 70), (73, 76), (80, 69)]
    + [(DRUM_PROGRAM, key) for key in (36, 38, 42, 49)],
)
def test_a_note_has_the_pitch_and_the_partials_of_theirs(program, key):
    note = Notes(np.array([[0.0, 1.0]]), np.array([key]), np.array([100]), np.array([program]))
    own, other = spectrum(build().render(note, 1.0, RATE).mono), spectrum(theirs(program, key))
    assert abs(int(np.argmax(own)) - int(np.argmax(other))) <= 1, "the strongest partial lies elsewhere, in Hz"
    assert own @ other / np.linalg.norm(own) / np.linalg.norm(other) > 0.9
    wrong = spectrum(theirs(program, key + 1))
    assert own @ wrong / np.linalg.norm(own) / np.linalg.norm(wrong) < 0.9 or program == DRUM_PROGRAM
