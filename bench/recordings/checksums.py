"""Checksums: read, write and verify the sha256 list of a data set's files, in the format of `sha256sum`."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from bench.errors import BenchError
from bench.runtime.weights import sha256_of
from bench.text import shown

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def read_checksums(path: Path) -> dict[str, str]:
    """Return the sha256 of every file by its POSIX path below the data set's folder.

    Raises:
        BenchError: the list cannot be read, a line is not `<sha256>  <path>`, or a path leads out of the folder or is
            listed twice; the message has the line's number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: cannot be read as a list of checksums ({error})") from error
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if not match:
            raise BenchError(f"{path}:{number}: want '<64 hex digits>  <path>', found {shown(line)!r}")
        name = match[2]
        if not _is_inside(name):
            raise BenchError(
                f"{path}:{number}: {shown(name)!r} leads out of the data set's folder; write the path below it"
            )
        if name in sums:
            raise BenchError(f"{path}:{number}: {shown(name)!r} is listed twice; delete one line")
        sums[name] = match[1]
    return sums


def checksums_of(root: Path, files: list[Path], step: Callable[[], None] = lambda: None) -> dict[str, str]:
    """Return the sha256 of files by their POSIX paths below `root`; `step` is called after each file.

    Raises:
        BenchError: a file cannot be read.
    """
    sums = {}
    for file in sorted(set(files)):
        sums[file.relative_to(root).as_posix()] = sha256_of(file)
        step()
    return sums


def checksums_text(sums: Mapping[str, str]) -> str:
    """Return the list as text, sorted by path."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def differences(root: Path, locked: Mapping[str, str], step: Callable[[], None] = lambda: None) -> list[str]:
    """Return one line per listed file that is missing, unreadable or different; `step` is called after each file."""
    problems = []
    for name in sorted(locked):
        path = root / name
        if not path.is_file():
            problems.append(f"{name}: missing")
        else:
            problems += _difference(path, name, locked[name])
        step()
    return problems


def _difference(path: Path, name: str, locked: str) -> list[str]:
    try:
        sha256 = sha256_of(path)
    except BenchError as error:
        return [str(error)]
    return [] if sha256 == locked else [f"{name}: sha256 {sha256[:16]}..., the list has {locked[:16]}...; get it again"]


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and path.as_posix() == name
