"""Defaults: what `bench run` takes when nothing else is said (tasks/defaults.yaml)."""

from dataclasses import dataclass
from functools import cache

from bench.errors import BenchError
from bench.paths import home
from bench.yaml import read_yaml


@dataclass(frozen=True)
class Defaults:
    """The suite's defaults.

    Attributes:
        manifest: Manifest of `bench run`.
        renderer: Renderer of controls.
        extractors: Extractor by kind.
        systems: Models of `bench run`, in order.
    """

    manifest: str
    renderer: str
    extractors: dict[str, str]
    systems: tuple[str, ...]


@cache
def defaults() -> Defaults:
    """Read tasks/defaults.yaml.

    Raises:
        BenchError: a key is missing or unknown.
    """
    path = home("tasks") / "defaults.yaml"
    keys = read_yaml(path, allowed=list(Defaults.__dataclass_fields__))
    if missing := sorted(set(Defaults.__dataclass_fields__) - set(keys)):
        raise BenchError(f"{path}: the keys {', '.join(missing)} are missing")
    return Defaults(keys["manifest"], keys["renderer"], dict(keys["extractors"]), tuple(keys["systems"]))
