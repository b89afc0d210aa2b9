"""Layout of a run's folder, and the settings of a run."""

from dataclasses import dataclass
from pathlib import Path

from bench.runtime.executor import Executor


@dataclass(frozen=True)
class Layout:
    """The folders of a run.

    Attributes:
        out: The run's folder (`--out`).
    """

    out: Path

    @property
    def cache(self) -> Path:
        """Results that are computed once, by content."""
        return self.out / "cache"

    def examples(self, task: str, manifest: str) -> Path:
        """Requests, references and index of a task on a manifest."""
        return self.out / "examples" / task / manifest

    def submission(self, task: str, manifest: str, system: str) -> Path:
        """The outputs of a system."""
        return self.out / "submissions" / task / manifest / system

    def results(self, task: str, manifest: str) -> Path:
        """The score CSVs of a task on a manifest."""
        return self.out / "results" / task / manifest


@dataclass(frozen=True)
class Setting:
    """Settings of a run.

    Attributes:
        layout: Folders of the run.
        executor: How jobs are run.
        asked: Names of extractors by kind that the user chose; for the other kinds the examples say which.
        limit: Number of excerpts, from the first; all when None.
        metrics: Metrics in addition to the task's own, as `name` or `name[value]`.
        device: `auto`, `cpu` or `cuda`, for models that take a device.
    """

    layout: Layout
    executor: Executor
    asked: dict[str, str]
    limit: int | None = None
    metrics: tuple[str, ...] = ()
    device: str = "cpu"
