"""The content-addressed cache: what was found in a sound, by whom, is computed once and kept under the run's folder."""

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
    """Return the sha256 of the parts' text, unambiguous between parts."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


class Cache:
    """A folder of results by key. A damaged entry counts as absent; writing is atomic: processes may share it."""

    def __init__(self, folder: Path, chosen_by: str = "--out") -> None:
        """Use `folder`, which need not exist yet; the option or variable that chooses it is for messages."""
        self.folder = folder
        self._chosen_by = chosen_by
        self._near: dict[str, Content] = {}

    def content(self, key: str, compute: Callable[[], Content]) -> Content:
        """Return what `compute` gives, from memory or disk if it was computed before."""
        if key not in self._near:
            path = self._path(key, ".npz")
            found = _read(path)
            if found is None:
                found = compute()
                with atomic(path, self._chosen_by) as part:
                    _write(part, found)
            self._near[key] = found
        return self._near[key]

    def has(self, key: str) -> bool:
        """Whether a content is kept under `key`; nothing is read."""
        return key in self._near or self._path(key, ".npz").exists()

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
        """Remove what killed processes left half written; only for whoever knows that nobody else is writing."""
        for part in self.folder.glob("*/.*.part*"):
            part.unlink(missing_ok=True)

    def forget(self) -> None:
        """Drop what is held in memory; the disk keeps it."""
        self._near.clear()

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
