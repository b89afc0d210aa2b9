"""The user's home folder: where caches go, and a temporary folder for users without a writable home.

In a container that runs under an arbitrary user id, there may be no home folder, or one that cannot be written, and
the installation may be read-only.
"""

import os
import stat
import tempfile
from functools import cache
from pathlib import Path


def caches() -> Path:
    """Return the folder of the user's caches; a temporary one if there is no home folder."""
    home = _home()
    return home / ".cache" / "steerbench" if home else temporary()


def settle() -> str:
    """Point all caches, those of numba and matplotlib too, to a temporary folder if there is no writable home folder.

    Call before numba is imported. Variables that are already set stay, and weights in a home folder that cannot be
    written are still read from there. Child processes inherit the choice.

    Returns:
        A line that says so; empty if the home folder can be written.
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
    """Return a temporary folder that only this user can write: that of earlier runs if it is still there."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"steerbench-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="steerbench-"))
    # Numba executes the code in its cache, so a folder that another user made or can write is never used.
    is_ours = stat.S_ISDIR(state.st_mode) and state.st_uid == user and not stat.S_IMODE(state.st_mode) & 0o022
    return folder if is_ours or os.name == "nt" else Path(tempfile.mkdtemp(prefix="steerbench-"))


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # HOME is not set, and the user id has no entry in the list of users
        return None


def _can_write(folder: Path) -> bool:
    """Return whether a folder can be written, or made if it does not exist."""
    for existing in (folder, *folder.parents):
        if os.path.lexists(existing):
            return os.access(existing, os.W_OK | os.X_OK)
    return False
