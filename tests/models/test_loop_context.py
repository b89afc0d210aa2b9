"""Loop-context: strictly periodic music is restored, in time with the bars on both sides."""

import numpy as np
import pytest

from bench.audio import Audio
from bench.example import Request, masked
from bench.mask import Mask, blocks, centre, everything, long, prefix, suffix, two_gaps
from bench.models.loop_context import LoopContext
from bench.symbols import Beats

RATE = 16000


class Metronome:
    """A beat tracker that always finds the same steady tempo, slightly off."""

    kind, identity = "beats", "metronome"

    def __init__(self, bpm: float) -> None:
        self.bpm = bpm

    def extract(self, audio: Audio) -> Beats:
        return Beats(np.arange(0.2, audio.duration_s, 60 / self.bpm))


def music(bpm: float) -> Audio:
    """Return 15 s of one bar over and over: eight hits and tones, all different."""
    rng = np.random.default_rng(1)
    n = round(240 / bpm * RATE)
    bar = np.zeros(n)
    for k in range(8):
        hit = rng.standard_normal(4000) * np.exp(-np.arange(4000) / 600) * (0.5 if k % 2 == 0 else 0.15)
        tone = 0.3 * np.sin(2 * np.pi * 220 * 2 ** (rng.integers(12) / 12) * np.arange(6000) / RATE)
        for sound in (hit, tone * np.exp(-np.arange(6000) / 2500)):
            places = (round(k * n / 8) + np.arange(len(sound))) % n
            bar[places] += sound
    return Audio(0.3 * np.tile(bar, 20)[: 15 * RATE], RATE)


def sdr_db(reference: np.ndarray, output: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(reference**2) / np.sum((reference - output) ** 2)))


@pytest.mark.parametrize(
    ("mask", "bpm"),
    [(centre(750), 83.1), (centre(750), 139.7), (two_gaps(750), 97.0), (long(750), 128.0), (prefix(750), 112.3)]
    + [(suffix(750), 112.3), (blocks(750, seed=3), 128.0)],
)
@pytest.mark.parametrize("error", [0.97, 1.04])
def test_periodic_music_is_restored(mask: Mask, bpm: float, error: float) -> None:
    reference = music(bpm)
    request = Request("song", "t", 1, masked(reference, mask), mask)
    output = LoopContext(Metronome(bpm * error)).edit([request])[0]
    hidden = mask.inside(RATE)
    assert sdr_db(reference.mono[hidden], output.mono[hidden]) > 10


def test_a_fully_masked_excerpt_gives_silence() -> None:
    mask = everything(750)
    request = Request("song", "t", 1, Audio(np.zeros(15 * RATE), RATE), mask)
    assert not LoopContext(Metronome(120)).edit([request])[0].samples.any()


def test_the_level_of_the_context_is_kept() -> None:
    reference, mask = music(101.0), centre(750)
    output = LoopContext(Metronome(60)).edit([Request("song", "t", 1, masked(reference, mask), mask)])[0]
    hidden = mask.inside(RATE)
    ratio = np.sqrt(np.mean(output.mono[hidden] ** 2) / np.mean(reference.mono[hidden] ** 2))
    assert 0.8 < ratio < 1.25
