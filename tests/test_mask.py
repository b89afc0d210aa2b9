"""Masks: the published ones exactly, the seeded ones by their properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError, UnknownName
from bench.mask import MASKS, Mask, draw, from_flags, scatter, seed_of

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("name", "n_frames", "holes"),
    [
        ("centre", 750, ((188, 562),)),
        ("centre", 1500, ((375, 1125),)),
        ("two-gaps", 750, ((94, 281), (469, 656))),
        ("long", 750, ((125, 625),)),
        ("everything", 750, ((0, 750),)),
        ("prefix", 750, ((250, 750),)),
        ("suffix", 750, ((0, 500),)),
    ],
)
def test_the_fixed_masks_are_the_published_ones(name: str, n_frames: int, holes: tuple) -> None:
    for seed in (0, 1, 99):
        assert draw(name, n_frames, seed).holes == holes


@settings(max_examples=150, deadline=None)
@given(seeds, st.sampled_from([30, 50, 70, 90]), st.integers(500, 3000))
def test_blocks_mask_what_is_asked_for_in_holes_of_one_to_three_seconds(seed: int, percent: int, n_frames: int) -> None:
    mask = draw("blocks", n_frames, seed, percent=percent)
    assert abs(mask.ratio - percent / 100) <= 1 / n_frames
    lengths = [end - start for start, end in mask.holes]
    assert min(lengths) >= 50 and max(lengths) <= 150
    gaps = [b[0] - a[1] for a, b in zip(mask.holes, mask.holes[1:], strict=False)]
    fewest = -(-round(n_frames * percent / 100) // 150)
    free = n_frames - sum(lengths)
    if free >= 25 * (fewest - 1):
        assert min(gaps, default=25) >= 25
    else:
        assert min(gaps, default=1) >= free // max(len(gaps), 1) > 0


def test_blocks_differ_by_seed_and_repeat_by_seed() -> None:
    drawn = [draw("blocks", 750, seed, percent=50).holes for seed in range(30)]
    assert len(set(drawn)) == 30
    assert draw("blocks", 750, 7, percent=50).holes == drawn[7]
    starts = [holes[0][0] for holes in drawn]
    assert min(starts) < 20 < max(starts)
    assert len({len(holes) for holes in drawn}) > 1


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(1, 9))
def test_a_random_gap_keeps_its_length_and_margins(seed: int, gap_s: float) -> None:
    ((start, end),) = draw("random-gap", 750, seed, gap_s=gap_s).holes
    assert end - start == round(gap_s * 50)
    assert start >= 50 and 750 - end >= 50


def test_random_gaps_reach_both_margins() -> None:
    starts = {draw("random-gap", 150, seed, gap_s=0.9).holes[0][0] for seed in range(300)}
    assert starts == set(range(50, 56))


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(0.2, 0.9))
def test_scatter_is_a_majority_vote_over_11_frames(seed: int, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    drawn = [bool(u < ratio) for u in rng.random(200)]
    padded = [True] * 5 + drawn + [True] * 5
    naive = [sum(padded[k : k + 11]) > 5.5 for k in range(200)]
    assert scatter(200, seed, ratio).inside(50).tolist() == naive


def test_the_share_of_scatter_is_that_of_a_majority_vote() -> None:
    ratios = {r: np.mean([scatter(750, seed, r).ratio for seed in range(60)]) for r in (0.3, 0.7)}
    assert ratios[0.3] == pytest.approx(0.08, abs=0.03)
    assert ratios[0.7] == pytest.approx(0.92, abs=0.03)


def test_scatter_draws_its_ratio_between_04_and_08() -> None:
    shares = [scatter(3000, seed).ratio for seed in range(200)]
    assert np.mean(shares) == pytest.approx(0.68, abs=0.06)
    assert min(shares) < 0.3 and max(shares) > 0.95


@settings(max_examples=80, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=120))
def test_flags_and_holes_convert_into_each_other(flags: list[bool]) -> None:
    mask = from_flags(np.array(flags))
    assert mask.inside(50).tolist() == flags
    assert mask.ratio == pytest.approx(np.mean(flags))


@pytest.mark.parametrize("rate", [16000, 32000, 44100, 48000])
def test_frames_are_whole_numbers_of_samples(rate: int) -> None:
    inside = Mask(((10, 20), (30, 50)), 50).inside(rate)
    assert len(inside) == rate
    assert inside.sum() == 30 * rate // 50
    assert inside[10 * rate // 50] and not inside[10 * rate // 50 - 1]
    assert inside[20 * rate // 50 - 1] and not inside[20 * rate // 50]


def test_seconds_and_an_odd_rate() -> None:
    assert Mask(((10, 20),), 50).holes_s == [(0.2, 0.4)]
    for rate in (22055, 11024, 11025, 8192):
        with pytest.raises(ValueError, match=f"{rate} Hz is not a multiple"):
            Mask(((0, 1),), 2).inside(rate)


@pytest.mark.parametrize(
    "holes", [((5, 5),), ((-1, 3),), ((0, 11),), ((4, 6), (1, 2)), ((1, 4), (3, 6)), ((1, 4), (4, 6))]
)
def test_invalid_holes_are_refused(holes: tuple) -> None:
    with pytest.raises(BenchError, match="not sorted, disjoint stretches"):
        Mask(holes, 10)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("blocks", {"percent": 0}, "blocks of 0 %"),
        ("blocks", {"percent": 100}, "blocks of 100 %"),
        ("blocks", {"percent": 1}, "at least one hole of 1 s"),
        ("random-gap", {"gap_s": 14}, "does not fit 15.0 s"),
        ("prefix", {"context_s": 15}, "does not fit an excerpt of 15.0 s"),
        ("suffix", {"context_s": 0}, "does not fit"),
        ("centre", {"width": 3}, "does not take the options"),
        ("blocks", {"percent": float("nan")}, "does not take the options"),
        ("blocks", {"percent": "half"}, "does not take the options"),
        ("blocks", {"seed": 3}, "does not take the options"),
        ("blocks", {"n_frames": 3}, "does not take the options"),
        ("prefix", {"context_s": float("inf")}, "does not take the options"),
        ("random-gap", {"gap_s": 9, "margin_s": -1}, "with margins of -1 s does not fit"),
        ("random-gap", {"gap_s": 0}, "does not fit 15.0 s"),
        ("random-gap", {"gap_s": float("nan")}, "does not take the options"),
    ],
)
def test_options_that_do_not_fit_are_refused(name: str, options: dict, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        draw(name, 750, 0, **options)


def test_a_wrong_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean centre"):
        draw("center", 750, 0)
    assert set(MASKS) >= {
        "centre",
        "two-gaps",
        "long",
        "blocks",
        "everything",
        "prefix",
        "suffix",
        "random-gap",
        "scatter",
    }


def test_seeds_are_the_crc32_of_their_parts() -> None:
    import zlib

    assert seed_of("task", "song", 3) == zlib.crc32(b"task/song/3")
    assert len({seed_of("task", f"song-{k}", 3) for k in range(1000)}) == 1000


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(MASKS)), seeds, st.integers(400, 6000))
def test_every_mask_fits_every_length_and_repeats_by_seed(name: str, seed: int, n_frames: int) -> None:
    mask = draw(name, n_frames, seed)
    assert mask == draw(name, n_frames, seed)
    assert mask.n_frames == n_frames and (mask.holes or name == "scatter")
    assert from_flags(mask.inside(50)).holes == mask.holes


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 750), seeds)
def test_fixed_masks_lie_in_the_middle(n_frames: int, seed: int) -> None:
    """What stands before the first hole and after the last differs by two frames at most."""
    for name in ("centre", "two-gaps", "long"):
        if n_frames >= 16:
            holes = draw(name, n_frames, seed).holes
            assert abs(holes[0][0] - (n_frames - holes[-1][1])) <= 2


@pytest.mark.parametrize("percent", [30, 50, 70])
def test_blocks_lie_anywhere(percent: int) -> None:
    """No frame is hidden always or never, the ends included; a second from the ends each is hidden its share."""
    masks = [draw("blocks", 750, seed, percent=percent) for seed in range(600)]
    share = np.mean([mask.inside(50) for mask in masks], axis=0)
    assert share.mean() == pytest.approx(percent / 100, abs=1e-9)
    assert share.min() > 0 and share.max() < 1
    assert share[50:-50].min() > 0.5 * percent / 100
    starts = [mask.holes[0][0] for mask in masks]
    assert min(starts) == 0 and len(set(starts)) > 40


@pytest.mark.parametrize("percent", [30, 50, 70])
def test_blocks_are_of_many_lengths(percent: int) -> None:
    """Holes of one mask differ as lengths drawn uniformly do, not as an even share with some jitter."""
    holes = [draw("blocks", 750, seed, percent=percent).holes for seed in range(300)]
    lengths = [np.array([end - start for start, end in mask]) for mask in holes]
    joined = np.concatenate(lengths)
    assert (joined < 60).mean() > 0.1 and (joined > 100).mean() > 0.1
    # A part of a uniform composition of T into k parts has variance (T/k)^2 (k-1)/(k+1); of even shares T (k-1)/k^2.
    few = [one for one in lengths if len(one) == min(map(len, lengths)) + 1]
    spare, k = round(7.5 * percent) - 50 * len(few[0]), len(few[0])
    even_sd = np.sqrt(spare * (k - 1) / k**2)
    assert np.std(np.concatenate(few)) > 2 * even_sd
