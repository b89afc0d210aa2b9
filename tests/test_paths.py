"""Paths: the repository's folders, and atomic writing."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import paths
from bench.audio import Audio, write_audio
from bench.errors import BenchError
from bench.paths import atomic, home, is_clone, unwritable, write_text
from bench.text import shown

# Root may write anywhere: the child gives its rights up before it tries.
TRY = """
import os, sys
from pathlib import Path
from bench.errors import BenchError
from bench.runtime.locks import exclusive
from bench.paths import write_text
out = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for attempt in (lambda: write_text(out / "a.txt", "x"), lambda: write_text(out / "deep" / "a.txt", "x"), lambda: exclusive(out).__enter__()):
    try:
        attempt()
    except BenchError as error:
        print(error)
"""


@pytest.fixture
def reachable() -> Iterator[Path]:
    """Yield a folder that any user may enter; pytest's own are for their owner only."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_written_is_named(reachable: Path) -> None:
    reachable.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", TRY, str(reachable)], capture_output=True, text=True, check=True)
    named = [f"cannot write {reachable}{rest}: Permission denied; choose another folder with --out or make room"
             for rest in ("/a.txt", "/deep/a.txt", "")]  # fmt: skip
    assert done.stdout.splitlines() == named
    assert list(reachable.iterdir()) == []


def test_a_disk_that_fills_up_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(BenchError, match=r"cannot write .*a\.txt: No space left on device; .* make room"):
        with atomic(tmp_path / "a.txt") as part:
            part.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_the_temporary_file_is_hidden_has_the_suffix_and_is_in_the_same_folder(tmp_path: Path) -> None:
    with atomic(tmp_path / "new" / "a.wav") as part:
        assert part.parent == tmp_path / "new"
        assert part.name.startswith(".") and part.name.endswith(".part.wav")
        assert not (tmp_path / "new" / "a.wav").exists()
        part.write_bytes(b"x")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.wav"]


def test_written_files_are_readable_by_everyone(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "grün")
    write_audio(tmp_path / "a.wav", Audio([0.0, 0.5], 8000))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o644}
    assert (tmp_path / "a.txt").read_bytes() == "grün".encode()


def test_a_folder_with_the_files_name_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(BenchError, match=r"cannot write .*a\.txt: Is a directory"):
        write_text(tmp_path / "a.txt", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").is_dir()


def test_an_error_without_a_reason_still_says_something(tmp_path: Path) -> None:
    assert "cannot write a: oh; choose" in str(unwritable(Path("a"), OSError("oh")))


def test_the_clone_comes_first_and_the_wheel_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "bench"
    (package / "_data" / "tasks").mkdir(parents=True)
    monkeypatch.setattr(paths, "PACKAGE", package)
    assert home("tasks") == package / "_data" / "tasks"
    (tmp_path / "site" / "tasks").mkdir()
    assert home("tasks") == tmp_path / "site" / "tasks"
    with pytest.raises(BenchError, match="the folder 'leaderboard' is missing from this installation"):
        home("leaderboard")


def test_only_a_clone_has_a_board_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "bench")
    assert not is_clone()
    (tmp_path / "leaderboard").mkdir()
    assert not is_clone()
    (tmp_path / "pyproject.toml").write_text("")
    assert is_clone()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a b.wav", "a b.wav"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u0430", "\\u0430"),
        ("a\\b", "a\\b"),
        ("\udcff\n", "\\udcff\\n"),
    ],
)
def test_foreign_text_is_shown_as_ascii(text: str, wanted: str) -> None:
    assert shown(text) == wanted and shown(text * 100, 5) == (wanted * 100)[:5] + "..."
