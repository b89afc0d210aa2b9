"""Tests of bench.checking.tar, on archives written by the standard library in its three formats."""

import io
import tarfile

import pytest

from bench.checking.tar import entries

NAMES = ("a.wav", "mine/" + "n" * 90 + "/" + "m" * 90 + ".wav", "mine/" + "long" * 60 + ".wav", "mine/\u00fc.wav")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_packed_entries_are_read_back(form: int) -> None:
    names = [name for name in NAMES if form != tarfile.USTAR_FORMAT or len(name) < 200]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("mine")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for k, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = 700_000 * k
            archive.addfile(info, io.BytesIO(bytes([k]) * info.size))
    packed.seek(0)
    contents = [(one.name, one.is_folder, one.wrong, b"".join(one.pieces)) for one in entries(packed.read)]
    assert contents == [
        ("mine", True, "", b""),
        *((name, False, "", bytes([k]) * 700_000 * k) for k, name in enumerate(names)),
    ]


def test_an_unread_entry_is_skipped() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("a", "b"):
            info = tarfile.TarInfo(name)
            info.size = 1000
            archive.addfile(info, io.BytesIO(bytes(1000)))
    packed.seek(0)
    assert [one.name for one in entries(packed.read)] == ["a", "b"]


def test_short_reads_are_continued() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.size = 1000
        archive.addfile(info, io.BytesIO(b"x" * 1000))
    packed.seek(0)
    assert [b"".join(one.pieces) for one in entries(lambda n: packed.read(min(n, 7)))] == [b"x" * 1000]
