"""Plugs: every file in a kind's folder is a plug, and its public name is the file name with dashes.

Listing reads names and docstrings as text and imports no plug; a plug is imported when it is loaded.
"""

import ast
import importlib
import inspect
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

from bench.errors import BenchError, UnknownName
from bench.runtime.weights import Weights

KINDS = ("datasets", "extractors", "renderers", "models", "metrics", "trainers")
_PACKAGE = Path(__file__).resolve().parent
_RESTRICTED = re.compile(r'^RESTRICTED = "([^"]+)"$', re.MULTILINE)
_SIZES = re.compile(r"^SIZES = \(([^)]*)\)$", re.MULTILINE)


def names(kind: str) -> list[str]:
    """Return the public names of a kind's plugs; a plug with `SIZES` has a name for each, e.g. `air-mini`."""
    return sorted(_plugs(kind))


def about(kind: str, name: str) -> str:
    """Return the first line of a plug's docstring without importing it."""
    docstring = ast.get_docstring(ast.parse(_file(kind, name).read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0] if docstring else ""


def _file(kind: str, name: str) -> Path:
    path = _PACKAGE / kind / _plugs(kind)[name][0]
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _plugs(kind: str) -> dict[str, tuple[str, str]]:
    """Return module and size (empty for a plug without sizes) of every plug by its public name."""
    return _plugs_in(_PACKAGE / kind)


@cache
def _plugs_in(folder: Path) -> dict[str, tuple[str, str]]:
    plugs = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        file = path / "__init__.py" if path.is_dir() else path
        if path.name.startswith("_") or not (file.suffix == ".py" and file.is_file()):
            continue
        name = path.stem.replace("_", "-")
        sizes = _SIZES.search(file.read_text(encoding="utf-8"))
        if sizes is None:
            plugs[name] = (path.stem, "")
        else:
            for size in ast.literal_eval(f"({sizes[1]},)"):
                plugs[f"{name}-{size}"] = (path.stem, size)
    return plugs


def weights() -> dict[str, Weights]:
    """Return all published weights by name, as the plugs' modules list them in `WEIGHTS` (one or a tuple)."""
    by_name: dict[str, Weights] = {}
    for kind in KINDS:
        for module, _ in _plugs(kind).values():
            path = _PACKAGE / kind / f"{module}.py"
            if path.is_file() and "\nWEIGHTS" in path.read_text(encoding="utf-8"):
                listed: Weights | tuple[Weights, ...] = importlib.import_module(f"bench.{kind}.{path.stem}").WEIGHTS
                by_name |= {one.name: one for one in (listed if isinstance(listed, tuple) else (listed,))}
    return by_name


def memory(kind: str, name: str, device: str) -> Any:
    """Return the estimate of the memory that a plug with sizes needs on a device, and what is free there.

    It calls `MEMORY(size, device)` of the plug's module, without reading any weights. The result has `need.total` and
    `free` (bytes) and `is_enough`, and its text says all three. None for a plug without `MEMORY`.

    Raises:
        UnknownName: no plug of this kind has this name.
        BenchError: there is no such device.
    """
    build = builder(kind, name)
    module, size = _plugs(kind)[name]
    estimate = getattr(importlib.import_module(f"bench.{kind}.{module}"), "MEMORY", None)
    return estimate(size, device) if estimate and isinstance(build, partial) else None


def builder(kind: str, name: str) -> Any:
    """Import the plug and return its `build` function.

    Raises:
        UnknownName: no plug of this kind has this name.
    """
    if name not in names(kind):
        raise UnknownName(kind.removesuffix("s"), name, names(kind))
    module, size = _plugs(kind)[name]
    build = importlib.import_module(f"bench.{kind}.{module}").build
    return partial(build, size=size) if size else build


def weights_of(kind: str, name: str) -> list[Weights]:
    """Return the published weights that a plug needs.

    These are the ones with the plug's own name; if there are none, all in its `WEIGHTS` except those named for another
    of its sizes.
    """
    module, size = _plugs(kind)[name]
    theirs = getattr(importlib.import_module(f"bench.{kind}.{module}"), "WEIGHTS", ())
    others = {other for other_module, other in _plugs(kind).values() if other_module == module} - {size}
    listed: list[Weights] = [theirs] if isinstance(theirs, Weights) else list(theirs)
    return [one for one in listed if one.name == name] or [one for one in listed if not others & _words(one)]


def restriction(kind: str, name: str) -> str:
    """Return why a plug may not be used commercially, as its `RESTRICTED = "..."` says; empty if it may be.

    It is read as text, without importing the plug.

    Raises:
        UnknownName: no plug of this kind has this name.
    """
    if name not in names(kind):
        raise UnknownName(kind.removesuffix("s"), name, names(kind))
    found = _RESTRICTED.search(_file(kind, name).read_text(encoding="utf-8"))
    return found[1] if found else ""


def _words(weights: Weights) -> set[str]:
    """Return the words in the names of weights and their files."""
    return {word for name in (weights.name, *(file.name for file in weights.files)) for word in re.split("[-.]", name)}


def options(kind: str, name: str) -> list[str]:
    """Return the names of a plug's options; raises `UnknownName` if there is no such plug."""
    return _options(builder(kind, name))


def _options(build: Any) -> list[str]:
    fixed = build.keywords if isinstance(build, partial) else {}  # a name with a size fixes the option `size`
    return [option for option in inspect.signature(build).parameters if option not in fixed]


def load(kind: str, name: str, /, **options: Any) -> Any:
    """Build a plug with its options, which may also be called `kind` and `name`.

    Raises:
        UnknownName: no plug of this kind has this name.
        BenchError: the plug does not take one of the options.
        MissingComponent: it needs a package or a file that is missing.
    """
    build = builder(kind, name)
    allowed = _options(build)
    if unknown := sorted(set(options) - set(allowed)):
        raise BenchError(f"{name} has no option {', '.join(unknown)}; it takes {', '.join(allowed) or 'none'}")
    return build(**options)
