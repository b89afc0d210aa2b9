"""Errors that a user can fix: one family, one line each, no traceback."""

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """An error whose message says what is wrong, where, the offending value and the remedy.

    `exit_code` is the exit code of the command line: 2 for wrong usage or input, 1 for a failed check.
    """

    exit_code = 2


class CheckFailed(BenchError):
    """A check failed (exit code 1)."""

    exit_code = 1


class MissingComponent(BenchError):
    """An optional package, weight file or data set is missing; the message says how to get it."""


class Unserved(BenchError):
    """A data set does not have what a task needs."""


class UnknownName(BenchError):
    """An unknown name; the message suggests the closest known names."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"
        super().__init__(f"no {kind} is called '{name}'; {hint}")
        self.name = name
        self._parts = (kind, name, known)

    def __reduce__(self) -> tuple[type, tuple[str, str, list[str]]]:
        """Pickle the arguments: an error that cannot come back from a worker would look like the worker's death."""
        return type(self), self._parts
