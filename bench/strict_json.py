"""JSON as we read it from strangers: small, plain, no key twice, no NaN, closed keys."""

import json
from collections.abc import Iterable
from typing import Any

from bench.errors import BenchError, UnknownName
from bench.yaml import must_have


def parse_json(text: bytes, where: str, allowed: Iterable[str], max_bytes: int) -> dict[str, Any]:
    """Read an object that has exactly these keys.

    Args:
        text: The bytes.
        where: What they are, for messages.
        allowed: The keys, all of them needed.
        max_bytes: More are refused unread.

    Raises:
        BenchError: too large, not UTF-8, not JSON, no object, a key twice, unknown or missing, or a number that JSON
            has not (NaN, infinity).
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
    must_have(where, keys, allowed)
    return keys


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key '{twice[:80]}' stands twice")
    return keys


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
