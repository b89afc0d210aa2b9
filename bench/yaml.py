"""YAML as we read it: plain values only, closed keys, no aliases, no tags, no duplicate keys, no code."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError, UnknownName

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
KINDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}
"""What a kind of value is called in messages."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that also refuses aliases, tags and duplicate keys, and leaves dates as the text they are."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"line {line}: aliases (*name) are not read")
        if event.tag is not None:
            raise yaml.YAMLError(f"line {line}: tags ({event.tag}) are not read")
        self.depth = getattr(self, "depth", 0) + 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: the key {name!r} is not text")
            if name in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: the key '{name}' stands twice")
            seen.add(name)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(
    path: Path, allowed: Iterable[str] | None = None, needed: Iterable[str] = (), remedy: str = ""
) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Args:
        path: The file.
        allowed: The keys it may have; any when None.
        needed: The keys it must have.
        remedy: What to do where one of them is missing, for the message.

    Raises:
        BenchError: missing, too large, not YAML, not a mapping, an alias, a tag, a key twice, a key not allowed, or a
            key missing.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BenchError(f"{path}: {path.stat().st_size} bytes of YAML, at most {MAX_BYTES}")
        keys = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a stricter SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise BenchError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from error
    if not isinstance(keys, dict):
        raise BenchError(f"{path}: want 'key: value' lines, found {type(keys).__name__}")
    for key in keys:
        if allowed is not None and key not in (allowed := list(allowed)):
            raise BenchError(f"{path}: {UnknownName('key', str(key), allowed)} (allowed: {', '.join(allowed)})")
    must_have(path, keys, needed, remedy)
    return keys


def must_have(where: object, keys: Collection[str], needed: Iterable[str], remedy: str = "") -> None:
    """Raise `BenchError` where keys are missing, naming them all.

    Args:
        where: The file, for the message.
        keys: Those that are there.
        needed: Those that must be.
        remedy: What to do, for the message.
    """
    if missing := [f"'{key}'" for key in needed if key not in keys]:
        said = f"the keys {', '.join(missing)} are" if len(missing) > 1 else f"the key {missing[0]} is"
        raise BenchError(f"{where}: {said} missing" + (f"; {remedy}" if remedy else ""))


def value_of(kind: type, keys: dict[str, Any], key: str) -> Any:
    """Return a key's value; raise `BenchError` for what only looks like its kind (1.9 or true for a whole number)."""
    if type(keys[key]) is not kind:
        raise BenchError(f"{key}: want {KINDS[kind]}, found {keys[key]!r:.80}")
    return keys[key]


def dump_yaml(keys: dict[str, Any]) -> str:
    """Write a mapping as YAML, keys in the given order, the same bytes every time."""
    return str(yaml.safe_dump(keys, sort_keys=False, allow_unicode=True, width=110))
