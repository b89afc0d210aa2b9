"""The lock of a run's folder inside one process; between processes it is tested in test_disk.py."""

import os
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.runtime.layout import Layout
from bench.runtime.locks import exclusive, shared


def test_the_lock_is_released_however_the_block_ends(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="half way"), exclusive(tmp_path):
        raise RuntimeError("half way")
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_process_cannot_lock_a_folder_twice(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path),
        pytest.raises(BenchError, match=rf"in use by another run \(process {os.getpid()}\); wait for it or choose"),
        exclusive(tmp_path),
    ):
        pass
    with exclusive(tmp_path):
        pass


def test_folders_are_locked_independently_and_made_if_missing(tmp_path: Path) -> None:
    with exclusive(tmp_path / "a" / "b"), exclusive(tmp_path / "c"):
        assert (tmp_path / "a" / "b").is_dir()


def test_the_process_id_in_the_lock_file_is_overwritten_completely(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("123456789012345678901234567890")
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"cannot write .*/file/out: .*; choose another folder"):
        with exclusive(tmp_path / "file" / "out"):
            pass


def test_all_folders_of_a_run_differ(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    places = {
        layout.cache, layout.examples("t", "m"), layout.examples("t", "n"), layout.examples("u", "m"),
        layout.submission("t", "m", "s"), layout.submission("t", "m", "r"), layout.submission("t", "n", "s"),
        layout.results("t", "m"), layout.results("u", "m"),
    }  # fmt: skip
    assert len(places) == 9
    assert not any(a != b and a.is_relative_to(b) for a in places for b in places)
    assert all(place.is_relative_to(tmp_path) for place in places)


def test_a_shared_lock_refuses_an_exclusive_one(tmp_path: Path) -> None:
    with shared(tmp_path), shared(tmp_path):
        with pytest.raises(BenchError, match="in use by another run"), exclusive(tmp_path):
            pass
    with exclusive(tmp_path):
        pass


def test_an_exclusive_lock_refuses_a_shared_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.runtime.locks.PATIENCE_S", 0.1)
    with exclusive(tmp_path), pytest.raises(BenchError, match="in use by another run"), shared(tmp_path):
        pass
    with shared(tmp_path):
        pass
