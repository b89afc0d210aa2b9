"""Tensors and their metadata in safetensors files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.paths import atomic


def write_tensors(path: Path, tensors: Mapping[str, Any], about: Mapping[str, str] | None = None) -> None:
    """Write numpy arrays or torch tensors, with metadata, as a safetensors file; atomically."""
    from safetensors.numpy import save_file

    arrays = {
        name: value.detach().cpu().contiguous().numpy() if hasattr(value, "detach") else value
        for name, value in tensors.items()
    }
    with atomic(path) as part:
        save_file(arrays, str(part), metadata=dict(about or {}))


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a safetensors file as numpy arrays.

    Raises:
        BenchError: the file is missing or damaged.
    """
    from safetensors.numpy import load_file

    try:
        return dict(load_file(str(path)))
    except Exception as error:  # for damaged headers the reader raises errors of many types
        raise BenchError(f"{path}: cannot be read as safetensors ({str(error)[:200]}); get it again") from error


def read_about(path: Path) -> dict[str, Any]:
    """Read the metadata of a safetensors file, whose values are JSON.

    Raises:
        BenchError: the file is missing or damaged.
    """
    from safetensors import safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            about = file.metadata() or {}
        return {name: json.loads(value) for name, value in about.items()}
    except Exception as error:  # for damaged headers the reader raises errors of many types
        raise BenchError(f"{path}: its metadata cannot be read ({str(error)[:200]}); get it again") from error
