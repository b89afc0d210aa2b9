"""Tests of bench.formats, bench.listening.key and bench.listening.ratings with untrusted files."""

import json

import pytest

from bench.errors import BenchError
from bench.listening.key import read_key
from bench.listening.ratings import MAX_BYTES, parse_ratings, read_ratings
from tests.listening.answers import HONEST, answered, key_of

KEY = key_of(n=3)


def changed(**changes):
    return answered(KEY, HONEST, **changes)


def with_rating(value):
    keys = json.loads(changed())
    trial = KEY.trials[0].code
    keys["ratings"][trial][next(iter(KEY.trials[0].stimuli))] = value
    return json.dumps(keys).encode()


def without_trial():
    keys = json.loads(changed())
    del keys["ratings"][KEY.trials[1].code]
    return json.dumps(keys).encode()


def with_trial(code, value):
    keys = json.loads(changed())
    keys["ratings"][code] = value
    return json.dumps(keys).encode()


def with_stimulus(code):
    keys = json.loads(changed())
    keys["ratings"][KEY.trials[0].code][code] = 50
    return json.dumps(keys).encode()


HOSTILE = {
    "not JSON": (b"{", "cannot be read as JSON"),
    "not UTF-8": (b"\xff\xfe{}", "cannot be read as JSON"),
    "too large": (b" " * (MAX_BYTES + 1), f"at most {MAX_BYTES}"),
    "too deep": (b"[" * 100_000, "cannot be read as JSON"),
    "a list": (b"[]", "want an object"),
    "a key twice": (changed().replace(b'"seconds"', b'"test": "x", "seconds"'), "the key 'test' appears twice"),
    "a stimulus twice": (
        changed().replace(b'"s000": 80.0', b'"s000": 80.0, "s000": 90'),
        "the key 's000' appears twice",
    ),
    "NaN": (changed().replace(b"80.0", b"NaN", 1), "NaN is not a number"),
    "infinity": (changed().replace(b"80.0", b"-Infinity", 1), "-Infinity is not a number"),
    "a huge number": (changed().replace(b"80.0", b"1e999", 1), "want a number from 0 to 100"),
    "a huge whole number": (changed().replace(b"80.0", b"9" * 5000, 1), "cannot be read as JSON"),
    "a strange key": (changed(script="x"), "no key is called 'script'"),
    "a missing key": (changed().replace(b'"seconds": 600, ', b""), "the key 'seconds' is missing"),
    "another test": (changed(test="0" * 12), "ratings of another test"),
    "another form": (changed(form="ab"), "ratings of another test"),
    "another format": (changed(format=["x"]), "ratings of another test"),
    "a participant that is text": (changed(participant=3) .replace(b'"participant": 3', b'"participant": "../x"'), "want a whole"),
    "a participant that is true": (changed().replace(b'"participant": 0', b'"participant": true'), "want a whole number"),
    "a negative participant": (changed().replace(b'"participant": 0', b'"participant": -1'), "want a whole number"),
    "negative seconds": (changed(seconds=-1), "seconds is -1"),
    "ratings that are a list": (changed(ratings=[]), "ratings is list"),
    "over 100": (with_rating(100.5), "rated 100.5, want a number from 0 to 100"),
    "under 0": (with_rating(-1), "rated -1"),
    "no rating": (with_rating(None), "rated None"),
    "a rating that is true": (with_rating(True), "rated True"),
    "a rating that is text": (with_rating("80"), "rated '80'"),
    "a trial too few": (without_trial(), f"no answer for trial {KEY.trials[1].code}"),
    "a trial too many": (with_trial("__proto__", {}), "this test has no trial '__proto__'"),
    "a trial that is a number": (with_trial(KEY.trials[0].code, 3), "want a rating per stimulus"),
    "a strange code": (with_stimulus("zzzzz"), "this test has no stimulus 'zzzzz'"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_malformed_file_is_refused_with_name_and_reason(tmp_path, name):
    text, reason = HOSTILE[name]
    file = tmp_path / "stranger.json"
    file.write_bytes(text)
    with pytest.raises(BenchError, match=r"stranger\.json") as caught:
        read_ratings([tmp_path], KEY)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_valid_file_is_read():
    found = parse_ratings(changed(participant=4), "x", KEY)
    assert (found.participant, found.seconds) == (4, 600)
    trial = KEY.trials[0]
    assert found.answers[trial.code][trial.code_of("good")] == 80


def test_a_comparison_is_read_as_shares():
    key = key_of("ab", n=1)
    found = parse_ratings(answered(key, HONEST), "x", key)
    trial = key.trials[0]
    assert found.answers[trial.code] == {trial.code_of("good"): 1.0, trial.code_of("bad"): 0.0}
    text = answered(key, HONEST).replace(trial.code_of("good").encode(), b"both")
    with pytest.raises(BenchError, match="the answer is 'both'"):
        parse_ratings(text, "x", key)
    alike = parse_ratings(answered(key, {**HONEST, "bad": 80}), "x", key)
    assert set(alike.answers[trial.code].values()) == {0.5}


def test_equal_answers_count_once_and_different_ones_of_a_number_are_refused(tmp_path):
    for name in ("sent.json", "downloaded.json"):
        (tmp_path / name).write_bytes(changed(participant=1))
    assert len(read_ratings([tmp_path], KEY)) == 1
    (tmp_path / "other.json").write_bytes(answered(KEY, {**HONEST, "good": 70}, participant=1))
    with pytest.raises(BenchError, match="participant 1 has different answers"):
        read_ratings([tmp_path], KEY)


def test_no_files_is_an_error(tmp_path):
    with pytest.raises(BenchError, match="no ratings"):
        read_ratings([tmp_path], KEY)
    with pytest.raises(BenchError, match=r"absent\.json: cannot be read .*; give \.json files"):
        read_ratings([tmp_path / "absent.json"], KEY)


def test_a_key_is_read_back_as_written(tmp_path):
    KEY.write(tmp_path / "key.json")
    assert read_key(tmp_path / "key.json") == KEY
    assert read_key(tmp_path / "key.json").test == KEY.test


def bent(tmp_path, change):
    KEY.write(tmp_path / "key.json")
    keys = json.loads((tmp_path / "key.json").read_text())
    change(keys)
    (tmp_path / "key.json").write_text(json.dumps(keys))
    return tmp_path / "key.json"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda keys: keys.update(task="../../x"), "'../../x' cannot be the name"),
        (lambda keys: keys.update(manifest=".."), "cannot be the name"),
        (lambda keys: keys.update(seed="1"), "want a whole number"),
        (lambda keys: keys.update(format="x"), "not the key"),
        (lambda keys: keys.update(trials=[]), "a list of trials"),
        (lambda keys: keys["trials"][0].update(axis="taste"), "the axis is 'taste'"),
        (lambda keys: keys["trials"][0]["stimuli"].update(s000="/etc/passwd"), "'/etc/passwd' cannot be the name"),
        (lambda keys: keys["trials"][0].update(stimuli={"s000": "good"}), "two or more different stimuli"),
        (lambda keys: keys["trials"].append(keys["trials"][0]), "two trials have the same code"),
        (lambda keys: keys["trials"][0].update(code="<b>"), "want codes of 3 to 16"),
        (lambda keys: keys["trials"][0].pop("code"), "want the keys"),
    ],
)
def test_a_malformed_key_is_refused(tmp_path, change, reason):
    with pytest.raises(BenchError, match=r"key\.json") as caught:
        read_key(bent(tmp_path, change))
    assert reason in str(caught.value)
