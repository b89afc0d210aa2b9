"""Tests of bench.listening.design and bench.listening.plan."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from bench.listening.axes import axes_of, edges_of
from bench.listening.design import ALPHABET, CODE_LENGTH, codes, williams
from bench.listening.key import ANCHOR, REFERENCE
from bench.listening.plan import chosen_examples, plan
from bench.manifest import Excerpt, Manifest, song_of
from bench.mask import Mask
from bench.task import load_task

MANY = Manifest("folder-many", tuple(Excerpt(f"song-{k:02}", "folder", f"song-{k:02}", 0.0, 15.0) for k in range(20)))
EVERY = [excerpt.id for excerpt in MANY.excerpts]
SYSTEMS = ("air-mini", "lora-mini", "retrieval")


def planned(form="mushra", axes=("transition", "quality"), n=4, systems=SYSTEMS, seed=7, task="inpaint-drums"):
    return plan(load_task(task), MANY, form, axes, EVERY[:n], systems, seed)


def sitting(made, participant):
    """Return the screens of a listener as described in docs/listening.md: (trial code, stimuli in order)."""
    trials, orders = made.key.trials, made.orders
    axes = [made.key.axes[k] for k in orders["axes"][participant % len(orders["axes"])]]
    for axis in axes:
        own = [trial for trial in trials if trial.axis == axis]
        design = orders["trials"][axis]
        for which in design[participant % len(design)]:
            rows = orders["stimuli"][str(len(own[which].stimuli))]
            order = rows[(participant + trials.index(own[which])) % len(rows)]
            yield own[which], [list(own[which].stimuli)[k] for k in order]


@pytest.mark.parametrize("n", range(1, 13))
def test_every_stimulus_is_at_every_position_equally_often(n):
    rows = williams(n)
    assert len(rows) in (n, 2 * n)
    for row in rows:
        assert sorted(row) == list(range(n))
    for place in range(n):
        assert set(Counter(row[place] for row in rows).values()) == {len(rows) // n}


@pytest.mark.parametrize("n", range(2, 13))
def test_every_stimulus_follows_every_other_equally_often(n):
    pairs = Counter(pair for row in williams(n) for pair in pairwise(row))
    assert len(pairs) == n * (n - 1)
    assert set(pairs.values()) == {1 if n % 2 == 0 else 2}


def test_systems_are_at_each_position_of_a_trial_equally_often():
    made = planned()
    seen = Counter()
    for participant in range(10):
        for trial, order in sitting(made, participant):
            seen.update((trial.code, trial.stimuli[code], place) for place, code in enumerate(order))
    assert len(seen) == 8 * 5 * 5
    assert set(seen.values()) == {2}


def test_trials_are_at_each_position_of_their_part_equally_often():
    made = planned(axes=("quality",))
    seen = Counter((trial.code, place) for p in range(4) for place, (trial, _) in enumerate(sitting(made, p)))
    assert len(seen) == 16
    assert set(seen.values()) == {1}


def test_half_of_the_listeners_hear_a_pair_in_reverse_order():
    made = planned("ab", ("quality",))
    firsts = Counter((trial.code, order[0]) for p in range(8) for trial, order in sitting(made, p))
    assert set(firsts.values()) == {4}


def test_parts_start_with_each_axis_equally_often():
    made = planned(axes=("transition", "adherence", "quality"))
    firsts = Counter(next(iter(sitting(made, p)))[0].axis for p in range(6))
    assert firsts == {"transition": 2, "adherence": 2, "quality": 2}


def test_equal_seeds_make_equal_tests_and_others_do_not():
    assert planned().key == planned().key
    assert planned().key.test != planned(seed=8).key.test
    assert planned().sounds != planned(seed=8).sounds


def test_codes_reveal_nothing():
    drawn = codes(500, np.random.default_rng(1))
    assert len(set(drawn)) == 500
    assert all(len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) for code in drawn)
    places = Counter(
        list(trial.stimuli).index(trial.code_of("air-mini")) for s in range(40) for trial in planned(seed=s).key.trials
    )
    assert len(places) == 5
    assert max(places.values()) < 2 * min(places.values())


def test_a_rating_test_has_a_hidden_reference_and_a_low_anchor_in_every_trial():
    for trial in planned().key.trials:
        assert sorted(trial.stimuli.values()) == sorted([*SYSTEMS, REFERENCE, ANCHOR])


def test_anchors_are_those_of_the_axis():
    made = planned()
    for trial in made.key.trials:
        kind = made.sounds[trial.example][trial.code_of(ANCHOR)]
        assert kind == {"transition": "masked", "quality": "low-pass"}[trial.axis]


def test_a_comparison_has_all_pairs_and_catch_trials():
    trials = planned("ab", ("quality",), n=4).key.trials
    assert sum(trial.is_catch for trial in trials) == 2
    pairs = Counter(frozenset(t.stimuli.values()) for t in trials if not t.is_catch)
    assert len(pairs) == 3
    assert set(pairs.values()) == {4}


def test_edit_tasks_have_no_catch_trials_about_adherence():
    trials = planned(axes=("adherence", "quality"), task="edit-drums").key.trials
    assert all(bool(t.code_of(REFERENCE)) == (t.axis == "quality") for t in trials)


def test_examples_are_of_different_songs_as_long_as_there_are_any():
    excerpts = tuple(Excerpt(f"{song}--{k}", "folder", song, 1.0 * k, 15.0) for song in "abc" for k in range(3))
    ids = [excerpt.id for excerpt in excerpts]
    assert len({song_of(name) for name in chosen_examples(ids, 3, 5)}) == 3
    assert len(set(chosen_examples(ids, 100, 5))) == 9
    assert chosen_examples(EVERY, 5, 1) != chosen_examples(EVERY, 5, 2)


def test_only_axes_that_apply_to_a_task_are_asked():
    hole = Mask(((50, 125),), 200)
    assert axes_of(load_task("inpaint-free"), hole) == ("transition", "quality")
    assert axes_of(load_task("refine-drums"), Mask(((0, 200),), 200)) == ("adherence", "quality")
    assert axes_of(load_task("inpaint-drums"), hole, ["quality"]) == ("quality",)
    assert edges_of(Mask(((0, 50), (100, 150)), 200)) == 3
