"""Chords of known tones, borders, and N where nothing is harmonic."""

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.extractors import template_chords
from bench.music.viterbi import path
from tests.extractors.known_sounds import chords, groove, hit, kick, mixed

ROOTS = template_chords._ROOTS
SHAPES = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "min7": (0, 3, 7, 10)}


def recognised(audio: Audio) -> list[tuple[float, float, str]]:
    found = plugins.load("extractors", "template-chords").extract(audio)
    return [(a, b, label) for (a, b), label in zip(found.intervals_s, found.labels, strict=True)]


def share(audio: Audio, label: str) -> float:
    return sum(end - start for start, end, name in recognised(audio) if name == label) / audio.duration_s


@pytest.mark.parametrize("quality", list(SHAPES))
@pytest.mark.parametrize("root", [0, 4, 9])
def test_a_held_chord_gets_its_name(root: int, quality: str) -> None:
    tones = [60 + root + step for step in SHAPES[quality]]
    assert share(chords(32000, [tones], 4.0), f"{ROOTS[root]}:{quality}") > 0.9


@pytest.mark.parametrize("quality", ["maj", "min", "7", "min7"])
def test_a_low_bass_does_not_change_root_and_third(quality: str) -> None:
    tones = [36, *(60 + step for step in SHAPES[quality])]
    alike = {"maj": ("maj", "7"), "7": ("maj", "7"), "min": ("min", "min7"), "min7": ("min", "min7")}[quality]
    assert sum(share(chords(32000, [tones], 4.0), f"C:{one}") for one in alike) > 0.9


@pytest.mark.parametrize("rate", [16000, 32000, 44100, 48000])
def test_a_progression_is_followed(rate: int) -> None:
    found = recognised(chords(rate, [[48, 60, 64, 67], [45, 60, 64, 69], [41, 60, 65, 69], [43, 59, 62, 67]], 2.0))
    assert [label for _, _, label in found] == ["C:maj", "A:min", "F:maj", "G:maj"]
    np.testing.assert_allclose([start for start, _, _ in found], [0, 2, 4, 6], atol=0.12)


def test_noise_and_drums_have_no_chord() -> None:
    rng = np.random.default_rng(4)
    white = 0.1 * rng.standard_normal(6 * 32000)
    brown = np.cumsum(white)
    brown = 0.1 * (brown - np.convolve(brown, np.ones(999) / 999, "same"))
    drums = mixed([(0.5 * k, kick(32000) if k % 2 else hit(32000, k)) for k in range(12)], 6.0, 32000)
    for audio in (Audio(white.astype(np.float32), 32000), Audio(brown.astype(np.float32), 32000), drums):
        assert share(audio, "N") > 0.9


def test_a_rest_between_chords_is_no_chord() -> None:
    music = chords(32000, [[48, 60, 64, 67]], 3.0).samples
    audio = Audio(np.concatenate([music, np.zeros((1, 96000), np.float32), music], axis=1), 32000)
    assert [label for _, _, label in recognised(audio)] == ["C:maj", "N", "C:maj"]


def test_drums_do_not_hide_the_chords() -> None:
    audio, beats = groove(32000, 100, 4)
    found = recognised(audio)
    middles = beats[2::4]
    heard = [next(label for start, end, label in found if start <= t < end) for t in middles]
    assert heard == ["C:maj", "F:maj", "G:maj", "A:maj"]


def test_viterbi_finds_the_best_path() -> None:
    """Against every path of a short stretch, scored one by one."""
    recogniser = template_chords.build(change_cost=1.3)
    scores = np.random.default_rng(0).standard_normal((5, 4))
    paths = np.stack(np.meshgrid(*[range(4)] * 5, indexing="ij"), axis=-1).reshape(-1, 5)
    totals = scores[np.arange(5), paths].sum(axis=1) - 1.3 * (np.diff(paths, axis=1) != 0).sum(axis=1)
    np.testing.assert_array_equal(path(scores, recogniser.change_cost), paths[np.argmax(totals)])


def test_templates_are_rotations_of_one_another() -> None:
    rows = template_chords.templates().reshape(5, 12, 12)
    for kind in range(5):
        for root in range(12):
            np.testing.assert_allclose(rows[kind, root], np.roll(rows[kind, 0], root))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=-1), 1)
