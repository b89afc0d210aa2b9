"""Errors a user can mend: one family, one line each, no traceback."""

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """What is wrong, where, the offending value and what to do, in one message.

    `exit_code` is what the command line ends with: 2 for bad usage or input, 1 for a failed check.
    """

    exit_code = 2


class CheckFailed(BenchError):
    """A check was run and did not hold (exit code 1)."""

    exit_code = 1


class MissingComponent(BenchError):
    """An optional package or weight file is not here; the message holds the command that gets it."""


class Unserved(BenchError):
    """A data set does not have what a task asks of it."""


class UnknownName(BenchError):
    """A name that nothing carries, with the nearest names that exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"
        super().__init__(f"no {kind} is called '{name}'; {hint}")
        self.name = name
        self._parts = (kind, name, known)

    def __reduce__(self) -> tuple[type, tuple[str, str, list[str]]]:
        """Pickle as it was made: an error that cannot come back from a worker would look like the worker's death."""
        return type(self), self._parts
