"""The contract of every model without weights: shape, rate, finite values, unchanged context, repeatable bytes."""

from collections.abc import Sequence

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.example import Control, Example, Request, Truth, masked
from bench.mask import Mask, blocks, centre, everything, prefix, suffix, two_gaps
from bench.music.controls import drums_control
from bench.symbols import Beats, Chords, Notes

RATE, N_FRAMES, BEAT_S = 16000, 400, 0.5
MODELS = ["silence", "noise", "copy-control", "loop-context", "retrieval"]
PROBES = ["oracle", "other-song"]
MASKS = {
    "centre": centre(N_FRAMES),
    "two-gaps": two_gaps(N_FRAMES),
    "everything": everything(N_FRAMES),
    "prefix": prefix(N_FRAMES, context_s=3.0),
    "suffix": suffix(N_FRAMES, context_s=3.0),
    "crowded": blocks(N_FRAMES, seed=5, percent=80),
    "tiny": Mask(((3, 4), (20, 23), (100, 117)), N_FRAMES),
}


def band(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a tune and its drums: decaying tones and clicks on a beat of 120 bpm."""
    rng = np.random.default_rng(seed)
    n = N_FRAMES * RATE // 50
    tune, drums = np.zeros(n), np.zeros(n)
    decay = np.exp(-np.arange(RATE // 2) / 2000)
    for k in range(int(n / RATE / BEAT_S)):
        at = round(k * BEAT_S * RATE)
        hz = 220 * 2 ** (rng.integers(12) / 12)
        tune[at : at + RATE // 2] += 0.2 * np.sin(2 * np.pi * hz * np.arange(RATE // 2) / RATE) * decay
        drums[at : at + RATE // 2] += 0.2 * rng.standard_normal(RATE // 2) * decay**8
    return tune, drums


def controls_of(seed: int) -> dict[str, Control]:
    tune, drums = band(seed)
    beats = Beats(np.arange(16) * BEAT_S, np.arange(16) % 4 + 1)
    chords = Chords(np.array([[0, 2], [2, 4], [4, 6], [6, 8.0]]), ("C:maj", "N", "A:min7/5", "C:maj"))
    notes = Notes(np.array([[0, 0.5], [4, 5.0]]), np.array([60, 64]), np.array([90, 90]))
    return {
        "drums": drums_control(Audio(drums, RATE), N_FRAMES / 50, RATE),
        "chords": Control("chords", chords, Audio(tune / 2, RATE), beats),
        "piano": Control("piano", notes, Audio(tune / 3, RATE)),
    }


def example_of(mask: Mask, kinds: Sequence[str] = (), seed: int = 1, song: str = "song") -> Example:
    tune, drums = band(seed)
    reference = Audio(tune + drums, RATE)
    controls = {kind: controls_of(seed)[kind] for kind in kinds}
    return Example(Request(song, "t", 1, masked(reference, mask), mask, controls, seed=seed), reference, Truth())


def edited(name: str, examples: Sequence[Example]) -> list[Audio]:
    plug = plugins.load("models", name)
    outputs = plug.edit(examples if name in PROBES else [example.request for example in examples])
    assert isinstance(outputs, list)
    return outputs


@pytest.mark.parametrize("kinds", [(), ("drums",), ("chords",), ("drums", "chords", "piano")], ids="-".join)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("name", [*MODELS, *PROBES])
def test_holes_are_filled_and_the_context_is_unchanged_for_every_mask_and_control(
    name: str, mask: Mask, kinds: tuple[str, ...]
) -> None:
    examples = [example_of(mask, kinds, seed=s, song=f"song-{s}") for s in (1, 2)]
    outputs = edited(name, examples)
    visible = ~mask.inside(RATE)
    for example, output in zip(examples, outputs, strict=True):
        assert output.samples.shape == (1, N_FRAMES * RATE // 50)
        assert output.sample_rate == RATE
        assert np.isfinite(output.samples).all()
        assert np.array_equal(output.mono[visible], example.reference.mono[visible])
        assert np.abs(output.samples).max() < 2


@pytest.mark.parametrize("name", [*MODELS, *PROBES])
def test_outputs_are_repeatable_and_independent_of_the_batch(name: str) -> None:
    examples = [example_of(centre(N_FRAMES), ("drums", "chords"), seed=s, song=f"song-{s}") for s in (1, 2)]
    first, second = edited(name, examples), edited(name, examples)
    assert [a.sha256() for a in first] == [a.sha256() for a in second]
    if name in MODELS:
        assert [edited(name, [example])[0].sha256() for example in examples] == [a.sha256() for a in first]


@pytest.mark.parametrize("kinds", [(), ("drums", "chords")], ids=["free", "controlled"])
@pytest.mark.parametrize("name", MODELS)
def test_a_silent_context_is_no_error(name: str, kinds: tuple[str, ...]) -> None:
    mask = centre(N_FRAMES)
    controls = {kind: controls_of(1)[kind] for kind in kinds}
    silent = Audio(np.zeros(N_FRAMES * RATE // 50), RATE)
    output = plugins.load("models", name).edit([Request("song", "t", 1, silent, mask, controls)])[0]
    assert np.isfinite(output.samples).all()
    follows = kinds and name in ("copy-control", "retrieval")
    assert output.samples.any() == bool(follows)


@pytest.mark.parametrize("name", MODELS)
def test_models_have_a_batch_size(name: str) -> None:
    assert plugins.load("models", name).batch_size >= 1
    assert plugins.load("models", name).edit([]) == []


@pytest.mark.parametrize("name", PROBES)
def test_probes_are_marked_as_probes(name: str) -> None:
    assert plugins.load("models", name).is_probe is True


def test_the_oracle_returns_the_reference() -> None:
    example = example_of(centre(N_FRAMES))
    assert edited("oracle", [example])[0].sha256() == example.reference.sha256()


def test_silence_leaves_the_holes_empty() -> None:
    mask = two_gaps(N_FRAMES)
    assert not edited("silence", [example_of(mask, ("drums",))])[0].mono[mask.inside(RATE)].any()
