"""Walk: run single steps one after the other, and give each its place in the tables that it reads and writes.

A table has an axis of steps that starts at the first predicted step. On a CPU a step's place is a number, and the step
reads only the steps before it. On a GPU its place is an index on the device: shapes never change and nothing waits for
the host, so that one step can be recorded as a CUDA graph and replayed.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

WAYS = ("counted", "fused", "indexed", "graph", "compiled")
_STRIDE = 256
"""The number of keys read is rounded up to a multiple of this: more reads keys in vain, less needs more graphs."""


class Place(Protocol):
    """The place of a single step."""

    def row(self, table: Tensor, axis: int) -> Tensor:
        """Return the step's part of a table, without the axis of steps."""
        ...

    def write(self, table: Tensor, axis: int, value: Tensor) -> None:
        """Set the step's part of a table."""
        ...

    def seen(self, cache: Tensor, n_before: int) -> Tensor:
        """Return the keys and values (2, B, heads, n, d / heads) to attend to; `n_before` is the first step's slot."""
        ...

    def hidden(self, n_before: int) -> Tensor | None:
        """Return flags of the keys of `seen` that lie ahead and must be hidden, or None."""
        ...

    def advance(self) -> None:
        """Go on to the next step."""
        ...


class Counted:
    """A place given by a number."""

    def __init__(self, step: int) -> None:
        """Start at a step; 0 is the first predicted one."""
        self._step = step

    def row(self, table: Tensor, axis: int) -> Tensor:
        """Return a view of the step's part of a table."""
        return table.select(axis, self._step)

    def write(self, table: Tensor, axis: int, value: Tensor) -> None:
        """Set the step's part of a table."""
        table.select(axis, self._step).copy_(value)

    def seen(self, cache: Tensor, n_before: int) -> Tensor:
        """Return the keys and values up to the step's own."""
        return cache.narrow(3, 0, n_before + self._step + 1)

    def hidden(self, n_before: int) -> Tensor | None:
        """Return None: `seen` has no keys that lie ahead."""
        return None

    def advance(self) -> None:
        """Go on to the next step."""
        self._step += 1


class Indexed:
    """A place given by an index on the device; a fixed number of keys is read, and those ahead are hidden."""

    def __init__(self, index: Tensor, n_steps: int) -> None:
        """Take the index (1,), which `advance` changes in place, and the number of steps to read."""
        self._index, self._n_steps = index, n_steps

    def row(self, table: Tensor, axis: int) -> Tensor:
        """Return a copy of the step's part of a table."""
        return table.index_select(axis, self._index).squeeze(axis)

    def write(self, table: Tensor, axis: int, value: Tensor) -> None:
        """Set the step's part of a table."""
        table.index_copy_(axis, self._index, value.unsqueeze(axis))

    def seen(self, cache: Tensor, n_before: int) -> Tensor:
        """Return the fixed number of keys and values."""
        return cache.narrow(3, 0, n_before + self._n_steps)

    def hidden(self, n_before: int) -> Tensor | None:
        """Return flags of the slots after the step's own."""
        return torch.arange(n_before + self._n_steps, device=self._index.device) > self._index + n_before

    def advance(self) -> None:
        """Go on to the next step."""
        self._index += 1


def walk(
    take: Callable[[Place], None], n_steps: int, n_prefix: int, device: torch.device, way: str, done: Callable[[], None]
) -> None:
    """Run steps 1 to n_steps - 1 of the prediction.

    Args:
        take: Runs one step and advances its place.
        n_steps: Steps of the prediction; the first was run with the prefix.
        n_prefix: Steps of the prefix, to which every step attends.
        device: Where the tables are.
        way: One of `WAYS`.
        done: Called after every step; on a GPU, once the step is queued.
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
        # Compiled code is specialised to the number of keys, so there every step reads all of them.
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
    """Run the first of n steps; return a function that runs the next."""
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
