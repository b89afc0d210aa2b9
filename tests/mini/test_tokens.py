"""The mini tokeniser against known results: features of a tone and a click, and the nearest entry."""

import numpy as np
import pytest

from bench.mini.tokens import BOOKS, ENTRIES, HOP, SAMPLE_RATE, Tokeniser, features
from tests.tiny_mini import SIZES, codebooks

GAIN = 100.0


def sine(hz, level=0.5, seconds=1.0):
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


def tokeniser():
    return Tokeniser.of({**codebooks(), "vocoder.entry.weight": np.zeros(3)})


def test_an_incomplete_last_frame_is_left_out():
    for n_samples in (HOP, 3 * HOP, 3 * HOP + 1, 4 * HOP - 1, 50 * HOP):
        bands = features(np.zeros(n_samples, dtype=np.float32))
        assert [band.shape for band in bands] == [(n_samples // HOP, size) for size in SIZES]
        assert tokeniser().encode(np.zeros(n_samples, dtype=np.float32)).shape == (BOOKS, n_samples // HOP)


def test_silence_has_features_of_zero_and_one_token_per_codebook():
    assert not any(band.any() for band in features(np.zeros(SAMPLE_RATE, dtype=np.float32)))
    codes = tokeniser().encode(np.zeros(SAMPLE_RATE, dtype=np.float32))
    assert (codes == codes[:, :1]).all()


def test_encoding_is_repeatable_and_leaves_its_input_unchanged():
    sound = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    before = sound.copy()
    first, second = tokeniser().encode(sound), tokeniser().encode(sound)
    assert np.array_equal(first, second) and first.dtype == np.int64
    assert np.array_equal(sound, before)
    assert first.min() >= 0 and first.max() < ENTRIES and len(np.unique(first)) > 20


@pytest.mark.parametrize(("book", "hz", "bin_of"), [(0, 2000 * 28 / 512, 28 - 10), (1, 2000 * 70 / 512, 70 - 47), (2, 2000 * 80 / 256, 80 - 49)])  # fmt: skip
@pytest.mark.parametrize("level", [0.05, 0.5])
def test_a_low_tone_has_its_level_at_its_bin(book, hz, bin_of, level):
    bands = features(sine(hz, level))
    middle = bands[book][20:30]
    # A Hann window leaves half of a tone's magnitude in each neighbouring bin and nothing beyond.
    fine = middle[:, :-2]
    assert (fine.argmax(axis=1) == bin_of).all()
    assert fine[:, bin_of] == pytest.approx(np.log1p(GAIN * level), rel=0.01)
    for neighbour in (bin_of - 1, bin_of + 1):
        assert fine[:, neighbour] == pytest.approx(np.log1p(GAIN * level / 2), rel=0.02)
    others = np.delete(fine, [bin_of - 1, bin_of, bin_of + 1], axis=1)
    assert others.max() < 0.35 * np.log1p(GAIN * level)
    for other in {0, 1, 2} - {book}:
        assert bands[other][20:30, :-2].max() < 0.35 * np.log1p(GAIN * level)


def test_a_high_tone_changes_only_its_mel_band():
    bands = features(sine(4000.0))
    high = bands[3][25]
    assert all(bands[k][25].max() < 0.1 for k in range(3))
    halves = high[:28], high[28:]
    for half in halves:
        assert half.max() > 2 and (half > 0.5).sum() <= 4
    assert halves[0].argmax() == halves[1].argmax()
    above = features(sine(8000.0))[3][25][:28].argmax()
    assert above > halves[0].argmax()


def test_semitones_from_low_e_up_have_different_tokens():
    pitches = range(40, 81)
    rows = [
        np.concatenate([band[25] for band in features(sine(440 * 2 ** ((pitch - 69) / 12), 0.2))[:3]])
        for pitch in pitches
    ]
    gaps = [np.linalg.norm(a - b) for a, b in zip(rows, rows[1:], strict=False)]
    assert min(gaps) > 1.0


@pytest.mark.parametrize("frame", [10, 25, 33])
def test_a_click_changes_its_own_frame(frame):
    sound = np.zeros(50 * HOP, dtype=np.float32)
    sound[frame * HOP + HOP // 2] = 1.0
    high = features(sound)[3]
    assert high.sum(axis=1).argmax() == frame
    assert not high[: frame - 1].any() and not high[frame + 2 :].any()
    for low in features(sound)[:3]:
        onset = low[:, -2:].sum(axis=1)
        assert abs(int(onset.argmax()) - frame) <= 1


def test_the_two_short_windows_separate_the_halves_of_a_frame():
    early, late = (np.zeros(30 * HOP, dtype=np.float32) for _ in range(2))
    early[15 * HOP + HOP // 4] = late[15 * HOP + 3 * HOP // 4] = 1.0
    for sound, first_is_louder in ((early, True), (late, False)):
        high = features(sound)[3][15]
        assert (high[:28].sum() > high[28:].sum()) == first_is_louder


def test_quantising_is_the_nearest_neighbour_of_brute_force():
    rng = np.random.default_rng(3)
    bands = tuple(rng.uniform(0, 3, (9000, size)).astype(np.float32) for size in SIZES)
    tokens = tokeniser().quantise(bands)
    for band, book, codes in zip(bands, tokeniser().centroids, tokens, strict=True):
        chosen = rng.integers(0, 9000, 200)
        distances = ((band[chosen, None].astype(float) - book[None].astype(float)) ** 2).sum(axis=-1)
        taken = distances[np.arange(200), codes[chosen]]
        assert taken == pytest.approx(distances.min(axis=1), rel=1e-5)
        assert (codes[chosen] == distances.argmin(axis=1)).mean() > 0.99


def test_entries_are_their_own_nearest_neighbours():
    mine = tokeniser()
    assert (mine.quantise(mine.centroids) == np.arange(ENTRIES)).all()


def test_no_frames_give_no_tokens():
    assert tokeniser().quantise(tuple(np.zeros((0, size), dtype=np.float32) for size in SIZES)).shape == (BOOKS, 0)


def test_codebooks_are_rebuilt_from_a_weight_files_tensors():
    again = Tokeniser.of(tokeniser().tensors())
    assert all(np.array_equal(a, b) for a, b in zip(again.centroids, tokeniser().centroids, strict=True))
