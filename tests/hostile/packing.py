"""Archives as nobody should make them, byte by byte where no library would."""

import gzip
import io
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.checking.tar import BLOCK
from tests.hostile.door import CARD, good

Entries = Sequence[tuple[str, bytes]]


def sounds(folder: Path, top: str = "mine/") -> list[tuple[str, bytes]]:
    """Return the entries of a good submission."""
    home = good(folder / "source")
    return [(f"{top}{path.relative_to(home)}", path.read_bytes()) for path in sorted(home.rglob("*")) if path.is_file()]


def zipped(path: Path, entries: Entries, change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> Path:
    """Pack entries as they are called, each changed before it is written."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # that a name stands twice
        for name, raw in entries:
            info = zipfile.ZipInfo("placeholder")
            info.filename, info.compress_type = name, zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, raw)
    return path


def tarred(path: Path, entries: Entries, form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w:gz", format=form) as archive:
        for name, raw in entries:
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return path


def packed(path: Path, entries: Entries) -> Path:
    return zipped(path, entries) if path.suffix == ".zip" else tarred(path, entries)


def header(name: str, size: int | bytes, kind: bytes = b"0") -> bytes:
    """Return a tar header with its sum, whatever it says."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(BLOCK)
    block[: len(name)], block[100:108], block[124:136] = name.encode(), b"0000644\0", field
    block[156:157], block[257:265] = kind, b"ustar\00000"
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
    return bytes(block)


def entry(name: str, raw: bytes, kind: bytes = b"0") -> bytes:
    return header(name, len(raw), kind) + raw + bytes(-len(raw) % BLOCK)


def raw_tar(path: Path, *parts: bytes, end: bytes = bytes(2 * BLOCK)) -> Path:
    """Write a good card, then what is given, as it is."""
    path.write_bytes(gzip.compress(entry("submission.yaml", CARD.encode()) + b"".join(parts) + end))
    return path


def of_kind(kind: bytes) -> Callable[[Path], Path]:
    """Return a maker of a tar with an entry of a kind that points at the canary."""

    def make(folder: Path) -> Path:
        block = bytearray(header("evil", 0, kind))
        block[157:170] = b"../canary.txt"
        block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
        return raw_tar(folder / "mine.tar.gz", bytes(block))

    return make


def with_mode(kind: int) -> Callable[[Path], Path]:
    """Return a maker of a zip with an entry that says it is a link, a device, ..."""

    def make(folder: Path) -> Path:
        def change(info: zipfile.ZipInfo) -> None:
            if info.filename == "mine/evil":
                info.create_system, info.external_attr = 3, (kind | 0o777) << 16

        return zipped(folder / "mine.zip", [*sounds(folder), ("mine/evil", b"../canary.txt")], change)

    return make


def patched(offset_in_directory: int, form: str, *values: int) -> Callable[[Path], Path]:
    """Return a maker of a zip whose directory says something else of its first entry."""

    def make(folder: Path) -> Path:
        path = zipped(folder / "mine.zip", sounds(folder))
        raw = bytearray(path.read_bytes())
        at = raw.index(b"PK\x01\x02") + offset_in_directory
        raw[at : at + struct.calcsize(form)] = struct.pack(form, *values)
        path.write_bytes(raw)
        return path

    return make


LINK, FIFO, DEVICE = stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR
