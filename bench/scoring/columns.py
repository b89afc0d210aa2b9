"""Columns: the columns that a task's metrics and listening tests fill, in order."""

from math import nan
from typing import Any

from bench import plugins
from bench.errors import BenchError, UnknownName
from bench.protocols import Column, Metric, Region, SetMetric
from bench.task import Spec, Task

ADHERENCE = "adherence"
FORMS = {"mushra": "listen", "ab": "prefer"}
"""Prefix of a column's name, by the form of listening test that fills it."""
ASKED: dict[str, Region] = {"transition": "seam", "adherence": "hole", "quality": "whole"}
"""Region that listeners judge, by what they are asked about."""


def metrics_of(task: Task) -> list[Metric | SetMetric]:
    """Build the task's metrics in order; each is built once per process."""
    return [_metric(spec) for spec in task.metrics]


def pair_metrics_of(task: Task) -> list[Metric]:
    """Return the task's metrics that measure one output against its example."""
    return [metric for metric in metrics_of(task) if not _is_of_sets(metric)]  # type: ignore[misc]


def set_metrics_of(task: Task) -> list[SetMetric]:
    """Return the task's metrics that compare all outputs with all references."""
    return [metric for metric in metrics_of(task) if _is_of_sets(metric)]  # type: ignore[misc]


def _is_of_sets(metric: Metric | SetMetric) -> bool:
    return hasattr(metric, "compare")


def columns_of(task: Task) -> list[Column]:
    """Return all columns of the task in order, with `adherence` after the primary control column."""
    columns: list[Column] = []
    for metric in metrics_of(task):
        for column in metric.columns:
            columns.append(column)
            if column.name == task.primary.get("control"):
                columns.append(Column(ADHERENCE, "", "higher", "hole", nan, column.hears))
    return columns


def must_be_scorable(task: Task) -> None:
    """Check that a task's metrics can be built and that its primary columns are among theirs.

    Raises:
        BenchError: a metric or its option is unknown, two metrics give the same column, or a primary column is not one
            of the task's columns.
        MissingComponent: a metric needs a package or file that is not installed.
    """
    path = f"tasks/{task.name}.yaml"
    try:
        names = [column.name for metric in metrics_of(task) for column in metric.columns]
    except UnknownName as error:
        raise BenchError(f"{path}: metrics: {error}") from error
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BenchError(f"{path}: metrics: {twice} appears twice; name it once")
    for key, name in task.primary.items():
        if name not in names:
            raise BenchError(f"{path}: primary: {key}: {UnknownName('column of its metrics', name, names)}")


_built: dict[str, Any] = {}


def _metric(spec: Spec) -> Any:
    key = str(spec)
    if key not in _built:
        build = plugins.builder("metrics", spec.name)
        _built[key] = build(**spec.filled(build))
    return _built[key]


def listeners_column(form: str, axis: str) -> Column:
    """Return the column of a listening test's form and axis, e.g. `listen-quality`; it never ranks."""
    return Column(f"{FORMS[form]}-{axis}", "", "higher", ASKED[axis], 0.0)


def listeners_columns() -> list[Column]:
    """Return every column that listening tests can fill."""
    return [listeners_column(form, axis) for form in FORMS for axis in ASKED]
