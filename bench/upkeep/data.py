"""Data: checksums and statistics of a data set."""

from pathlib import Path
from typing import Any

from bench import plugins
from bench.errors import BenchError, CheckFailed
from bench.paths import home
from bench.recordings.library import Selected, select, write_selected
from bench.runtime.executor import Executor

_CANNOT = {"levels": "has locked lists of excerpts, which are not chosen from files"}


def verify(name: str) -> str:
    """Compare a data set with its locked manifests; return one line if everything agrees.

    Raises:
        CheckFailed: something differs; each difference is on a line.
        BenchError: the data set has nothing to compare with.
    """
    dataset = _with(name, "verify")
    problems = dataset.verify()
    if problems:
        raise CheckFailed(f"{name}: {len(problems)} differences\n" + "\n".join(f"  {problem}" for problem in problems))
    if not any((home("data_manifests") / name).glob("*.sha256")):
        return f"{name}: complete and readable; there are no committed checksums to compare with"
    return f"{name}: everything agrees with the locked manifests"


def statistics(name: str) -> dict[str, Any]:
    """Return the descriptive statistics of a data set.

    Raises:
        BenchError: the data set has no statistics.
    """
    numbers: dict[str, Any] = _with(name, "statistics").statistics()
    return numbers


def selected(name: str, split: str | None, folder: Path, executor: Executor) -> tuple[Selected, list[Path]]:
    """Choose a data set's excerpts by the rule; write the manifest and the checksums of the files that it depends on.

    Args:
        name: The data set.
        split: Its split; the first when None.
        folder: Where the two files are written.
        executor: Measures the tracks, one per job.

    Raises:
        BenchError: the data set's excerpts are not chosen by the rule, or a file cannot be read or written.
    """
    library = _with(name, "levels")
    selection = select(library, split or library.splits[0], executor)
    return selection, write_selected(library, selection, folder)


def _with(name: str, method: str) -> Any:
    if name == "folder":
        raise BenchError("folder stands for the recordings named by --audio; it has no locked list to compare with")
    dataset = plugins.load("datasets", name)
    if not hasattr(dataset, method):
        raise BenchError(f"the data set {name} {_CANNOT.get(method, f'cannot {method}')}")
    return dataset
