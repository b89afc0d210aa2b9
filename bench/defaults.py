"""Defaults: what `bench run` takes when nothing else is said (tasks/defaults.yaml)."""

from dataclasses import dataclass
from functools import cache

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
    known = list(Defaults.__dataclass_fields__)
    keys = read_yaml(path, known, known)
    return Defaults(keys["manifest"], keys["renderer"], dict(keys["extractors"]), tuple(keys["systems"]))
