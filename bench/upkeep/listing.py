"""List everything that can be named on the command line, without importing heavy packages."""

from bench import plugins
from bench.errors import UnknownName
from bench.paths import home

KINDS = ("tasks", *plugins.KINDS, "recipes")


def listing(kind: str | None = None) -> dict[str, dict[str, str]]:
    """Return the names of a kind, or of all kinds, each with a one-line description.

    Raises:
        UnknownName: there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownName("kind of thing", kind, KINDS)
    return {one: _described(one) if one in ("tasks", "recipes") else _plugs(one) for one in ([kind] if kind else KINDS)}


def _plugs(kind: str) -> dict[str, str]:
    return {name: plugins.about(kind, name) for name in plugins.names(kind)}


def _described(kind: str) -> dict[str, str]:
    """Read the key `description` from YAML files line by line; a YAML parser would take longer than all the rest."""
    descriptions = {}
    for path in sorted(home(kind).glob("*.yaml")):
        lines = [
            line
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
            if line.startswith("description: ")
        ]
        if lines:
            descriptions[path.stem] = lines[0].removeprefix("description: ").strip("\"'")
    return descriptions
