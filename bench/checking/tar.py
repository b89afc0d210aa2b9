"""Tar: the kinds of entries that a submission may hold, read in one pass forwards; no header is believed further.

The standard library's reader takes a header's word for how much to hold in memory and where to go on, backwards too.
This one holds a block at a time, and a bounded text where a name is longer than a header.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BLOCK = 512
MAX_TEXT_BYTES = 16 * 1024
"""Of a long name or a pax header, which stand before the entry that they are about."""
_CHUNK = 256 * 1024
_NOTHING = bytes(BLOCK)
_TEXTS = "xgLK"
"""Pax headers of an entry and of all, GNU's long names and long link names."""
_PLAIN = ("0", "\0", "5")
_REFUSED = {"1": "a hard link", "2": "a symbolic link", "3": "a device", "4": "a device", "6": "a fifo", "S": "sparse"}

Read = Callable[[int], bytes]


@dataclass(frozen=True)
class Entry:
    """What an archive holds under a name.

    Attributes:
        name: As the archive has it, without a folder's last slash.
        is_folder: Whether it is one.
        wrong: Why its kind is refused; empty for plain files and folders.
        pieces: What it holds, read while it is asked for.
    """

    name: str
    is_folder: bool
    wrong: str
    pieces: Iterator[bytes]


def entries(read: Read) -> Iterator[Entry]:
    """Yield what an archive holds; the pieces of an entry must be read, if at all, before the next one is asked for.

    Args:
        read: Returns up to so many bytes of the unpacked archive, none at its end.

    Raises:
        EOFError: the archive ends early.
        ValueError: a header is damaged, or something stands behind the archive's end.
    """
    about: dict[str, str] = {}
    while (block := _exactly(read, BLOCK)) != _NOTHING:
        name, kind, size = _header(block)
        if kind in _TEXTS:
            about |= _text(kind, _padded(read, size))
            continue
        name, size = about.get("path", name), int(about.get("size", size))
        is_sparse = any(key.startswith("GNU.sparse") for key in about)
        about = {}
        rest = _pieces(read, size)
        wrong = "" if kind in _PLAIN else f"is {_REFUSED.get(kind, f'of the unknown kind {kind!a}')}"
        yield Entry(
            name.removesuffix("/"), kind == "5" or name.endswith("/"), "is sparse" if is_sparse else wrong, rest
        )
        for _ in rest:
            pass
    while piece := read(_CHUNK):
        if piece.strip(b"\0"):
            raise ValueError("bytes stand behind the archive's end")


def _header(block: bytes) -> tuple[str, str, int]:
    """Return name, kind and size of an entry."""
    if sum(block[:148]) + 8 * 32 + sum(block[156:]) != _octal(block[148:156]):
        raise ValueError("a header is damaged")
    name = _until_zero(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = f"{_until_zero(block[345:500])}/{name}"
    return name, chr(block[156]), _octal(block[124:136])


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise ValueError(f"a header is damaged: {field!r} is no octal number")
    return int(digits or b"0", 8)


def _until_zero(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _text(kind: str, raw: bytes) -> dict[str, str]:
    """Return what a text says of the entry behind it."""
    if kind == "L":
        return {"path": _until_zero(raw)}
    return _pax(raw) if kind == "x" else {}


def _pax(raw: bytes) -> dict[str, str]:
    """Read the records `LENGTH KEY=VALUE` of a pax header."""
    found = {}
    while raw:
        length, _, _ = raw.partition(b" ")
        is_length = re.fullmatch(rb"\d{1,5}", length) and int(length) <= len(raw)
        record = raw[len(length) + 1 : int(length)] if is_length else b""
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not equals or not record.endswith(b"\n"):
            raise ValueError("a pax header is damaged")
        found[key.decode("utf-8", "backslashreplace")] = value.decode("utf-8", "backslashreplace")
        raw = raw[int(length) :]
    if not re.fullmatch(r"\d{1,15}", found.get("size", "0")):
        raise ValueError(f"a pax header is damaged: its size is {found['size']!a}")
    return found


def _padded(read: Read, size: int) -> bytes:
    if size > MAX_TEXT_BYTES:
        raise ValueError(f"a name or pax header takes {size} bytes, at most {MAX_TEXT_BYTES}")
    return b"".join(_pieces(read, size))


def _pieces(read: Read, size: int) -> Iterator[bytes]:
    """Yield `size` bytes, and pass over what pads them to whole blocks."""
    left = size
    while left:
        piece = _exactly(read, min(left, _CHUNK))
        left -= len(piece)
        yield piece
    _exactly(read, -size % BLOCK)


def _exactly(read: Read, n: int) -> bytes:
    found = b""
    while len(found) < n:
        piece = read(n - len(found))
        if not piece:
            raise EOFError("the archive ends early")
        found += piece
    return found
