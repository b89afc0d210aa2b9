"""Data: checksums and statistics of a data set."""

from pathlib import Path
from typing import Any

from bench import plugins
from bench.errors import BenchError, CheckFailed
from bench.paths import home
from bench.recordings.library import Selected, select, write_selected
from bench.runtime.executor import Executor

_CANNOT = {"levels": "has locked lists of its own, which no rule chooses from files"}


def verify(name: str) -> str:
    """Compare a data set with what its manifests lock; return one line when all is well.

    Raises:
        CheckFailed: something differs, each difference on a line.
        BenchError: the data set has nothing to verify against.
    """
    dataset = _with(name, "verify")
    problems = dataset.verify()
    if problems:
        raise CheckFailed(f"{name}: {len(problems)} differences\n" + "\n".join(f"  {problem}" for problem in problems))
    if not any((home("data_manifests") / name).glob("*.sha256")):
        return f"{name}: holds what its layout promises; no checksums are committed to compare with"
    return f"{name}: everything agrees with the locked manifests"


def statistics(name: str) -> dict[str, Any]:
    """Return the descriptive statistics of a data set.

    Raises:
        BenchError: the data set gives none.
    """
    found: dict[str, Any] = _with(name, "statistics").statistics()
    return found


def selected(name: str, split: str | None, folder: Path, executor: Executor) -> tuple[Selected, list[Path]]:
    """Choose a data set's excerpts by the rule; write their list and the checksums of the files it rests on.

    Args:
        name: The data set.
        split: Its part; the first when None.
        folder: Where the two files go.
        executor: Hears one track a job.

    Raises:
        BenchError: the rule does not choose its excerpts, or a file cannot be read or written.
    """
    library = _with(name, "levels")
    found = select(library, split or library.splits[0], executor)
    return found, write_selected(library, found, folder)


def _with(name: str, method: str) -> Any:
    if name == "folder":
        raise BenchError("folder is whatever --audio names; it has no locked list to compare with")
    dataset = plugins.load("datasets", name)
    if not hasattr(dataset, method):
        raise BenchError(f"the data set {name} {_CANNOT.get(method, f'cannot {method}')}")
    return dataset
