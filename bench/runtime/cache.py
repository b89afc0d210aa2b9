"""The content-addressed cache: each result of an extractor on a sound is computed once and kept in the run's folder."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bench.audio import Audio
from bench.paths import atomic, write_text
from bench.protocols import Content
from bench.symbols import Beats, Chords, Frames, Notes

_FIELDS: dict[type, tuple[str, ...]] = {
    Audio: ("samples", "sample_rate"),
    Chords: ("intervals_s", "labels"),
    Notes: ("intervals_s", "pitches", "velocities", "programs"),
    Beats: ("times_s", "positions"),
    Frames: ("values", "rate_hz"),
}
_TYPES = {kind.__name__: kind for kind in _FIELDS}


def key_of(*parts: object) -> str:
    """Return the sha256 of the parts as text; no two different lists of parts have the same text."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


class Cache:
    """A folder of results by key, shared by processes: writes are atomic, and a damaged entry counts as absent."""

    def __init__(self, folder: Path, chosen_by: str = "--out") -> None:
        """Take the folder, which need not exist, and the option or variable that names it, for error messages."""
        self.folder = folder
        self._chosen_by = chosen_by
        self._memory: dict[str, Content] = {}

    def content(self, key: str, compute: Callable[[], Content]) -> Content:
        """Return the content under `key` from memory or disk; if it is in neither, compute and keep it."""
        if key not in self._memory:
            path = self._path(key, ".npz")
            content = _read(path)
            if content is None:
                content = compute()
                with atomic(path, self._chosen_by) as part:
                    _write(part, content)
            self._memory[key] = content
        return self._memory[key]

    def has(self, key: str) -> bool:
        """Return whether a content is kept under `key`, without reading it."""
        return key in self._memory or self._path(key, ".npz").exists()

    def record(self, key: str) -> Any | None:
        """Return the JSON value kept under `key`, or None."""
        try:
            return json.loads(self._path(key, ".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def keep(self, key: str, value: Any) -> None:
        """Keep a JSON value (NaN and infinity included) under `key`."""
        write_text(self._path(key, ".json"), json.dumps(value), self._chosen_by)

    def sweep(self) -> None:
        """Remove the partial files of killed processes; call it only while no other process writes."""
        for part in self.folder.glob("*/.*.part*"):
            part.unlink(missing_ok=True)

    def forget(self) -> None:
        """Drop the contents in memory; those on disk stay."""
        self._memory.clear()

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / key[:2] / f"{key}{suffix}"


def _write(path: Path, content: Content) -> None:
    kind = type(content)
    arrays = {name: np.asarray(getattr(content, name)) for name in _FIELDS[kind]}
    if isinstance(content, Chords):
        arrays["labels"] = np.asarray(content.labels, dtype=np.str_)
    with path.open("wb") as file:
        np.savez(file, kind=np.asarray(kind.__name__), **arrays)  # type: ignore[arg-type]


def _read(path: Path) -> Content | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            kind = _TYPES[str(arrays["kind"])]
            values = {name: arrays[name] for name in _FIELDS[kind]}
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile):
        return None
    if kind is Audio:
        values["sample_rate"] = int(values["sample_rate"])
    if kind is Frames:
        values["rate_hz"] = float(values["rate_hz"])
    if kind is Chords:
        values["labels"] = tuple(str(label) for label in values["labels"])
    content: Content = kind(**values)
    return content
