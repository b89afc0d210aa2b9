"""Data: checksums and statistics of a data set."""

from typing import Any

from bench import plugins
from bench.errors import BenchError, CheckFailed


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
    return f"{name}: everything agrees with the locked manifests"


def statistics(name: str) -> dict[str, Any]:
    """Return the descriptive statistics of a data set.

    Raises:
        BenchError: the data set gives none.
    """
    found: dict[str, Any] = _with(name, "statistics").statistics()
    return found


def _with(name: str, method: str) -> Any:
    if name == "folder":
        raise BenchError("folder is whatever --audio names; it has no locked list to compare with")
    dataset = plugins.load("datasets", name)
    if not hasattr(dataset, method):
        raise BenchError(f"the data set {name} cannot {method}")
    return dataset
