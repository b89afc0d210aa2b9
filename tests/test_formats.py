"""YAML: plain values only."""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.formats import dump_yaml, read_yaml


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x", r"line 2: aliases"),
        ("a: !!python/object/apply:os.system ['true']", r"line 1: tags \(.*os.system\) are not allowed"),
        ("a: !!binary aGk=", "line 1: tags"),
        ("a: 1\nb: !!timestamp x", "line 2: tags"),
        ("a: !!float ''", "line 1: tags"),
        ("a: [1, !!bool maybe]", "line 1: tags"),
        ("!!omap\na: 1", "tags"),
        ("<<: {a: 1}\nb: 2", "cannot be read as YAML"),
        ("? [a, b]\n: 1", "is not text"),
        ("a: 1\n---\nb: 2", "cannot be read as YAML"),
        ("a: " + "9" * 5000, "cannot be read as YAML"),
        ("a: \x07", "cannot be read as YAML"),
        ("a: 1\na: 2", "line 2: the key 'a' appears twice"),
        ("a: {b: 1, b: 2}", "the key 'b' appears twice"),
        ("1: a", "the key 1 is not text"),
        ("- 1", "found list"),
        ("", "found NoneType"),
        ("a: [", "cannot be read as YAML"),
        ("a: " + "[" * 40 + "]" * 40, "nested deeper than 12"),
        ("a: " + "x" * 300_000, "bytes of YAML, at most"),
    ],
)
def test_everything_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        read_yaml(written(tmp_path, text))


def test_unknown_keys_get_a_suggestion_and_the_list(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no key is called 'sede'; did you mean seed\? \(allowed: name, seed\)"):
        read_yaml(written(tmp_path, "sede: 1"), allowed=["name", "seed"])


def test_values_go_to_disk_and_back_in_order(tmp_path: Path) -> None:
    keys = {"z": 1, "a": [1, 2.5, "x"], "m": {"k": None, "t": True}, "ü": "é: #"}
    back = read_yaml(written(tmp_path, dump_yaml(keys)))
    assert back == keys and list(back) == list(keys)


def test_missing_and_binary_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"none\.yaml: cannot be read as YAML"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(BenchError, match=r"b\.yaml: cannot be read as YAML"):
        read_yaml(tmp_path / "b.yaml")


def test_a_date_is_the_text_that_was_written(tmp_path: Path) -> None:
    keys = read_yaml(written(tmp_path, "a: 2026-01-31\nb: [2026-01-31 10:00:00]\n2026-01-31: x"))
    assert keys == {"a": "2026-01-31", "b": ["2026-01-31 10:00:00"], "2026-01-31": "x"}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["C", "Z"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc-1", min_size=1), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text("abcdefg0123-", min_size=1, max_size=6), plain, max_size=4))
def test_written_values_are_read_back_unchanged(keys: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert repr(read_yaml(written(Path(folder), dump_yaml(keys)))) == repr(keys)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("ab:-[]{}!&*?|>%@,'\"#~=.0189 \n\t")), max_size=24))
def test_no_text_ends_in_a_traceback(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(BenchError):
        assert isinstance(read_yaml(written(Path(folder), text)), dict)
