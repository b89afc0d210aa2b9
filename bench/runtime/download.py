"""Download of a published file: complete and verified or not at all, resumed after an interruption."""

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bench.errors import BenchError
from bench.paths import unwritable

_BLOCK = 2**20
_TIMEOUT_S = 60.0
_MB = 1e6
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416
"""HTTP status codes of a partial response, and of a range beyond the end of the file."""


def download(url: str, path: Path, check: Callable[[Path], None], chosen_by: str = "--out") -> None:
    """Download a file to `path`; until it is complete, it is kept beside it as `.<name>.part`.

    Args:
        url: Address of the file.
        path: Where to write it; its folder need not exist.
        check: Raises `BenchError` for a file that is not the published one; the file is then removed.
        chosen_by: Option or variable that names the folder, for error messages.

    Raises:
        BenchError: the file cannot be downloaded or written, does not fit on the disk, is not the published one, or
            is being downloaded by another process.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("ab")
    except OSError as error:
        raise unwritable(path, error, chosen_by) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BenchError(f"{path}: another process is downloading it; wait for it") from error
        if path.is_file():  # Another process has completed it in the meantime.
            part.unlink(missing_ok=True)
            return
        try:
            _fetch(url, path, file)
        except _BrokenOffError as error:
            n = file.tell()
            if not n:
                part.unlink(missing_ok=True)
            kept = f"; {n / _MB:.1f} MB are kept, run the command again to continue" if n else ""
            why = f"cannot be downloaded ({error}){kept}; or download it elsewhere and put it into {path.parent}"
            raise BenchError(f"{url}: {why}") from error
        try:
            check(part)
        except BenchError:
            part.unlink(missing_ok=True)
            raise
        part.chmod(0o644)
        part.replace(path)


class _BrokenOffError(Exception):
    """The connection ended before the file did."""


def _fetch(url: str, path: Path, file: IO[bytes]) -> None:
    """Append the missing bytes of a file."""
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        with _asked(url, file.tell()) as response:
            start = _first_byte(response)
            if not start:  # The server ignores ranges and sends the whole file.
                file.truncate(0)
            elif start != file.tell():
                raise ValueError(f"asked for bytes from {file.tell()}, received bytes from {start}")
            _copy(response, path, file)
    except HTTPError as error:
        if error.code != _RANGE_NOT_SATISFIABLE:
            raise _BrokenOffError(str(error)) from error
        if not str(error.headers.get("Content-Range", "")).endswith(f"/{file.tell()}"):
            file.truncate(0)  # The partial file is longer than the published one.
            raise _BrokenOffError(str(error)) from error
    except (OSError, ValueError, HTTPException) as error:
        raise _BrokenOffError(str(error)) from error
    finally:
        file.seek(0, os.SEEK_END)
        file.flush()


def _asked(url: str, start: int) -> Any:
    from urllib.request import Request, urlopen

    headers = {"Range": f"bytes={start}-"} if start else {}
    # Callers pass https addresses only, see `Weights.fetch`.
    return urlopen(Request(url, headers=headers), timeout=_TIMEOUT_S)  # noqa: S310


def _first_byte(response: Any) -> int:
    """Return the position in the file of a response's first byte."""
    content_range = str(response.headers.get("Content-Range", ""))
    is_partial = response.status == _PARTIAL_CONTENT
    return int(content_range.removeprefix("bytes ").partition("-")[0]) if is_partial else 0


def _copy(response: Any, path: Path, file: IO[bytes]) -> None:
    """Append the body of a response to the file.

    Raises:
        BenchError: it does not fit on the disk.
        ValueError: it is shorter than the length in its header.
    """
    length = response.headers.get("Content-Length")
    left = int(length) if length else 0
    if left > (free := shutil.disk_usage(path.parent).free):
        raise BenchError(f"{path}: needs {left / _MB:.0f} MB, the disk has {free / _MB:.0f} MB free; make room")
    file.seek(0, os.SEEK_END)
    whole = file.tell() + left
    with _bar(path.name, file.tell(), whole if left else None) as moved:
        while block := response.read(_BLOCK):
            file.write(block)
            moved(len(block))
    if left and file.tell() < whole:
        raise ValueError(f"received {file.tell() / _MB:.0f} of {whole / _MB:.0f} MB")


@contextmanager
def _bar(name: str, done: int, whole: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal; yield a function that adds bytes."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=whole, completed=done)
        yield lambda n: bar.advance(task, n)
