"""Home folder: missing, unwritable, with a read-only installation, and a temporary folder of another user."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.runtime import home as module
from bench.runtime import weights
from bench.runtime.home import caches, settle, temporary

ROOT = Path(__file__).parents[2]
STRANGER = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
# The interpreter itself may lie in a folder that only root can enter; nothing may be written all the same.
STRANGER += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def can_be_a_stranger():
    if shutil.which("setpriv") is None or os.getuid() != 0:
        return False
    return subprocess.run([*STRANGER, sys.executable, "-c", ""], capture_output=True).returncode == 0


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Make temporary folders in a folder of the test that every user can write."""
    for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "BENCH_MANIFESTS", "BENCH_WEIGHTS", "HOME"):
        monkeypatch.setenv(name, "")  # so that what is set in the test is taken back
        monkeypatch.delenv(name)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    temporary.cache_clear()
    yield tmp_path
    temporary.cache_clear()


def homeless():
    if home := os.environ.get("HOME"):
        return Path(home)
    raise RuntimeError("Could not determine home directory.")


def test_a_writable_home_folder_is_used(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    assert settle() == "" and caches() == here / ".cache" / "steerbench"
    assert weights.home() == here / ".cache" / "steerbench" / "weights" and "NUMBA_CACHE_DIR" not in os.environ


def test_without_a_home_folder_a_temporary_one_is_used_and_reported(here, monkeypatch):
    monkeypatch.setattr(Path, "home", homeless)
    folder = here / "tmp" / f"steerbench-{os.getuid()}"
    assert weights.home() == folder / "weights"
    assert settle() == f"this user has no home folder; caches go to {folder}, set HOME to choose another"
    assert weights.home() == folder / ".cache" / "steerbench" / "weights" and folder.stat().st_mode & 0o777 == 0o700


def test_weights_in_an_unwritable_home_folder_are_still_used(here, monkeypatch):
    home, folder = here / "home", here / "tmp" / f"steerbench-{os.getuid()}"
    (home / ".cache" / "steerbench" / "weights").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    monkeypatch.setattr(module, "_can_write", lambda path: False)
    said = f"{home} cannot be written; caches go to {folder}, set $NUMBA_CACHE_DIR, $BENCH_MANIFESTS to choose others"
    assert settle() == said and settle() == ""
    assert weights.home() == home / ".cache" / "steerbench" / "weights" and os.environ["MPLCONFIGDIR"] == "mine"
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder / "numba")


@pytest.mark.skipif(os.name == "nt", reason="no modes there")
@pytest.mark.parametrize("how", ["anybody may write", "a link", "a file"])
def test_a_temporary_folder_of_another_user_is_not_used(here, how):
    planted = here / "tmp" / f"steerbench-{os.getuid()}"
    if how == "a file":
        planted.touch()
    elif how == "a link":
        planted.symlink_to(here)
    else:
        planted.mkdir()
        planted.chmod(0o777)
    assert temporary() != planted and temporary() == temporary() and temporary().parent == here / "tmp"


@pytest.mark.skipif(os.name == "nt" or not can_be_a_stranger(), reason="needs root and setpriv")
@pytest.mark.parametrize("home", ["", "/"])
def test_a_user_id_without_an_entry_can_run_a_read_only_installation(here, home):
    package = here / "installed"
    package.mkdir()
    (package / "fast.py").write_text("import numba\n\n@numba.njit(cache=True)\ndef twice(x):\n    return 2 * x\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment = kept | {
        "PYTHONPATH": f"{ROOT}:{package}",
        "TMPDIR": str(here / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment |= {"HOME": home} if home else {}
    called = "from bench.cli import app; from bench.runtime import weights; import sys; sys.argv = ['bench', 'list', 'tasks']\n"
    called += "try: app.main()\nexcept SystemExit as end: assert not end.code\n"
    called += "import fast; assert fast.twice(2) == 4; weights.home()"
    command = [*STRANGER, sys.executable, "-c", called]
    done = subprocess.run(command, env=environment, cwd=package, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0 and "inpaint-drums" in done.stdout, done.stderr
    lack = "/ cannot be written" if home else "this user has no home folder"
    folder = here / "tmp" / "steerbench-12345"
    assert done.stderr.startswith(f"bench: {lack}; caches go to {folder}, set ") and done.stderr.count("\n") == 1
    assert list(folder.rglob("fast.twice-*.nbi"))
