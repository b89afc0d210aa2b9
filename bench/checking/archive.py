"""Archives: unpack a submission from a .zip or .tar.gz into a temporary folder, or refuse it with all reasons.

Only plain files with plain names are written. Limits apply to the bytes really unpacked, not to the sizes in headers.
"""

import gzip
import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from bench.checking.tar import Entry
from bench.checking.tar import entries as tar_entries
from bench.errors import BenchError, CheckFailed
from bench.submission import CARD, misnamed
from bench.text import shown

MAX_ENTRIES = 5000
"""Limit on files and folders in an archive."""
MAX_BYTES = 4 * 2**30
"""Limit on an archive, and on everything unpacked from it."""
MAX_FILE_BYTES = 64 * 2**20
"""Limit on one file in an archive: five minutes of sound at 48 kHz, or the longest training list."""
MAX_RATIO = 100
"""An archive may unpack to `FREE_BYTES` plus this many times its own size."""
FREE_BYTES = 256 * 2**20
"""See `MAX_RATIO`; an allowance for silent outputs, which are valid and compress a thousandfold."""
MAX_DEPTH = 3
"""Limit on the parts of a name: an outer folder, a folder in it, a file."""
_DIRECTORY_BYTES = 512 * MAX_ENTRIES
_CHUNK = 256 * 1024
_IGNORED = re.compile(r"(\./?)?|__MACOSX(/.*)?|(.*/)?\.DS_Store", re.DOTALL)
"""Entries that operating systems add to archives; they are not unpacked."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_WRONG_NAMES = {
    "is an absolute path": r"/.*",
    "leads out of the folder": r"(.*[/\\])?\.\.([/\\].*)?",
    "names a drive": r"[A-Za-z]:.*",
    "has a backslash": r".*\\.*",
    "has an empty part": r"(.*/)?\.?/.*",
    f"lies more than {MAX_DEPTH} levels deep": rf"([^/]*/){{{MAX_DEPTH},}}.*",
    "is an archive itself": r"(?i:.*\.(zip|tar|t?gz|tbz2?|bz2|t?xz|7z|rar|zst|lz4?|lzma|jar|whl|npz))",
}
_MAGIC = re.compile(rb"PK\x03\x04|PK\x05\x06|\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    OverflowError,
)
"""Exceptions that the readers raise on damaged archives."""


class _TooMuch(Exception):
    """An archive exceeds a limit; nothing more of it is read."""


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Yield a submission's folder: `path` itself, or an archive's content in a folder that is deleted afterwards.

    Raises:
        BenchError: `path` is a file but neither a .zip nor a .tar.gz.
        CheckFailed: the archive is damaged, too large, or holds something that is not allowed; all reasons are given.
    """
    if not path.is_file():
        yield path
        return
    with TemporaryDirectory(prefix="bench-") as temporary:
        folder = unpacked(path, Path(temporary))
        try:
            yield folder
        except BenchError as error:
            error.args = (str(error).replace(str(folder), str(path)),)
            raise


def unpacked(path: Path, folder: Path) -> Path:
    """Unpack an archive into an empty folder and return the submission's folder: `folder` or the one inside it.

    Raises:
        BenchError: the file is neither a .zip nor a .tar.gz, or there is no room to unpack it.
        CheckFailed: the archive is refused; the caller deletes what was unpacked.
    """
    forms = {".zip": _zip_entries, ".tar.gz": _tar_entries}
    form = next((form for suffix, form in forms.items() if path.name.lower().endswith(suffix)), None)
    if form is None:
        raise BenchError(f"{path}: is no folder; give a submission's folder, or one packed as .zip or .tar.gz")
    ledger = _Ledger()
    try:
        meter = _Meter(path.stat().st_size)
        with path.open("rb", buffering=0) as file:
            for entry in form(file, meter):
                ledger.enter(entry, folder)
    except _TooMuch as error:
        ledger.problems.append(f"{ledger.last}{error}")
    except _DAMAGE as error:
        ledger.problems.append(f"{ledger.last}cannot be unpacked ({shown(str(error), 200)})")
    inner = ledger.submission_folder()
    if problems := ledger.problems:
        more = [f"  and {len(problems) - 20} more"] if len(problems) > 20 else []
        lines = [*(f"  {line}" for line in problems[:20]), *more]
        raise CheckFailed(f"{path}: {len(problems)} problem{'s' * (len(problems) > 1)}\n" + "\n".join(lines))
    return folder / inner


class _Meter:
    """Counts the bytes unpacked from an archive and stops at the limits."""

    def __init__(self, n_packed: int) -> None:
        self.n_packed, self.n_unpacked = n_packed, 0
        if n_packed > MAX_BYTES:
            raise _TooMuch(f"takes {n_packed} bytes, at most {MAX_BYTES}")

    def metered(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Return a `read` that counts what it returns."""

        def count(n: int) -> bytes:
            piece = read(n)
            self.n_unpacked += len(piece)
            if self.n_unpacked > MAX_BYTES:
                raise _TooMuch(f"unpacks to more than {MAX_BYTES} bytes; hand in 16-bit WAVs, or the folder itself")
            if self.n_unpacked > FREE_BYTES + MAX_RATIO * self.n_packed:
                raise _TooMuch(
                    f"unpacks to more than {FREE_BYTES} bytes and {MAX_RATIO} times its {self.n_packed}; hand in the "
                    "folder itself"
                )
            return piece

        return count


class _Ledger:
    """The entries of an archive so far, and their problems.

    Attributes:
        problems: One line per problem: the entry, what is wrong and, where it helps, what is wanted.
        last: Beginning of a message about the entry being read, or about what follows it.
        n_entries: Entries so far, ignored ones included.
        files: Names of the files so far.
        places: Name and whether it is a folder, by the name's form without case.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.last = ""
        self.n_entries = 0
        self.files: set[str] = set()
        self.places: dict[str, tuple[str, bool]] = {}

    def enter(self, entry: Entry, folder: Path) -> None:
        """Write an entry below `folder`, or record why it is refused."""
        self.n_entries += 1
        if self.n_entries > MAX_ENTRIES:
            raise _TooMuch(f"holds more than {MAX_ENTRIES} entries")
        name = entry.name.removeprefix("./")
        if _IGNORED.fullmatch(name) and not entry.wrong:
            return
        self.last = f"{shown(name)}: "
        if wrong := entry.wrong or wrong_name(name) or self._clash(name, entry.is_folder):
            self.problems.append(self.last + wrong)
        elif not entry.is_folder:
            self.files.add(name)
            self._write(entry, folder / name)
        self.last = f"after {shown(name)}: "

    def submission_folder(self) -> str:
        """Return the folder of the card, empty for the outermost; files outside that folder are problems."""
        cards = sorted(name for name in self.files if name.split("/")[-1] == CARD)
        tops = {name.partition("/")[0] if "/" in name else "" for name in self.files}
        if len(cards) > 1:
            self.problems.append(f"holds {len(cards)} cards ({', '.join(cards[:5])}); hand in one system at a time")
        if not cards:
            return tops.pop() if len(tops) == 1 else ""
        folder = cards[0].rpartition("/")[0]
        if "/" in folder:
            self.problems.append(f"{cards[0]}: lies two folders deep; pack the submission's folder, or what is in it")
        beside = sorted(name for name in self.files - set(cards) if folder and not name.startswith(f"{folder}/"))
        if beside:
            self.problems.append(f"{len(beside)} files lie beside the card's folder {folder}: {', '.join(beside[:5])}")
        return folder

    def _clash(self, name: str, is_folder: bool) -> str:
        """Say how a name clashes with an earlier one, ignoring case and Unicode form; empty if it does not."""
        if name in self.files:
            return "appears twice"
        parts = name.split("/")
        for k in range(1, len(parts) + 1):
            place, is_inner = "/".join(parts[:k]), k < len(parts) or is_folder
            key = unicodedata.normalize("NFKC", place).casefold()
            known, was_folder = self.places.setdefault(key, (place, is_inner))
            if known != place:
                return f"differs from {known} only by case"
            if was_folder != is_inner:
                return "is a file and a folder"
        return ""

    def _write(self, entry: Entry, path: Path) -> None:
        n_bytes = 0
        try:
            with _new(path) as out:
                for piece in entry.pieces:
                    if not n_bytes and _MAGIC.match(piece):
                        raise ValueError("is an archive itself")
                    n_bytes += len(piece)
                    if n_bytes > MAX_FILE_BYTES:
                        raise _TooMuch(f"unpacks to more than {MAX_FILE_BYTES} bytes")
                    _put(out, piece)
        except _DAMAGE as error:
            self.problems.append(f"{self.last}cannot be unpacked ({shown(str(error), 200)})")


def wrong_name(name: str) -> str:
    """Say what is wrong with an entry's name; empty if nothing is."""
    for reason, pattern in _WRONG_NAMES.items():
        if re.fullmatch(pattern, name, re.DOTALL):
            return f"{reason}; pack plain files in one folder"
    return next(filter(None, map(misnamed, name.split("/"))), "")


def _new(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")
    except OSError as error:
        raise _no_room(path, error) from error


def _put(out: BinaryIO, piece: bytes) -> None:
    try:
        out.write(piece)
    except OSError as error:
        raise _no_room(Path(out.name), error) from error


def _no_room(path: Path, error: OSError) -> BenchError:
    return BenchError(
        f"cannot unpack into {path.parent}: {error.strerror}; make room, or name another folder in TMPDIR"
    )


class _BoundedReads(io.BufferedReader):
    """A file that refuses large single reads, since zipfile reads the whole directory of entries into memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes; more than a directory may have raises `_TooMuch`."""
        if size is not None and size > _DIRECTORY_BYTES:
            raise _TooMuch(f"has a directory of {size} bytes, at most {_DIRECTORY_BYTES} ({MAX_ENTRIES} entries)")
        return super().read(size)


def _zip_entries(file: io.FileIO, meter: _Meter) -> Iterator[Entry]:
    with zipfile.ZipFile(_BoundedReads(file)) as archive:
        for info in archive.infolist():
            name = info.orig_filename
            wrong = _zip_wrong(info, meter.n_packed)
            yield Entry(name.removesuffix("/"), info.is_dir(), wrong, _zip_pieces(archive, info, meter))


def _zip_wrong(info: zipfile.ZipInfo, n_packed: int) -> str:
    if info.header_offset + info.compress_size > n_packed:
        return f"says it takes {info.compress_size} bytes of the archive's {n_packed}"
    if info.flag_bits & 0x41:
        return "is encrypted; pack it without a password"
    if info.compress_type not in _METHODS:
        return f"is packed by method {info.compress_type}, want stored or deflated"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link"
    return "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else f"is a device, fifo or socket (mode {kind:#o})"


def _zip_pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: _Meter) -> Iterator[bytes]:
    with archive.open(info) as stream:
        read = meter.metered(stream.read)
        while piece := read(_CHUNK):
            yield piece


def _tar_entries(file: io.FileIO, meter: _Meter) -> Iterator[Entry]:
    with gzip.GzipFile(fileobj=file) as stream:
        yield from tar_entries(meter.metered(stream.read))
