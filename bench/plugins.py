"""The registry: a folder is a registry, a file in it is a plug, its public name is its file name with dashes.

Listing reads names and docstrings as text, so that it imports nothing heavy; a plug is imported when it is loaded.
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
_SIZES = re.compile(r"^SIZES = \(([^)]*)\)$", re.MULTILINE)


def names(kind: str) -> list[str]:
    """List the public names of a kind's plugs; a plug that comes in `SIZES` has a name for each: `air-mini`."""
    return sorted(_found(kind))


def about(kind: str, name: str) -> str:
    """Return the first line of a plug's docstring without importing it."""
    path = _PACKAGE / kind / _found(kind)[name][0]
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0] if docstring else ""


def _found(kind: str) -> dict[str, tuple[str, str]]:
    """Return module and size (empty for most) of every plug by its public name."""
    return _found_in(_PACKAGE / kind)


@cache
def _found_in(folder: Path) -> dict[str, tuple[str, str]]:
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        file = path / "__init__.py" if path.is_dir() else path
        if path.name.startswith("_") or not (file.suffix == ".py" and file.is_file()):
            continue
        name = path.stem.replace("_", "-")
        sizes = _SIZES.search(file.read_text(encoding="utf-8"))
        if sizes is None:
            found[name] = (path.stem, "")
        else:
            for size in ast.literal_eval(f"({sizes[1]},)"):
                found[f"{name}-{size}"] = (path.stem, size)
    return found


def weights() -> dict[str, Weights]:
    """Return the published weights that plugs can use, by name: what their modules call `WEIGHTS`, one or several."""
    found: dict[str, Weights] = {}
    for kind in KINDS:
        for module, _ in _found(kind).values():
            path = _PACKAGE / kind / f"{module}.py"
            if path.is_file() and "\nWEIGHTS" in path.read_text(encoding="utf-8"):
                theirs: Weights | tuple[Weights, ...] = importlib.import_module(f"bench.{kind}.{path.stem}").WEIGHTS
                found |= {one.name: one for one in (theirs if isinstance(theirs, tuple) else (theirs,))}
    return found


def memory(kind: str, name: str, device: str) -> Any:
    """Return what a plug that comes in sizes says it will need of a device's memory, and what is free there.

    Nothing of its files is read: its module's `MEMORY` is called with size and device. What it gives has `need.total`
    and `free` (bytes), `is_enough`, and says all of it as text. None where a plug says nothing.

    Raises:
        UnknownName: no plug of this kind has this name.
        BenchError: there is no such device.
    """
    build = builder(kind, name)
    module, size = _found(kind)[name]
    said = getattr(importlib.import_module(f"bench.{kind}.{module}"), "MEMORY", None)
    return said(size, device) if said and isinstance(build, partial) else None


def builder(kind: str, name: str) -> Any:
    """Import the plug and return its `build` function.

    Raises:
        UnknownName: no plug of this kind has this name.
    """
    if name not in names(kind):
        raise UnknownName(kind.removesuffix("s"), name, names(kind))
    module, size = _found(kind)[name]
    build = importlib.import_module(f"bench.{kind}.{module}").build
    return partial(build, size=size) if size else build


def weights_of(kind: str, name: str) -> list[Weights]:
    """Return the published weights that a plug names; of a plug that comes in sizes, those not named for another.

    Weights that bear the plug's own name are all that it needs.
    """
    theirs = getattr(importlib.import_module(f"bench.{kind}.{_found(kind)[name][0]}"), "WEIGHTS", ())
    module, size = _found(kind)[name]
    others = {other for found, other in _found(kind).values() if found == module} - {size}
    found: list[Weights] = [theirs] if isinstance(theirs, Weights) else list(theirs)
    return [one for one in found if one.name == name] or [one for one in found if not others & _words(one)]


def _words(weights: Weights) -> set[str]:
    """Return what the names of a model and its files are made of."""
    return {word for name in (weights.name, *(file.name for file in weights.files)) for word in re.split("[-.]", name)}


def options(kind: str, name: str) -> list[str]:
    """Return what the plug's `build` may be given; raises `UnknownName` where there is no such plug."""
    return _options(builder(kind, name))


def _options(build: Any) -> list[str]:
    fixed = build.keywords if isinstance(build, partial) else {}  # a name that says the size leaves no choice of it
    return [option for option in inspect.signature(build).parameters if option not in fixed]


def load(kind: str, name: str, /, **options: Any) -> Any:
    """Build the plug; its options may be called `kind` and `name` too.

    Raises:
        UnknownName: no plug of this kind has this name.
        BenchError: it does not take one of the options.
        MissingComponent: it needs a package or a file that is not here.
    """
    build = builder(kind, name)
    allowed = _options(build)
    if unknown := sorted(set(options) - set(allowed)):
        raise BenchError(f"{name} has no option {', '.join(unknown)}; it takes {', '.join(allowed) or 'none'}")
    return build(**options)
