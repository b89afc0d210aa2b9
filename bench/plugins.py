"""The registry: a folder is a registry, a file in it is a plug, its public name is its file name with dashes.

Listing reads names and docstrings as text, so that it imports nothing heavy; a plug is imported when it is loaded.
"""

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

from bench.errors import BenchError, UnknownName
from bench.weights import Weights

KINDS = ("datasets", "extractors", "renderers", "models", "metrics")
_PACKAGE = Path(__file__).resolve().parent


def names(kind: str) -> list[str]:
    """List the public names of a kind's plugs."""
    found = [path.stem for path in (_PACKAGE / kind).glob("*.py") if not path.stem.startswith("_")]
    found += [path.parent.name for path in (_PACKAGE / kind).glob("*/__init__.py")]
    return sorted(name.replace("_", "-") for name in found)


def about(kind: str, name: str) -> str:
    """Return the first line of a plug's docstring without importing it."""
    path = _PACKAGE / kind / name.replace("-", "_")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0] if docstring else ""


def weights() -> dict[str, Weights]:
    """Return the published weights that plugs can use, by name: what their modules call `WEIGHTS`."""
    found = {}
    for kind in KINDS:
        for name in names(kind):
            path = _PACKAGE / kind / f"{name.replace('-', '_')}.py"
            if path.is_file() and "\nWEIGHTS" in path.read_text(encoding="utf-8"):
                one: Weights = importlib.import_module(f"bench.{kind}.{path.stem}").WEIGHTS
                found[one.name] = one
    return found


def builder(kind: str, name: str) -> Any:
    """Import the plug and return its `build` function.

    Raises:
        UnknownName: no plug of this kind has this name.
    """
    if name not in names(kind):
        raise UnknownName(kind.removesuffix("s"), name, names(kind))
    return importlib.import_module(f"bench.{kind}.{name.replace('-', '_')}").build


def load(kind: str, name: str, **options: Any) -> Any:
    """Build the plug.

    Raises:
        UnknownName: no plug of this kind has this name.
        BenchError: it does not take one of the options.
        MissingComponent: it needs a package or a file that is not here.
    """
    build = builder(kind, name)
    allowed = inspect.signature(build).parameters
    if unknown := sorted(set(options) - set(allowed)):
        raise BenchError(f"{name} has no option {', '.join(unknown)}; it takes {', '.join(allowed) or 'none'}")
    return build(**options)
