"""Caches: where is kept what can be made or fetched again, and a temporary folder where this user has no home.

In a container that runs as a user id of its own there may be no home folder, or one that cannot be written, and the
installation may be read-only.
"""

import os
import stat
import tempfile
from functools import cache
from pathlib import Path


def caches() -> Path:
    """Return the folder of the user's caches; a temporary one where there is no home folder."""
    home = _home()
    return home / ".cache" / "steerbench" if home else temporary()


def settle() -> str:
    """Let everything that keeps caches, numba and matplotlib among it, use a temporary folder where there is no home.

    Call before numba is imported. What a variable names stays, and so do weights that lie in a home folder which
    cannot be written. Child processes inherit the choice.

    Returns:
        A line that says so; empty where there is a home.
    """
    home = _home()
    if home is None:
        os.environ["HOME"] = str(temporary())
        return f"this user has no home folder; caches go to {temporary()}, set HOME to choose another"
    if _can_write(home / ".cache"):
        return ""
    places = {"NUMBA_CACHE_DIR": "numba", "MPLCONFIGDIR": "matplotlib", "BENCH_MANIFESTS": "manifests"}
    if not os.path.isdir(caches() / "weights"):  # noqa: PTH112 - Path's own raises where a folder may not be entered
        places["BENCH_WEIGHTS"] = "weights"
    places = {name: folder for name, folder in places.items() if not os.environ.get(name)}
    if not places:
        return ""
    os.environ.update({name: str(temporary() / folder) for name, folder in places.items()})
    chosen = ", ".join(f"${name}" for name in places)
    return f"{home} cannot be written; caches go to {temporary()}, set {chosen} to choose others"


@cache
def temporary() -> Path:
    """Return a temporary folder that only this user can write: the one of earlier runs where it is still there."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"steerbench-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="steerbench-"))
    # Numba runs what it finds in its cache, so a folder that somebody else made or may write is never used.
    is_ours = stat.S_ISDIR(state.st_mode) and state.st_uid == user and not stat.S_IMODE(state.st_mode) & 0o022
    return folder if is_ours or os.name == "nt" else Path(tempfile.mkdtemp(prefix="steerbench-"))


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # HOME is not set, and the user id has no entry in the list of users
        return None


def _can_write(folder: Path) -> bool:
    """Whether a folder can be written, or made where it is not there yet."""
    for here in (folder, *folder.parents):
        if os.path.lexists(here):
            return os.access(here, os.W_OK | os.X_OK)
    return False
