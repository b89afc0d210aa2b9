"""Strict YAML and JSON: plain values and known keys only; no aliases, tags, duplicate keys or code."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError, UnknownName

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12


class _Loader(yaml.SafeLoader):
    """SafeLoader that also refuses aliases, tags and duplicate keys, and reads dates as text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"line {line}: aliases (*name) are not allowed")
        if event.tag is not None:
            raise yaml.YAMLError(f"line {line}: tags ({event.tag}) are not allowed")
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
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: the key '{name}' appears twice")
            seen.add(name)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path, allowed: Iterable[str] | None = None) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Args:
        path: The file.
        allowed: The keys it may have; any when None.

    Raises:
        BenchError: the file is missing, too large, not YAML or not a mapping, or has an alias, a tag, a duplicate key
            or an unknown key.
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
    return keys


def dump_yaml(keys: dict[str, Any]) -> str:
    """Write a mapping as YAML, keys in the given order, the same bytes every time."""
    return str(yaml.safe_dump(keys, sort_keys=False, allow_unicode=True, width=110))


def parse_json(text: bytes, where: str, allowed: Iterable[str], max_bytes: int) -> dict[str, Any]:
    """Parse a JSON object that has exactly these keys.

    Args:
        text: UTF-8 bytes.
        where: Name of the source, for error messages.
        allowed: The keys, all of them required.
        max_bytes: Longer texts are refused without parsing.

    Raises:
        BenchError: the text is too long, not UTF-8, not JSON or not an object, a key is duplicate, unknown or missing,
            or a number is NaN or infinite.
    """
    if len(text) > max_bytes:
        raise BenchError(f"{where}: {len(text)} bytes, at most {max_bytes}")
    try:
        keys = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{where}: cannot be read as JSON ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(keys, dict):
        raise BenchError(f"{where}: want an object of keys and values, found {type(keys).__name__}")
    allowed = list(allowed)
    for key in keys:
        if key not in allowed:
            raise BenchError(f"{where}: {UnknownName('key', key[:80], allowed)} (allowed: {', '.join(allowed)})")
    if missing := [key for key in allowed if key not in keys]:
        raise BenchError(f"{where}: the key '{missing[0]}' is missing")
    return keys


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key '{twice[:80]}' appears twice")
    return keys


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")
