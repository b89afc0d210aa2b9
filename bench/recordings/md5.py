"""MD5: check files against the md5 sums that the package `mirdata` (the extra `datasets`) lists."""

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.errors import BenchError


def index(file_name: str) -> dict[str, str] | None:
    """Return the md5 of every file of a data set by its path in the published archive.

    Args:
        file_name: File name of mirdata's index, e.g. `slakh_index_2100-redux.json`. Version 0.3.7 contains it, version
            1.0.0 downloads it: `mirdata.initialize("slakh").download(["index"])`.

    Returns:
        md5 by path; None where mirdata or this index is not installed.

    Raises:
        BenchError: the file does not have the format of a mirdata index.
    """
    spec = importlib.util.find_spec("mirdata")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(folders[0], "datasets", "indexes", file_name) if folders else Path(file_name)
    if not folders or not path.is_file():
        return None
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
        entries = [entry for kind in ("tracks", "multitracks") for entry in parts.get(kind, {}).values()]
        files = [file for entry in entries for name, file in entry.items() if name != "tracks"]
        return {str(name): str(md5) for name, md5 in files if name}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BenchError(f"{path}: is not a mirdata index ({type(error).__name__}); install mirdata again") from error


def differences(files: Mapping[Path, str], step: Callable[[], None] = lambda: None) -> list[str]:
    """Return one line per file that is unreadable or has a different md5; `step` is called after each file."""
    problems = []
    for path, md5 in files.items():
        try:
            with path.open("rb") as file:
                actual = hashlib.file_digest(file, "md5").hexdigest()
            if actual != md5:
                problems.append(f"{path}: md5 {actual[:16]}..., mirdata has {md5[:16]}...; get it again")
        except OSError as error:
            problems.append(f"{path}: cannot be read ({error.strerror}); get it again")
        step()
    return problems
