"""Boards: find the folder that a board's name means: `board`, `board@REV`, a run, its results or a checkout."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.board.report import results_files
from bench.errors import BenchError
from bench.paths import home
from bench.runtime.revision import board_at

BOARD = "board"
"""Name of the published board; `board@REV` is the board of a git revision."""


def are_boards(first: str, second: str) -> bool:
    """Whether two words of the command line name boards (or folders of runs) rather than systems.

    A folder without results counts as a board only if the other word is one, since systems and the folders of their
    submissions share names.

    Raises:
        BenchError: one is a board and the other is not.
    """
    kinds = {name: name.partition(":")[0] == name and _is_board(name) for name in (first, second)}
    if len(set(kinds.values())) > 1:
        board, system = sorted(kinds, key=lambda name: not kinds[name])
        if Path(system).is_dir():
            return True
        raise BenchError(
            f"{board} is a board and {system} is none; give two folders, or two systems (of other runs: RUN:SYSTEM)"
        )
    return kinds[first]


@contextmanager
def opened_board(name: str) -> Iterator[Path]:
    """Yield the folder of `board`, `board@REV`, a run, its results, a `leaderboard/` or a checkout that has one.

    Raises:
        BenchError: there are no results, no such revision, or git is not installed.
    """
    word, at, revision = name.partition("@")
    if word == BOARD and at:
        with board_at(revision) as folder:
            yield folder
        return
    path = home("leaderboard") if name == BOARD else _board_in(Path(name))
    if not path.is_dir() or not results_files(path):
        raise BenchError(f"{name}: holds no results; give a run's folder, a leaderboard/, board or board@REV")
    yield path


def _is_board(name: str) -> bool:
    return name.partition("@")[0] == BOARD or (Path(name).is_dir() and bool(results_files(_board_in(Path(name)))))


def _board_in(folder: Path) -> Path:
    """Return the `leaderboard/` of a checkout, or else the folder itself."""
    inside = folder / "leaderboard"
    return inside if (inside / "results").is_dir() else folder
