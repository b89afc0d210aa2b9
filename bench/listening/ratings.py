"""Ratings: the answers of one listener, read as untrusted input."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.formats import parse_json
from bench.listening.key import Key, Trial

FORMAT = "steerbench-listening/1"
KEYS = ("format", "test", "form", "participant", "seconds", "ratings")
MAX_BYTES = 256 * 1024
MOST_FILES = 10_000
MOST_PARTICIPANTS = 1_000_000
SAME = "same"
"""Answer to a comparison without an audible difference."""
_WANTED = "give .json files that listeners downloaded, or a folder of them"


@dataclass(frozen=True)
class Ratings:
    """A listener's answers.

    Attributes:
        source: File from which they were read.
        participant: The listener's number, which selected the orders.
        seconds: Duration of the session.
        answers: By trial and stimulus: 0 to 100; in a comparison 1 for the better, 0 for the worse, 0.5 for no
            difference.
    """

    source: str
    participant: int
    seconds: float
    answers: dict[str, dict[str, float]]


def parse_ratings(text: bytes, source: str, key: Key) -> Ratings:
    """Parse the ratings written by the page of a test.

    Args:
        text: The file's bytes.
        source: Its name, for error messages.
        key: Key of the test.

    Raises:
        BenchError: the file is not a complete set of answers to this test; with file and reason.
    """
    keys = parse_json(text, source, KEYS, MAX_BYTES)
    for name, wanted in (("format", FORMAT), ("test", key.test), ("form", key.form)):
        if keys[name] != wanted:
            raise BenchError(
                f"{source}: {name} is {keys[name]!r:.80}, want {wanted!r}; these are ratings of another test"
            )
    participant, seconds = keys["participant"], keys["seconds"]
    if type(participant) is not int or not 0 <= participant < MOST_PARTICIPANTS:
        raise BenchError(f"{source}: participant is {participant!r:.80}, want a whole number under {MOST_PARTICIPANTS}")
    if not _is_number(seconds, math.inf):
        raise BenchError(f"{source}: seconds is {seconds!r:.80}, want a number from 0")
    ratings = keys["ratings"]
    if not isinstance(ratings, dict):
        raise BenchError(f"{source}: ratings is {type(ratings).__name__}, want an object of trials")
    trials = {trial.code: trial for trial in key.trials}
    _same_names(ratings, trials, "trial", source)
    read = _compared if key.form == "ab" else _rated
    answers = {code: read(ratings[code], trial, f"{source}: trial {code}") for code, trial in trials.items()}
    return Ratings(source, participant, float(seconds), answers)


def read_ratings(paths: Iterable[Path], key: Key) -> list[Ratings]:
    """Read files, or all `.json` files of folders; equal answers under the same number count once.

    Raises:
        BenchError: there is no file, a file is not of this test, or a number has two different sets of answers.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise BenchError(f"no ratings; {_WANTED}")
    if len(files) > MOST_FILES:
        raise BenchError(f"{files[0].parent}: {len(files)} files of ratings, at most {MOST_FILES}")
    by_number: dict[int, Ratings] = {}
    for file in files:
        one = parse_ratings(_bytes(file), str(file), key)
        other = by_number.setdefault(one.participant, one)
        if other.answers != one.answers:
            raise BenchError(
                f"{file}: participant {one.participant} has different answers in {other.source}; "
                "keep one of the two files, or change the number in one of them"
            )
    return [by_number[number] for number in sorted(by_number)]


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); {_WANTED}") from error


def _rated(given: Any, trial: Trial, where: str) -> dict[str, float]:
    if not isinstance(given, dict):
        raise BenchError(f"{where}: want a rating per stimulus, found {type(given).__name__}")
    _same_names(given, trial.stimuli, "stimulus", where)
    for code, value in given.items():
        if not _is_number(value, 100):
            raise BenchError(f"{where}: {code} is rated {value!r:.80}, want a number from 0 to 100")
    return {code: float(given[code]) for code in trial.stimuli}


def _compared(given: Any, trial: Trial, where: str) -> dict[str, float]:
    if not isinstance(given, str) or given not in {*trial.stimuli, SAME}:
        raise BenchError(f"{where}: the answer is {given!r:.80}, want {', '.join(trial.stimuli)} or {SAME}")
    return {code: 0.5 if given == SAME else float(code == given) for code in trial.stimuli}


def _same_names(given: Iterable[str], wanted: Iterable[str], kind: str, where: str) -> None:
    given, wanted = set(given), set(wanted)
    if unknown := sorted(given - wanted):
        raise BenchError(f"{where}: this test has no {kind} {unknown[0]!r:.80}")
    if missing := sorted(wanted - given):
        raise BenchError(f"{where}: no answer for {kind} {missing[0]}, and {len(missing) - 1} more are missing")


def _is_number(value: Any, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most and value < math.inf
