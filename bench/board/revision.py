"""Revision: the published board at a git revision, read without touching the working tree."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.paths import PACKAGE
from bench.text import shown

_FOLDER = "leaderboard"
_SUFFIXES = (".csv", ".yaml")


@contextmanager
def board_at(revision: str, clone: Path = PACKAGE.parent) -> Iterator[Path]:
    """Extract the board of a git revision into a temporary folder and yield it; it is removed afterwards.

    Args:
        revision: A commit, branch or tag, or any other name that git has for a commit.
        clone: The git clone.

    Raises:
        BenchError: git is missing, `clone` is not a git clone, or the revision is unknown or has no board.
    """
    name = shown(revision)
    unknown = f"board@{name}: no such revision here; `git log --oneline -- {_FOLDER}` lists those of the board"
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    sha = _git(clone, unknown, *asked).decode().strip()
    packed = _git(clone, f"board@{name}: has no {_FOLDER}/; name a later revision", "archive", sha, _FOLDER)
    with tempfile.TemporaryDirectory(prefix="bench-board-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.name.endswith(_SUFFIXES) and member.isfile() else None
                if content is not None:
                    path = Path(folder) / member.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
        yield Path(folder) / _FOLDER


def _git(clone: Path, refusal: str, *arguments: str) -> bytes:
    command = ["git", "-C", str(clone), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    except FileNotFoundError as error:
        raise BenchError("board@REV needs git, which is not installed; name two folders instead") from error
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{' '.join(command)}: did not end within 60 s; name two folders instead") from error
    except subprocess.CalledProcessError as error:
        if not _is_repository(clone):
            raise BenchError(f"board@REV: {clone} is not a git clone; name two folders instead") from error
        raise BenchError(refusal) from error


def _is_repository(clone: Path) -> bool:
    asked = ["git", "-C", str(clone), "rev-parse", "--git-dir"]
    return subprocess.run(asked, capture_output=True, timeout=60).returncode == 0
