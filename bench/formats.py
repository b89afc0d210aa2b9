"""Formats: strict YAML and JSON (plain values, known keys, no aliases, tags, duplicate keys or code), and MIDI."""

import json
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import yaml

from bench.errors import BenchError, UnknownName
from bench.text import shown

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
MIDI_BYTES = 16 * 2**20
"""Songs take a few hundred kilobytes; a parser in Python needs minutes for more than this."""
Floats = npt.NDArray[np.float64]
Part = TypeVar("Part")
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
        BenchError: the file is missing, too large, not YAML or not a mapping, or has an alias, a tag, a duplicate key,
            an unknown key or lacks a key it must have.
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
    must_have(where, keys, allowed)
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


@dataclass(frozen=True, eq=False)
class MidiTrack:
    """The notes of one instrument.

    Attributes:
        name: As the file has it; may be empty.
        program: 0-based GM program.
        is_drum: Whether it is percussion, whatever its program.
        notes: (n, 4): start and end in seconds, pitch, velocity.
    """

    name: str
    program: int
    is_drum: bool
    notes: Floats


def read_tracks(path: Path) -> list[MidiTrack]:
    """Read every instrument that has notes.

    Raises:
        BenchError: the file is missing, too large, or is not MIDI.
    """
    return _read_midi(path, lambda midi: [_track(instrument) for instrument in midi.instruments])


def read_tempo_grid(path: Path) -> tuple[Floats, Floats]:
    """Read beats and downbeats in seconds, as tempo and time signatures have them.

    Raises:
        BenchError: the file is missing, too large, or is not MIDI.
    """
    return _read_midi(path, lambda midi: (np.array(midi.get_beats()), np.array(midi.get_downbeats())))


def _track(instrument: Any) -> MidiTrack:
    rows = [(note.start, note.end, note.pitch, note.velocity) for note in instrument.notes]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return MidiTrack(instrument.name, instrument.program, instrument.is_drum, table)


def _read_midi(path: Path, part: Callable[[Any], Part]) -> Part:
    import pretty_midi

    try:
        if (size := path.stat().st_size) > MIDI_BYTES:
            raise ValueError(f"{size} bytes, at most {MIDI_BYTES}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Many files keep tempo and signatures in other tracks than the first.
            return part(pretty_midi.PrettyMIDI(str(path)))
    except FileNotFoundError as error:
        raise BenchError(f"{path}: cannot be read as MIDI (no such file); get it again") from error
    except Exception as error:  # mido raises whatever its parser stumbles on
        why = "breaks off" if isinstance(error, EOFError) else f"{type(error).__name__}: {shown(str(error))}"
        raise BenchError(f"{path}: cannot be read as MIDI ({why}); get it again") from error
