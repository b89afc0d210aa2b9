"""Tests of bench.listening.screening: which listeners are excluded, and why."""

import json

from bench.listening.key import ANCHOR, REFERENCE
from bench.listening.ratings import parse_ratings
from bench.listening.screening import screen
from tests.listening.answers import HONEST, answered, key_of

KEY = key_of(n=20)
AB = key_of("ab", n=20)


def judged(text, key=KEY):
    (rater,) = screen([parse_ratings(text, "x.json", key)], key)
    return rater


def with_references(values, name=REFERENCE):
    keys = json.loads(answered(KEY, HONEST))
    for trial, value in zip(KEY.trials, values, strict=False):
        keys["ratings"][trial.code][trial.code_of(name)] = value
    return json.dumps(keys).encode()


def test_a_careful_listener_is_kept():
    rater = judged(answered(KEY, HONEST))
    assert (rater.reason, rater.n_checks, rater.missed_reference, rater.missed_anchor) == ("", 20, 0, 0)


def test_more_than_15_percent_of_references_under_90_exclude_a_listener():
    assert judged(with_references([89] * 3)).reason == ""
    assert judged(with_references([90] * 20)).reason == ""
    rater = judged(with_references([89.5] * 4))
    assert rater.reason == "rated the hidden reference under 90 in 4 of 20 trials"


def test_a_listener_who_rates_everything_alike_is_excluded():
    assert "alike" in judged(answered(KEY, dict.fromkeys(HONEST, 100))).reason
    assert "alike" in judged(answered(KEY, dict.fromkeys(HONEST, 0))).reason


def test_a_listener_who_rates_the_anchor_high_is_excluded():
    assert judged(with_references([95] * 3, ANCHOR)).reason == ""
    assert judged(with_references([95] * 4, ANCHOR)).reason == "rated the low anchor 90 or more in 4 of 20 trials"


def test_catch_trials_of_comparisons():
    assert judged(answered(AB, HONEST), AB).reason == ""
    swapped = {**HONEST, REFERENCE: 10, ANCHOR: 98}
    assert "20 of 20 catch trials" in judged(answered(AB, swapped), AB).reason
    assert "no difference" in judged(answered(AB, dict.fromkeys(HONEST, 5)), AB).reason


def test_without_a_reference_nobody_is_excluded_for_missing_it():
    key = key_of(n=4)
    for trial in key.trials:
        del trial.stimuli[trial.code_of(REFERENCE)]
    assert judged(answered(key, HONEST), key).reason == ""
