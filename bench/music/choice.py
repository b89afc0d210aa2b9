"""Choice: which extractor finds each kind in composed and in recorded music; taken once, when examples are built."""

from collections.abc import Mapping, Sequence
from functools import cache

from bench import plugins
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.task import EXTRACTED, Choices, defaults


@cache
def choices() -> dict[str, Choices]:
    """Return the default extractors of every kind.

    Raises:
        BenchError: tasks/defaults.yaml names an extractor that does not exist, or one whose licence forbids some uses
            where it could be taken unasked.
    """
    found = defaults().extractors
    for kind, lists in found.items():
        where = f"tasks/defaults.yaml: extractors: {kind}"
        try:
            restricted = {name: plugins.restriction("extractors", name) for name in (*lists.composed, *lists.recorded)}
            for name in lists.on_request:
                plugins.restriction("extractors", name)
        except UnknownName as error:
            raise BenchError(f"{where}: {error}") from error
        for name, why in restricted.items():
            if why:
                raise BenchError(f"{where}: {name} is never taken unasked ({why}); list it under on_request")
    return found


def chosen_for(music: str, asked: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the extractor of every kind: the one asked for, else the first of the defaults' list that is installed.

    Args:
        music: `composed` or `recorded`.
        asked: Names by kind, from `--extractor`.

    Raises:
        MissingComponent: of a kind's extractors none is installed, with the commands to get them.
    """
    asked = asked or {}
    return {
        kind: asked[kind] if kind in asked else _first(kind, choices()[kind].of(music))
        for kind in EXTRACTED
        if kind in asked or kind in choices()
    }


def first_installed(names: Sequence[str]) -> str | None:
    """Return the first of these extractors that can be loaded; None if there is none."""
    return next((name for name in names if not missing(name)), None)


def missing(name: str) -> str:
    """Return why an extractor cannot be loaded, with the command that gets what it lacks; empty if it can be.

    Raises:
        UnknownName: no extractor has this name.
    """
    try:
        plugins.load("extractors", name)
    except MissingComponent as error:
        return str(error)
    except ImportError as error:
        return f"{name} needs {error.name}; pip install {error.name}"
    return ""


def must_be_installed(extractors: Mapping[str, str], where: str) -> None:
    """Refuse to go on with other extractors than those that were taken.

    Args:
        extractors: Names by kind.
        where: What names them, for the message.

    Raises:
        MissingComponent: one of them is not installed, with the command that installs it.
        UnknownName: one of them does not exist.
    """
    for kind, name in extractors.items():
        if why := missing(name):
            raise MissingComponent(
                f"{where}: {kind} are found by {name}, which is not installed here: {why}. "
                f"To go on with another one, name it: --extractor {kind}=NAME"
            )


def line(music: str, extractors: Mapping[str, str]) -> str:
    """Return one line that says which extractors were taken."""
    return f"extractors for {music} music: {', '.join(f'{kind} {name}' for kind, name in extractors.items())}"


def _first(kind: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]  # if it is missing, what needs it says so
    if (name := first_installed(names)) is None:
        raise MissingComponent(f"no extractor of {kind} is installed: {'; '.join(map(missing, names))}")
    return name
