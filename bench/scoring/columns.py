"""Columns: the numbers that a task asks for, in order, those of listeners among them."""

from math import nan
from typing import Any

from bench import plugins
from bench.errors import BenchError, UnknownName
from bench.protocols import Column, Metric, Region, SetMetric
from bench.task import Spec, Task

ADHERENCE = "adherence"
FORMS = {"mushra": "listen", "ab": "prefer"}
"""Forms of a listening test, with what the names of their columns begin with."""
ASKED: dict[str, Region] = {"transition": "seam", "adherence": "hole", "quality": "whole"}
"""What listeners are asked about, with the region that they judge."""


def metrics_of(task: Task) -> list[Metric | SetMetric]:
    """Build the task's metrics in order, each once for the life of the process."""
    return [_metric(spec) for spec in task.metrics]


def pair_metrics_of(task: Task) -> list[Metric]:
    """Return those of the task's metrics that measure one output against its example."""
    return [metric for metric in metrics_of(task) if not _is_of_sets(metric)]  # type: ignore[misc]


def set_metrics_of(task: Task) -> list[SetMetric]:
    """Return those of the task's metrics that compare all outputs with all references."""
    return [metric for metric in metrics_of(task) if _is_of_sets(metric)]  # type: ignore[misc]


def _is_of_sets(metric: Metric | SetMetric) -> bool:
    return hasattr(metric, "compare")


def columns_of(task: Task) -> list[Column]:
    """Return all columns of the task in order, `adherence` behind the primary control column."""
    columns: list[Column] = []
    for metric in metrics_of(task):
        for column in metric.columns:
            columns.append(column)
            if column.name == task.primary.get("control"):
                columns.append(Column(ADHERENCE, "", "higher", "hole", nan, column.hears))
    return columns


def must_be_scorable(task: Task) -> None:
    """Build a task's metrics, and see that its primary columns are among theirs.

    Raises:
        BenchError: no metric has this name, it takes no such option, or a column is none of the task's or stands twice.
        MissingComponent: a metric needs what is not here.
    """
    place = f"tasks/{task.name}.yaml"
    try:
        names = [column.name for metric in metrics_of(task) for column in metric.columns]
    except UnknownName as error:
        raise BenchError(f"{place}: metrics: {error}") from error
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BenchError(f"{place}: metrics: {twice} stands twice; name it once")
    for key, name in task.primary.items():
        if name not in names:
            raise BenchError(f"{place}: primary: {key}: {UnknownName('column of its metrics', name, names)}")


_built: dict[str, Any] = {}


def _metric(spec: Spec) -> Any:
    key = str(spec)
    if key not in _built:
        build = plugins.builder("metrics", spec.name)
        _built[key] = build(**spec.filled(build))
    return _built[key]


def listeners_column(form: str, axis: str) -> Column:
    """Return the column that the answers on an axis fill: `listen-quality`, `prefer-quality`. None of them ranks."""
    return Column(f"{FORMS[form]}-{axis}", "", "higher", ASKED[axis], 0.0)


def listeners_columns() -> list[Column]:
    """Return every column that listening tests can fill."""
    return [listeners_column(form, axis) for form in FORMS for axis in ASKED]
