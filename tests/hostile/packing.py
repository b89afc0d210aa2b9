"""Makers of hostile archives, byte by byte where no library would write them."""

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
    mine = good(folder / "source")
    return [(f"{top}{path.relative_to(mine)}", path.read_bytes()) for path in sorted(mine.rglob("*")) if path.is_file()]


def zipped(path: Path, entries: Entries, change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> Path:
    """Write a zip of entries with exactly these names; `change` alters each entry's header first."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # a name may appear twice
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
    """Return a tar header with a correct checksum and any name, size and kind."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(BLOCK)
    block[: len(name)], block[100:108], block[124:136] = name.encode(), b"0000644\0", field
    block[156:157], block[257:265] = kind, b"ustar\00000"
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
    return bytes(block)


def entry(name: str, raw: bytes, kind: bytes = b"0") -> bytes:
    return header(name, len(raw), kind) + raw + bytes(-len(raw) % BLOCK)


def raw_tar(path: Path, *parts: bytes, end: bytes = bytes(2 * BLOCK)) -> Path:
    """Write a tar of a good card followed by the given bytes."""
    path.write_bytes(gzip.compress(entry("submission.yaml", CARD.encode()) + b"".join(parts) + end))
    return path


def of_kind(kind: bytes) -> Callable[[Path], Path]:
    """Return a maker of a tar with an entry of this kind that points to the canary."""

    def make(folder: Path) -> Path:
        block = bytearray(header("evil", 0, kind))
        block[157:170] = b"../canary.txt"
        block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * 32)
        return raw_tar(folder / "mine.tar.gz", bytes(block))

    return make


def with_mode(kind: int) -> Callable[[Path], Path]:
    """Return a maker of a zip with an entry marked as a link, a device, ..."""

    def make(folder: Path) -> Path:
        def change(info: zipfile.ZipInfo) -> None:
            if info.filename == "mine/evil":
                info.create_system, info.external_attr = 3, (kind | 0o777) << 16

        return zipped(folder / "mine.zip", [*sounds(folder), ("mine/evil", b"../canary.txt")], change)

    return make


def patched(offset_in_directory: int, form: str, *values: int) -> Callable[[Path], Path]:
    """Return a maker of a zip with changed values in the directory's first entry."""

    def make(folder: Path) -> Path:
        path = zipped(folder / "mine.zip", sounds(folder))
        raw = bytearray(path.read_bytes())
        at = raw.index(b"PK\x01\x02") + offset_in_directory
        raw[at : at + struct.calcsize(form)] = struct.pack(form, *values)
        path.write_bytes(raw)
        return path

    return make


LINK, FIFO, DEVICE = stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR
