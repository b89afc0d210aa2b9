"""Cards: valid ones are read back unchanged, and none leads out of a folder."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError, CheckFailed
from bench.submission import CARD, Card, Submission, read_submission, write_card

names = st.from_regex(r"\A[a-z0-9][a-z0-9.-]{0,63}\Z")
words = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=40)
cards = st.builds(
    Card, system=names, task=names, task_version=st.integers(1, 99), manifest=names, contact=words, training_data=words,
    paper=words, parameters=st.integers(0, 10**12), notes=words, hardware=words,
    generation_seconds=st.floats(0, 1e9),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(cards)
def test_any_card_comes_back(card: Card) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_card(Path(folder), card)
        assert read_submission(Path(folder)).card == card


@pytest.mark.parametrize("key", ["system", "task", "manifest"])
@pytest.mark.parametrize("name", ["", "../x", "a/b", "/x", "A", "a_b", "-a", ".a", "a\n", "a b", "é", "a" * 65])
def test_names_that_are_not_allowed_in_paths_are_refused(key: str, name: str) -> None:
    keys = {"system": "a", "task": "t", "task_version": 1, "manifest": "m"} | {key: name}
    with pytest.raises(
        BenchError, match=rf"^{key}: .* is not 1 to 64 of a-z 0-9 \. - beginning with a letter or digit"
    ):
        Card(**keys)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"parameters": -1}, "want numbers from 0"),
        ({"generation_seconds": -0.5}, "want numbers from 0"),
        ({"generation_seconds": float("nan")}, "want numbers from 0"),
        ({"generation_seconds": float("inf")}, "want numbers from 0"),
        ({"parameters": 1.5}, "parameters: want a whole number, found 1.5"),
        ({"task_version": "1"}, "task_version: want a whole number, found '1'"),
        ({"generation_seconds": True}, "generation_seconds: want a number, found True"),
        ({"notes": None}, "notes: want text, found None"),
    ],
)
def test_values_of_a_wrong_kind_are_refused(numbers: dict, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Card(**({"system": "a", "task": "t", "task_version": 1, "manifest": "m"} | numbers))


def test_whole_seconds_are_seconds() -> None:
    assert Card("a", "t", 1, "m", generation_seconds=3).generation_seconds == 3


def test_outputs_are_beside_the_card_and_failures_are_listed(tmp_path: Path) -> None:
    submission = Submission(tmp_path, Card("a", "t", 1, "m"))
    assert submission.output("song--2") == tmp_path / "song--2.wav" and submission.failures == {}
    (tmp_path / "failed.yaml").write_text("song: out of memory\nother: 3\n")
    assert submission.failures == {"song": "out of memory", "other": "3"}


def test_the_folder_is_named_where_the_card_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "submission.yaml").write_text("system: a\ntask: t\ntask_version: 1\nmanifest: ../m\n")
    with pytest.raises(BenchError, match=r"submission\.yaml: manifest: '\.\./m' is not"):
        read_submission(tmp_path)


def test_the_suffix_of_stitched_rows_is_reserved() -> None:
    with pytest.raises(BenchError, match="ends in -stitched, which is reserved for rows of the scorer"):
        Card("mine-stitched", "inpaint-drums", 1, "synthetic-quick")


def test_an_identity_is_written_unless_it_is_empty(tmp_path: Path) -> None:
    for identity in ("", "mine v1, sha256 0123"):
        card = Card("mine", "inpaint-drums", 1, "synthetic-quick", identity=identity)
        write_card(tmp_path, card)
        assert read_submission(tmp_path).card == card
        assert ("identity" in (tmp_path / CARD).read_text()) == bool(identity)


@pytest.mark.parametrize("key", ["system", "task", "task_version", "manifest"])
def test_a_key_that_a_card_lacks_is_named_with_what_to_do(tmp_path: Path, key: str) -> None:
    lines = {"system": "a", "task": "t", "task_version": "1", "manifest": "m"}
    del lines[key]
    (tmp_path / "submission.yaml").write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
    with pytest.raises(
        CheckFailed, match=rf"submission\.yaml: the key '{key}' is missing; the submission\.yaml beside"
    ):
        read_submission(tmp_path)
