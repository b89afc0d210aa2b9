"""Walk: how single steps follow each other, and where each reads and writes.

Tables that a step reads have an axis of steps whose first place is the prediction's first step. On a CPU a step stands
at a number and reads no more than the steps before it. On a GPU it stands at an index that lies on the device: shapes
never change and nothing waits for the host, so that one step can be recorded as a CUDA graph and played again.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

WAYS = ("counted", "fused", "indexed", "graph", "compiled")
_STRIDE = 256
"""Keys are attended to in multiples of this many steps; more would be read for nothing, fewer need more graphs."""


class Place(Protocol):
    """Where a single step stands."""

    def row(self, table: Tensor, axis: int) -> Tensor:
        """Return the step's part of a table, without the axis."""
        ...

    def write(self, table: Tensor, axis: int, value: Tensor) -> None:
        """Set the step's part of a table."""
        ...

    def seen(self, cache: Tensor, n_before: int) -> Tensor:
        """Return the keys and values (2, B, heads, n, d / heads) to attend to; `n_before` is the first step's slot."""
        ...

    def hidden(self, n_before: int) -> Tensor | None:
        """Return flags of those that are not yet known, or None."""
        ...

    def advance(self) -> None:
        """Go on to the next step."""
        ...


class Counted:
    """A step at a number."""

    def __init__(self, step: int) -> None:
        """Take the step, 0 being the prediction's first."""
        self._step = step

    def row(self, table: Tensor, axis: int) -> Tensor:
        """Return a view."""
        return table.select(axis, self._step)

    def write(self, table: Tensor, axis: int, value: Tensor) -> None:
        """Set the step's part of a table."""
        table.select(axis, self._step).copy_(value)

    def seen(self, cache: Tensor, n_before: int) -> Tensor:
        """Return all up to the step's own."""
        return cache.narrow(3, 0, n_before + self._step + 1)

    def hidden(self, n_before: int) -> Tensor | None:
        """Hide nothing."""
        return None

    def advance(self) -> None:
        """Go on to the next step."""
        self._step += 1


class Indexed:
    """A step at an index on the device, which sees a fixed number of steps and hides those that are to come."""

    def __init__(self, index: Tensor, n_steps: int) -> None:
        """Take the index (1,), which moves on, and the number of steps to be seen."""
        self._index, self._n_steps = index, n_steps

    def row(self, table: Tensor, axis: int) -> Tensor:
        """Return a copy."""
        return table.index_select(axis, self._index).squeeze(axis)

    def write(self, table: Tensor, axis: int, value: Tensor) -> None:
        """Set the step's part of a table."""
        table.index_copy_(axis, self._index, value.unsqueeze(axis))

    def seen(self, cache: Tensor, n_before: int) -> Tensor:
        """Return the fixed number."""
        return cache.narrow(3, 0, n_before + self._n_steps)

    def hidden(self, n_before: int) -> Tensor | None:
        """Return flags of the slots behind the step's own."""
        return torch.arange(n_before + self._n_steps, device=self._index.device) > self._index + n_before

    def advance(self) -> None:
        """Go on to the next step."""
        self._index += 1


def walk(
    take: Callable[[Place], None], n_steps: int, n_prefix: int, device: torch.device, way: str, done: Callable[[], None]
) -> None:
    """Take steps 1 to n_steps - 1 of the prediction.

    Args:
        take: Takes one step and advances its place.
        n_steps: Steps of the prediction; the first was taken with the prefix.
        n_prefix: Steps before them, which every step sees.
        device: Where the tables are.
        way: One of `WAYS`.
        done: Called after every step; on a GPU, when the step is on its way.
    """
    if way in ("counted", "fused"):
        place = Counted(1)
        for _ in range(1, n_steps):
            take(place)
            done()
        return
    index = torch.ones(1, dtype=torch.long, device=device)
    graphs, first = [], 1
    while first < n_steps:
        # Every number of keys would be compiled anew; then all are read at every step.
        end = n_steps if way == "compiled" else (n_prefix + first) // _STRIDE * _STRIDE + _STRIDE - n_prefix
        end = min(end, n_steps)
        again = _indexed(take, Indexed(index, end), end - first, way != "indexed")
        graphs.append(again)
        done()
        for _ in range(first + 1, end):
            again()
            done()
        first = end


def _indexed(take: Callable[[Place], None], place: Indexed, n: int, is_graph: bool) -> Callable[[], None]:
    """Take the first of n steps; return what takes each of the others."""
    if not is_graph:
        take(place)
        return lambda: take(place)
    aside, here = torch.cuda.Stream(), torch.cuda.current_stream()
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        take(place)
    here.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    if n > 1:
        with torch.cuda.graph(graph):
            take(place)
    replay: Callable[[], None] = graph.replay
    return replay
