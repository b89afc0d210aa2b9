"""Tar: a reader for untrusted archives: one forward pass, bounded memory, plain files and folders only.

The standard library's reader allocates memory and seeks, backwards too, as headers say. This one holds one piece of an
entry at a time, and long names up to a limit.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BLOCK = 512
MAX_TEXT_BYTES = 16 * 1024
"""Limit on a long name or a pax header, which precede the entry that they describe."""
_CHUNK = 256 * 1024
_NOTHING = bytes(BLOCK)
_TEXTS = "xgLK"
"""Kinds of headers that describe the next entry: pax (one entry, all entries), GNU long names and link names."""
_PLAIN = ("0", "\0", "5")
_REFUSED = {"1": "a hard link", "2": "a symbolic link", "3": "a device", "4": "a device", "6": "a fifo", "S": "sparse"}

Read = Callable[[int], bytes]


@dataclass(frozen=True)
class Entry:
    """One entry of an archive.

    Attributes:
        name: Its name in the archive, without a folder's trailing slash.
        is_folder: Whether it is a folder.
        wrong: Why it is refused; empty for plain files and folders.
        pieces: Its content, read on demand.
    """

    name: str
    is_folder: bool
    wrong: str
    pieces: Iterator[bytes]


def entries(read: Read) -> Iterator[Entry]:
    """Yield the entries of an archive; the pieces of one can be read only until the next one is taken.

    Args:
        read: Returns up to the given number of bytes of the uncompressed archive, none at its end.

    Raises:
        EOFError: the archive ends early.
        ValueError: a header is damaged, or bytes follow the archive's end.
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
            raise ValueError("bytes follow the archive's end")


def _header(block: bytes) -> tuple[str, str, int]:
    """Return the name, kind and size in bytes that a header states, after checking its checksum."""
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
    """Return what a long name or pax header says of the next entry."""
    if kind == "L":
        return {"path": _until_zero(raw)}
    return _pax(raw) if kind == "x" else {}


def _pax(raw: bytes) -> dict[str, str]:
    """Read the records `LENGTH KEY=VALUE` of a pax header."""
    keys = {}
    while raw:
        length, _, _ = raw.partition(b" ")
        is_length = re.fullmatch(rb"\d{1,5}", length) and int(length) <= len(raw)
        record = raw[len(length) + 1 : int(length)] if is_length else b""
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not equals or not record.endswith(b"\n"):
            raise ValueError("a pax header is damaged")
        keys[key.decode("utf-8", "backslashreplace")] = value.decode("utf-8", "backslashreplace")
        raw = raw[int(length) :]
    if not re.fullmatch(r"\d{1,15}", keys.get("size", "0")):
        raise ValueError(f"a pax header is damaged: its size is {keys['size']!a}")
    return keys


def _padded(read: Read, size: int) -> bytes:
    if size > MAX_TEXT_BYTES:
        raise ValueError(f"a name or pax header takes {size} bytes, at most {MAX_TEXT_BYTES}")
    return b"".join(_pieces(read, size))


def _pieces(read: Read, size: int) -> Iterator[bytes]:
    """Yield `size` bytes, then skip the padding to a whole block."""
    left = size
    while left:
        piece = _exactly(read, min(left, _CHUNK))
        left -= len(piece)
        yield piece
    _exactly(read, -size % BLOCK)


def _exactly(read: Read, n: int) -> bytes:
    content = b""
    while len(content) < n:
        piece = read(n - len(content))
        if not piece:
            raise EOFError("the archive ends early")
        content += piece
    return content
