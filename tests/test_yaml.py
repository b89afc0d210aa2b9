"""YAML: plain values only."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.yaml import dump_yaml, read_yaml


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x", r"line 2: aliases"),
        ("a: !!python/object/apply:os.system ['true']", r"line 1: tags \(.*os.system\) are not read"),
        ("a: 1\na: 2", "line 2: the key 'a' stands twice"),
        ("a: {b: 1, b: 2}", "the key 'b' stands twice"),
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
