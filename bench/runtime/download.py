"""Download: a published file, whole or not at all, going on where an earlier attempt broke off."""

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
_PART, _NOTHING_BEHIND = 206, 416
"""Status codes of an answer that begins where it was asked to, and of one that has nothing from there on."""


def download(url: str, path: Path, check: Callable[[Path], None], chosen_by: str = "--out") -> None:
    """Fetch a file to `path`; what came so far lies beside it as `.<name>.part` until all is there.

    Args:
        url: Where it is published.
        path: Where it goes; its folder need not exist.
        check: Raises `BenchError` for a file that is not the published one, which is then removed.
        chosen_by: Option or variable that chooses its folder, for the message.

    Raises:
        BenchError: it cannot be fetched or written, does not fit on the disk, is not the published one, or another
            process is fetching it.
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
            raise BenchError(f"{path}: another process is fetching it; wait for it") from error
        if path.is_file():  # Another process had it ready meanwhile.
            part.unlink(missing_ok=True)
            return
        try:
            _fetch(url, path, file)
        except _BrokenOffError as error:
            n = file.tell()
            if not n:
                part.unlink(missing_ok=True)
            kept = f"; {n / _MB:.1f} MB are kept, the same command goes on there" if n else ""
            why = f"cannot be fetched ({error}){kept}; or fetch it elsewhere and put it into {path.parent}"
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
    """Append what lacks of a file."""
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        with _asked(url, file.tell()) as answer:
            start = _first_byte(answer)
            if not start:  # The server gives the whole, whatever was asked.
                file.truncate(0)
            elif start != file.tell():
                raise ValueError(f"asked for bytes from {file.tell()} on, those from {start} on came")
            _copy(answer, path, file)
    except HTTPError as error:
        if error.code != _NOTHING_BEHIND:
            raise _BrokenOffError(str(error)) from error
        if not str(error.headers.get("Content-Range", "")).endswith(f"/{file.tell()}"):
            file.truncate(0)  # More is here than there is.
            raise _BrokenOffError(str(error)) from error
    except (OSError, ValueError, HTTPException) as error:
        raise _BrokenOffError(str(error)) from error
    finally:
        file.seek(0, os.SEEK_END)
        file.flush()


def _asked(url: str, start: int) -> Any:
    from urllib.request import Request, urlopen

    headers = {"Range": f"bytes={start}-"} if start else {}
    # Only https gets here, see `Weights.fetch`.
    return urlopen(Request(url, headers=headers), timeout=_TIMEOUT_S)  # noqa: S310


def _first_byte(answer: Any) -> int:
    """Return which byte of the file an answer begins with."""
    said = str(answer.headers.get("Content-Range", ""))
    return int(said.removeprefix("bytes ").partition("-")[0]) if answer.status == _PART else 0


def _copy(answer: Any, path: Path, file: IO[bytes]) -> None:
    """Append an answer.

    Raises:
        BenchError: it does not fit on the disk.
        ValueError: it ends before the length that it began with.
    """
    length = answer.headers.get("Content-Length")
    left = int(length) if length else 0
    if left > (free := shutil.disk_usage(path.parent).free):
        raise BenchError(f"{path}: {left / _MB:.0f} MB are to come, {free / _MB:.0f} MB are free there; make room")
    file.seek(0, os.SEEK_END)
    whole = file.tell() + left
    with _bar(path.name, file.tell(), whole if left else None) as moved:
        while block := answer.read(_BLOCK):
            file.write(block)
            moved(len(block))
    if left and file.tell() < whole:
        raise ValueError(f"{file.tell() / _MB:.0f} of {whole / _MB:.0f} MB came")


@contextmanager
def _bar(name: str, done: int, whole: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr while the block runs, if stderr is a terminal; yield what moves it by so many bytes."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=whole, completed=done)
        yield lambda n: bar.advance(task, n)
