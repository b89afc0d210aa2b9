"""Mirdata's md5 lists: found where the package is installed, compared with files, refused if they are damaged."""

import hashlib
import json
import sys

import pytest

from bench.errors import BenchError
from bench.recordings import md5


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder of the indexes of a mirdata that is installed for this test."""
    folder = tmp_path / "site" / "mirdata" / "datasets" / "indexes"
    folder.mkdir(parents=True)
    (tmp_path / "site" / "mirdata" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    return folder


def test_without_mirdata_or_the_index_it_is_none(place, monkeypatch):
    assert md5.index("other_index.json") is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert md5.index("slakh_index_2100-redux.json") is None


def test_tracks_and_multitracks_are_read_and_what_has_no_file_is_not(place):
    index = {
        "version": "1.0",
        "tracks": {"a": {"audio": ["a.wav", "0" * 32], "midi": [None, None]}},
        "multitracks": {"m": {"tracks": ["a"], "mix": ["mix.wav", "1" * 32]}},
    }
    (place / "x.json").write_text(json.dumps(index))
    assert md5.index("x.json") == {"a.wav": "0" * 32, "mix.wav": "1" * 32}


@pytest.mark.parametrize("text", ["{", "[]", '{"tracks": {"a": {"audio": "a.wav"}}}', '{"tracks": 1}'])
def test_another_format_is_refused(place, text):
    (place / "x.json").write_text(text)
    with pytest.raises(BenchError, match=r"x\.json: is not a mirdata index"):
        md5.index("x.json")


def test_differences_name_the_file(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    right = hashlib.md5(b"one", usedforsecurity=False).hexdigest()
    steps = []
    files = {tmp_path / "a": right, tmp_path / "b": right}
    (gone,) = md5.differences(files, lambda: steps.append(1))
    assert "b: cannot be read (No such file or directory)" in gone and len(steps) == 2
    (other,) = md5.differences({tmp_path / "a": "0" * 32})
    assert f"md5 {right[:16]}..., mirdata has 0000000000000000...; get it again" in other
