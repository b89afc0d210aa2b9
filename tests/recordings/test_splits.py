"""Lists of splits: read whole or refused with the line; incomplete splits are named."""

import pytest

from bench.errors import BenchError
from bench.recordings.splits import incomplete_splits, read_splits


def write(tmp_path, text):
    path = tmp_path / "splits.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_come_by_track(tmp_path):
    rows = read_splits(write(tmp_path, 'track,split,genre\n"A, B & C",test,rock\nD,train,\n'), ("test", "train"), 2)
    assert rows == {
        "A, B & C": {"track": "A, B & C", "split": "test", "genre": "rock"},
        "D": {"track": "D", "split": "train", "genre": ""},
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("track,split\na,trian\n", r"splits\.csv:2: unknown split 'trian'; known: test, train"),
        ("track,split\na,test\na,test\n", r"splits\.csv:3: track 'a' has no name or is listed twice"),
        ("track\na\n", r"splits\.csv:2: unknown split None"),
        ("track,split\na,test\n", r"splits\.csv: lists 1 tracks, but the data set was published with 2"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path, text, why):
    with pytest.raises(BenchError, match=why):
        read_splits(write(tmp_path, text), ("test", "train"), 2)


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(BenchError, match="cannot be read as a list of splits"):
        read_splits(tmp_path / "splits.csv", ("test",), 1)


def test_a_split_may_be_missing_as_a_whole_but_not_in_part(tmp_path):
    text = "track,split\na,test\nb,test\nc,train\nd,train\n"
    rows = read_splits(write(tmp_path, text), ("test", "train"), 4)
    assert incomplete_splits(rows, {"a", "b"}, ("test", "train")) == []
    assert incomplete_splits(rows, {"b", "c", "d"}, ("test", "train")) == [
        "test: lacks 1 of its 2 tracks, the first is a"
    ]
