"""Paths: the repository's own folders, in the clone or the installed wheel, and atomic writing."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError

PACKAGE = Path(__file__).resolve().parent


def home(name: str) -> Path:
    """Return the folder `name` (`tasks`, `data_manifests`, `leaderboard`) of the clone, else of the wheel.

    Raises:
        BenchError: neither has it.
    """
    for folder in (PACKAGE.parent / name, PACKAGE / "_data" / name):
        if folder.is_dir():
            return folder
    raise BenchError(f"the folder '{name}' is missing from this installation of bench ({PACKAGE}); install it again")


def is_clone() -> bool:
    """Return whether bench runs from a clone of the repository; only a clone's `leaderboard/` may be written."""
    return (PACKAGE.parent / "leaderboard").is_dir() and (PACKAGE.parent / "pyproject.toml").is_file()


@contextmanager
def atomic(path: Path, chosen_by: str = "--out") -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, else remove it.

    A reader sees the old file or the whole new one, never a part, even after SIGKILL.

    Args:
        path: The file to write.
        chosen_by: Option or variable that chooses its folder, for the error message.

    Raises:
        BenchError: the file cannot be written (read-only, disk full); the message has the path and the reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part" + path.suffix)
    except OSError as error:
        raise unwritable(path, error, chosen_by) from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error, chosen_by) from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str, chosen_by: str = "--out") -> None:
    """Write UTF-8 text atomically; see `atomic`."""
    with atomic(path, chosen_by) as part:
        part.write_text(text, encoding="utf-8")


def unwritable(path: Path, error: OSError, chosen_by: str = "--out") -> BenchError:
    """Return the error that `path` could not be written, with the reason and the option that chooses its folder."""
    reason = error.strerror or str(error)
    return BenchError(f"cannot write {path}: {reason}; choose another folder with {chosen_by} or make room")
