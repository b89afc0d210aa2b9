"""Screening: rules by which listeners are excluded, fixed before any answers are seen.

Source:
    ITU-R BS.1534-3, post-screening of assessors: listeners who rate the hidden reference under 90 in more than 15 % of
    the trials are excluded. The rule about the low anchor is ours, instead of the standard's rule about its mid-range
    anchor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.listening.key import ANCHOR, REFERENCE, Key, Trial
from bench.listening.ratings import Ratings

GOOD = 90.0
MOST_MISSES = 0.15


@dataclass(frozen=True)
class Rater:
    """A listener and the result of screening.

    Attributes:
        participant: The listener's number.
        source: File of the answers.
        n_checks: Trials with a hidden reference; in comparisons, catch trials.
        missed_reference: Of these, trials whose hidden reference was rated under 90; in comparisons, catch trials in
            which it was not preferred.
        missed_anchor: Trials whose low anchor was rated 90 or more.
        reason: Why the listener is excluded; empty if not.
    """

    participant: int
    source: str
    n_checks: int
    missed_reference: int
    missed_anchor: int
    reason: str = ""


def screen(ratings: Sequence[Ratings], key: Key) -> list[Rater]:
    """Return every listener with the result of screening."""
    judge = _judged_by_pairs if key.form == "ab" else _judged_by_ratings
    return [judge(one, key.trials) for one in ratings]


def _judged_by_ratings(one: Ratings, trials: Sequence[Trial]) -> Rater:
    references = [_answer(one, trial, REFERENCE) for trial in trials if trial.code_of(REFERENCE)]
    anchors = [_answer(one, trial, ANCHOR) for trial in trials if trial.code_of(ANCHOR)]
    low, high = sum(value < GOOD for value in references), sum(value >= GOOD for value in anchors)
    reason = ""
    if all(len(set(one.answers[trial.code].values())) == 1 for trial in trials):
        reason = "rated all stimuli of every trial alike"
    elif low > MOST_MISSES * len(references):
        reason = f"rated the hidden reference under {GOOD:.0f} in {low} of {len(references)} trials"
    elif high > MOST_MISSES * len(anchors):
        reason = f"rated the low anchor {GOOD:.0f} or more in {high} of {len(anchors)} trials"
    return Rater(one.participant, one.source, len(references), low, high, reason)


def _judged_by_pairs(one: Ratings, trials: Sequence[Trial]) -> Rater:
    caught = [_answer(one, trial, REFERENCE) for trial in trials if trial.is_catch]
    missed = sum(value < 1 for value in caught)
    reason = ""
    if all(set(one.answers[trial.code].values()) == {0.5} for trial in trials):
        reason = "heard no difference in any trial"
    elif missed > MOST_MISSES * len(caught):
        reason = f"did not prefer the reference to the low anchor in {missed} of {len(caught)} catch trials"
    return Rater(one.participant, one.source, len(caught), missed, 0, reason)


def _answer(one: Ratings, trial: Trial, name: str) -> float:
    return one.answers[trial.code][trial.code_of(name)]
