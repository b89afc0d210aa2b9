"""WAV headers: check that a file holds what its header says, before a decoder reads it."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bench.errors import BenchError
from bench.text import shown

SOUND_CHUNKS = (b"fmt ", b"data", b"fact", b"PEAK")
"""Chunks of format and sound; any other chunk could carry text or more sound."""
MAX_CHUNKS = 64
_EXTENSIBLE = 0xFFFE
_GUID = bytes.fromhex("000000001000800000aa00389b71")
_ENCODINGS = {
    (1, 8): "PCM_U8",
    (1, 16): "PCM_16",
    (1, 24): "PCM_24",
    (1, 32): "PCM_32",
    (3, 32): "FLOAT",
    (3, 64): "DOUBLE",
    (6, 8): "ALAW",
    (7, 8): "ULAW",
}
_OTHERS = {
    b"fLaC": "FLAC",
    b"OggS": "OGG",
    b"ID3\x03": "MP3",
    b"ID3\x04": "MP3",
    b"RF64": "RF64",
    b"BW64": "RF64",
    b"RIFX": "RIFX (big-endian)",
    b"FORM": "AIFF",
}


@dataclass(frozen=True)
class Header:
    """Header of a WAV that agrees with the file's bytes.

    Attributes:
        encoding: The name that soundfile uses, or the format's number and bits.
        channels: At least 1.
        sample_rate: Hz.
        n_samples: Samples per channel.
        surplus: One phrase for everything in the file beside format and sound.
    """

    encoding: str
    channels: int
    sample_rate: int
    n_samples: int
    surplus: tuple[str, ...]


def read_header(path: Path) -> Header:
    """Read and check the header of a WAV, without its sound.

    Raises:
        BenchError: the file is no WAV, a chunk is missing, doubled or longer than the file, or numbers contradict each
            other.
    """
    try:
        with path.open("rb") as file:
            n_bytes = path.stat().st_size
            chunks = list(_chunks(file, n_bytes))
            return _header(chunks)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BenchError(f"{path}: {error}") from error


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    size: int
    head: bytes


def _chunks(file: BinaryIO, n_bytes: int) -> Iterator[_Chunk]:
    """Yield the chunks with their first 40 bytes; raise `ValueError` if one is longer than the file."""
    form, size, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if (form, kind) != (b"RIFF", b"WAVE"):
        is_mp3 = form[0] == 0xFF and form[1] & 0xE0 == 0xE0
        known = "MP3" if is_mp3 else _OTHERS.get(form)
        begins = f"begins with {form!r}" if n_bytes else "is empty"
        raise ValueError(f"is {known}, want WAV" if known else f"cannot be read as WAV (it {begins})")
    # The padding byte of the last chunk may be counted but missing.
    if size + 8 > n_bytes + 1:
        raise ValueError(f"cut off: says it has {size + 8} bytes and has {n_bytes}")
    place, end, number = 12, min(size + 8, n_bytes), 0
    while place + 8 <= end and number < MAX_CHUNKS:
        file.seek(place)
        name, size = struct.unpack("<4sI", file.read(8))
        if place + 8 + size > end:
            raise ValueError(f"cut off: {_named(name)} says {size} bytes, {end - place - 8} are there")
        yield _Chunk(name, size, file.read(min(size, 40)))
        place, number = place + 8 + size + size % 2, number + 1
    if number == MAX_CHUNKS:
        raise ValueError(f"has {MAX_CHUNKS} chunks or more, want format and sound alone")
    if place < n_bytes:
        yield _Chunk(b"", n_bytes - place, b"")


def _header(chunks: list[_Chunk]) -> Header:
    sound, form = _only(chunks, b"data"), _only(chunks, b"fmt ")
    if chunks.index(form) > chunks.index(sound):
        raise ValueError("the chunk 'data' comes before 'fmt '")
    if len(form.head) < 16:
        raise ValueError(f"its chunk 'fmt ' has {form.size} bytes, want 16 or more")
    tag, channels, sample_rate, _, block, bits = struct.unpack("<HHIIHH", form.head[:16])
    if tag == _EXTENSIBLE and form.head[26:40] == _GUID:
        (tag,) = struct.unpack("<H", form.head[24:26])
    if not channels or not sample_rate:
        raise ValueError(f"says it has {channels} channels at {sample_rate} Hz")
    encoding = _ENCODINGS.get((tag, bits), f"of format {tag:#06x} with {bits} bits")
    if (tag, bits) in _ENCODINGS and block != channels * bits // 8:
        raise ValueError(f"says {block} bytes hold {channels} channels of {bits} bits")
    if sound.size % max(block, 1):
        raise ValueError(f"cut off: its sound has {sound.size} bytes, {block} make a sample")
    extra = [chunk for chunk in chunks if chunk.name not in SOUND_CHUNKS]
    surplus = tuple(
        f"holds {_named(chunk.name)} of {chunk.size} bytes" if chunk.name else f"holds {chunk.size} bytes after its end"
        for chunk in extra
    )
    return Header(encoding, channels, sample_rate, sound.size // max(block, 1), surplus)


def _only(chunks: list[_Chunk], name: bytes) -> _Chunk:
    matches = [chunk for chunk in chunks if chunk.name == name]
    if len(matches) != 1:
        raise ValueError(f"has {len(matches)} chunks '{name.decode()}', want one")
    return matches[0]


def _named(name: bytes) -> str:
    return f"the chunk '{shown(name.decode('latin-1'))}'"
