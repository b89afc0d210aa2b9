"""Hostile and broken archives: all are refused with a reason, and nothing of them is left on disk."""

import bz2
import gzip
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.checking import archive as module
from bench.checking.archive import opened, wrong_name
from bench.errors import BenchError, CheckFailed
from tests.hostile.door import CARD, findings_of
from tests.hostile.packing import (
    DEVICE,
    FIFO,
    LINK,
    entry,
    header,
    of_kind,
    packed,
    patched,
    raw_tar,
    sounds,
    tarred,
    with_mode,
    zipped,
)

FORMS = (".zip", ".tar.gz")
EVIL = b"evil"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("top", ["mine/", "", "./", "./mine/"])
def test_a_good_archive_is_as_good_as_its_folder(tmp_path: Path, form: str, top: str) -> None:
    findings = findings_of(packed(tmp_path / f"mine{form}", sounds(tmp_path, top)))
    assert (findings.problems, findings.flags) == ([], [])


@pytest.mark.parametrize("form", FORMS)
def test_files_added_by_operating_systems_are_ignored(tmp_path: Path, form: str) -> None:
    added = [("__MACOSX/mine/._a.wav", b"x"), ("mine/.DS_Store", b"x"), ("mine/._a.wav", b"x")]
    findings = findings_of(packed(tmp_path / f"mine{form}", [*sounds(tmp_path), *added]))
    assert (findings.problems, findings.flags) == ([], [])


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_in_every_form(tmp_path: Path, form: int) -> None:
    long = f"mine/{'n' * 90}.d/{'m' * 90}.txt"
    findings = findings_of(tarred(tmp_path / "mine.tar.gz", [*sounds(tmp_path), (long, b"x")], form))
    assert findings.problems == [] and findings.flags[0].startswith("1 surplus files are not scored: nnn")


NAMES = {
    "parent": (["../evil.wav"], "../evil.wav: leads out of the folder"),
    "parent-inside": (["mine/../../evil.wav"], "mine/../../evil.wav: leads out of the folder"),
    "parent-last": (["mine/.."], "mine/..: leads out of the folder"),
    "absolute": (["/etc/evil.wav"], "/etc/evil.wav: is an absolute path"),
    "two-slashes": (["//evil/evil.wav"], "//evil/evil.wav: is an absolute path"),
    "drive": (["C:/evil.wav"], "C:/evil.wav: names a drive"),
    "drive-relative": (["c:evil.wav"], "c:evil.wav: names a drive"),
    "backslash": (["mine\\evil.wav"], "mine\\evil.wav: has a backslash"),
    "backslash-parent": (["..\\evil.wav"], "..\\evil.wav: leads out of the folder"),
    "stream": (["mine/a.wav:evil"], "mine/a.wav:evil: is not a name of at most"),
    "empty-part": (["mine//evil.wav"], "mine//evil.wav: has an empty part"),
    "dot-part": (["mine/./evil.wav"], "mine/./evil.wav: has an empty part"),
    "dot-last": (["mine/."], "mine/.: is not a name of at most"),
    "deep": (["mine/a/b/evil.wav"], "mine/a/b/evil.wav: lies more than 3 levels deep"),
    "long": (["mine/" + "e" * 141], "eee...: is not a name of at most 140"),
    "escape": (["mine/\x1b[2Jevil.wav"], "mine/\\x1b[2Jevil.wav: is not a name of at most"),
    "newline": (["mine/evil\n.wav"], "mine/evil\\n.wav: is not a name of at most"),
    "bidi": (["mine/a\u202evaw.evil"], "mine/a\\u202evaw.evil: is not a name of at most"),
    "cyrillic": (["mine/\u0430.wav"], "mine/\\u0430.wav: is not a name of at most"),
    "fullwidth": (["mine/\uff41.wav"], "mine/\\uff41.wav: is not a name of at most"),
    "invisible": (["mine/a\u200b.wav"], "mine/a\\u200b.wav: is not a name of at most"),
    "decomposed": (["mine/e\u0301.wav", "mine/\u00e9.wav"], "mine/e\\u0301.wav: is not a name of at most"),
    "last-dot": (["mine/evil."], "mine/evil.: is not a name of at most"),
    "last-blank": (["mine/evil "], "mine/evil : is not a name of at most"),
    "twice": (["mine/evil.txt", "mine/evil.txt"], "mine/evil.txt: appears twice"),
    "case": (["mine/A.wav"], "mine/a.wav: differs from mine/A.wav only by case"),
    "case-of-folder": (["MINE/evil.wav"], "differs from MINE only by case"),
    "case-of-swapped": (["mine/SWAPPED/a.wav"], "differs from mine/SWAPPED only by case"),
    "below-a-file": (["mine/evil", "mine/evil/a.wav"], "mine/evil/a.wav: is a file and a folder"),
    "nested-zip": (["mine/evil.zip"], "mine/evil.zip: is an archive itself"),
    "nested-tar": (["mine/EVIL.TAR.GZ"], "mine/EVIL.TAR.GZ: is an archive itself"),
    "second-card": (["mine/swapped/submission.yaml"], "holds 2 cards (mine/submission.yaml, mine/swapped/submission.yaml)"),
    "two-systems": (["evil/submission.yaml"], "holds 2 cards (evil/submission.yaml, mine/submission.yaml)"),
    "beside": (["evil/a.wav"], "1 files lie beside the card's folder mine: evil/a.wav"),
    "beside-at-top": (["evil.txt"], "1 files lie beside the card's folder mine: evil.txt"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", NAMES)
def test_a_forbidden_name_is_refused(tmp_path: Path, kind: str, form: str) -> None:
    names, wanted = NAMES[kind]
    path = packed(tmp_path / f"mine{form}", [*((name, EVIL) for name in names), *sounds(tmp_path)])
    (problem,) = findings_of(path).problems
    assert problem.startswith(f"{path}: ") and wanted in problem
    assert problem.isascii() and "\x1b" not in problem


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    names = [f"../evil-{k}" for k in range(30)]
    (problem,) = findings_of(
        packed(tmp_path / "mine.zip", [*((name, EVIL) for name in names), *sounds(tmp_path)])
    ).problems
    assert problem.count("leads out of the folder") == 20 and "30 problems\n" in problem and "and 10 more" in problem


def bomb(folder: Path, form: str) -> Path:
    """Zeros that unpack to a thousand times the size of their archive."""
    raw = bytes(2**24)
    return packed(folder / f"mine{form}", [("submission.yaml", CARD.encode()), *((f"{k}.wav", raw) for k in range(20))])


def many(folder: Path, form: str) -> Path:
    return packed(folder / f"mine{form}", [(f"{k}.txt", b"") for k in range(module.MAX_ENTRIES + 1)])


def directory(folder: Path) -> Path:
    """An archive whose directory has long comments and is far larger than its files."""
    path = folder / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(60):
            info = zipfile.ZipInfo(f"{k}.txt")
            info.comment = bytes(60_000)
            archive.writestr(info, b"")
    return path


def nested(folder: Path, form: str) -> Path:
    inner = gzip.compress(b"evil")
    return packed(folder / f"mine{form}", [*sounds(folder), ("mine/evil.txt", inner)])


def large(folder: Path, form: str) -> Path:
    return packed(folder / f"mine{form}", [*sounds(folder), ("mine/evil.txt", bytes(module.MAX_FILE_BYTES + 1))])


def overlapping(folder: Path) -> Path:
    """An archive with two entries that share the same bytes."""
    path = zipped(folder / "mine.zip", sounds(folder))
    raw = bytearray(path.read_bytes())
    first = raw.index(b"PK\x01\x02")
    second = raw.index(b"PK\x01\x02", first + 4)
    raw[second + 42 : second + 46] = raw[first + 42 : first + 46]
    path.write_bytes(raw)
    return path


def cut(share: float, form: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = packed(folder / f"mine{form}", sounds(folder))
        raw = path.read_bytes()
        path.write_bytes(raw[: int(len(raw) * share)])
        return path

    return make


def of_bytes(name: str, raw: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(raw)
        return folder / name

    return make


def spoilt_sum(folder: Path) -> Path:
    path = tarred(folder / "mine.tar.gz", sounds(folder))
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 0xFF
    path.write_bytes(raw)
    return path


def spoilt_tail(folder: Path) -> Path:
    path = tarred(folder / "mine.tar.gz", sounds(folder))
    path.write_bytes(path.read_bytes() + b"evil")
    return path


def ciphered(folder: Path) -> Path:
    return patched(8, "<H", 1)(folder)


def repacked(method: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        def change(info: zipfile.ZipInfo) -> None:
            info.compress_type = method

        return zipped(folder / "mine.zip", sounds(folder), change)

    return make


def hidden_name(folder: Path) -> Path:
    """An entry with one name in the directory and another in its own header."""
    path = zipped(folder / "mine.zip", sounds(folder))
    path.write_bytes(path.read_bytes().replace(b"mine/a.wav", b"mine/e.wav", 1))
    return path


def zero_in_name(folder: Path) -> Path:
    path = zipped(folder / "mine.zip", [*sounds(folder), ("mine/a.wavXevil", EVIL)])
    path.write_bytes(path.read_bytes().replace(b"a.wavXevil", b"a.wav\0evil"))
    return path


def plain_tar(folder: Path) -> Path:
    path = tarred(folder / "other.tar.gz", sounds(folder))
    return of_bytes("mine.tar.gz", gzip.decompress(path.read_bytes()))(folder)


def pax(record: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return raw_tar(folder / "mine.tar.gz", entry("pax", record, b"x"), entry("a.wav", EVIL))

    return make


def record(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n".encode()
    return b"%d" % (len(rest) + len(str(len(rest) + 2))) + rest


def sized(size: int | bytes) -> Callable[[Path], Path]:
    return lambda folder: raw_tar(folder / "mine.tar.gz", header("evil.wav", size), EVIL)


def as_tar(*parts: bytes, end: bytes = bytes(1024)) -> Callable[[Path], Path]:
    return lambda folder: raw_tar(folder / "mine.tar.gz", *parts, end=end)


def tar_bomb_of_text(folder: Path) -> Path:
    """A name of hundreds of megabytes, which a reader that trusts the header would hold in memory."""
    return raw_tar(folder / "mine.tar.gz", header("long", 2**28, b"L"), bytes(2**28))


MAX_ZIP64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 2**40, 2**40, 2**45, 0)
ARCHIVES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "zip-link": (with_mode(LINK), "mine/evil: is a symbolic link"),
    "zip-fifo": (with_mode(FIFO), "mine/evil: is a device, fifo or socket"),
    "zip-device": (with_mode(DEVICE), "mine/evil: is a device, fifo or socket"),
    "zip-encrypted": (ciphered, "mine/a.wav: is encrypted; pack it without a password"),
    "zip-strongly-encrypted": (patched(8, "<H", 0x40), "mine/a.wav: is encrypted"),
    "zip-bzip2": (repacked(zipfile.ZIP_BZIP2), "is packed by method 12, want stored or deflated"),
    "zip-lzma": (repacked(zipfile.ZIP_LZMA), "is packed by method 14"),
    "zip-unknown-method": (patched(10, "<H", 99), "mine/a.wav: is packed by method 99"),
    "zip-of-tomorrow": (patched(6, "<H", 999), "cannot be unpacked (zip file version 23.1)"),
    "zip-wrong-sum": (patched(16, "<I", 1), "mine/a.wav: cannot be unpacked (Bad CRC-32"),
    "zip-says-it-is-smaller": (patched(24, "<I", 10), "mine/a.wav: cannot be unpacked (Bad CRC-32"),
    "zip-packed-size-huge": (patched(20, "<I", 2**31), "mine/a.wav: says it takes 2147483648 bytes of the archive's"),
    "zip-offset-beyond": (patched(42, "<I", 2**31), "mine/a.wav: says it takes"),
    "zip-overlapping": (overlapping, "mine/b.wav: cannot be unpacked (File name in directory"),
    "zip-two-names": (hidden_name, "mine/a.wav: cannot be unpacked (File name in directory"),
    "zip-zero-in-name": (zero_in_name, "mine/a.wav\\x00evil: is not a name of at most"),
    "zip-cut-early": (cut(0.3, ".zip"), "cannot be unpacked (File is not a zip file)"),
    "zip-cut-late": (cut(0.995, ".zip"), "cannot be unpacked (File is not a zip file)"),
    "zip-empty": (of_bytes("mine.zip", b""), "cannot be unpacked (File is not a zip file)"),
    "zip-text": (of_bytes("mine.zip", b"no zip"), "cannot be unpacked (File is not a zip file)"),
    "zip-of-nothing": (of_bytes("mine.zip", b"PK\x05\x06" + bytes(18)), "submission.yaml: missing"),
    "zip-huge-directory": (directory, "has a directory of"),
    "zip-claims-a-terabyte": (
        of_bytes("mine.zip", MAX_ZIP64 + struct.pack("<IIQI", 0x07064B50, 0, 0, 1) + b"PK\x05\x06" + b"\xff" * 16 + bytes(2)),
        "mine.zip: 1 problem",
    ),
    "tar-link": (of_kind(b"2"), "evil: is a symbolic link"),
    "tar-hard-link": (of_kind(b"1"), "evil: is a hard link"),
    "tar-device": (of_kind(b"3"), "evil: is a device"),
    "tar-block-device": (of_kind(b"4"), "evil: is a device"),
    "tar-fifo": (of_kind(b"6"), "evil: is a fifo"),
    "tar-sparse": (of_kind(b"S"), "evil: is sparse"),
    "tar-unknown-kind": (of_kind(b"Q"), "evil: is of the unknown kind 'Q'"),
    "tar-volume": (of_kind(b"M"), "evil: is of the unknown kind 'M'"),
    "tar-cut-early": (cut(0.3, ".tar.gz"), "cannot be unpacked (Compressed file ended"),
    "tar-cut-late": (cut(0.999, ".tar.gz"), "cannot be unpacked (Compressed file ended"),
    "tar-without-end": (as_tar(end=b""), "cannot be unpacked (the archive ends early)"),
    "tar-cut-in-a-header": (as_tar(header("a.wav", 4)[:300], end=b""), "cannot be unpacked (the archive ends early)"),
    "tar-wrong-sum": (spoilt_sum, "cannot be unpacked (CRC check failed"),
    "tar-damaged-header": (as_tar(b"x" * 512), "cannot be unpacked (a header is damaged"),
    "tar-behind-its-end": (as_tar(end=bytes(1024) + b"evil"), "cannot be unpacked (bytes follow"),
    "tar-huge-size": (sized(b"77777777777\0"), "evil.wav: cannot be unpacked (the archive ends early)"),
    "tar-negative-size": (sized(b"-0000000001\0"), "cannot be unpacked (a header is damaged"),
    "tar-binary-size": (sized(b"\xff" * 12), "cannot be unpacked (a header is damaged"),
    "tar-huge-name": (tar_bomb_of_text, "a name or pax header takes 268435456 bytes, at most 16384"),
    "tar-pax-parent": (pax(record("path", "../evil.wav")), "../evil.wav: leads out of the folder"),
    "tar-pax-zero-in-name": (pax(record("path", "a.wav\0evil")), "a.wav\\x00evil: is not a name of at most"),
    "tar-pax-size": (pax(record("size", "-1")), "a pax header is damaged: its size is '-1'"),
    "tar-pax-huge-size": (pax(record("size", "9" * 15)), "a.wav: cannot be unpacked (the archive ends early)"),
    "tar-pax-sparse": (pax(record("GNU.sparse.major", "1")), "a.wav: is sparse"),
    "tar-pax-nonsense": (pax(b"99999 path=evil\n"), "a pax header is damaged"),
    "tar-pax-zero": (pax(b"0 path=evil\n"), "a pax header is damaged"),
    "tar-plain": (plain_tar, "cannot be unpacked (Not a gzipped file"),
    "tar-bzip2": (of_bytes("mine.tar.gz", bz2.compress(b"evil")), "cannot be unpacked (Not a gzipped file"),
    "tar-empty": (of_bytes("mine.tar.gz", b""), "cannot be unpacked"),
    "tar-of-text": (of_bytes("mine.tar.gz", gzip.compress(b"evil" * 400)), "cannot be unpacked (a header is damaged"),
    "tar-then-rubbish": (spoilt_tail, "cannot be unpacked (Not a gzipped file"),
    "another-form": (of_bytes("mine.7z", b"7z\xbc\xaf"), "mine.7z: is no folder; give a submission's folder, or one packed as .zip or .tar.gz"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_forbidden_archive_is_refused(tmp_path: Path, kind: str) -> None:
    make, wanted = ARCHIVES[kind]
    path = make(tmp_path)
    problem, *more = findings_of(path).problems
    assert wanted in problem
    assert (path.name in problem and not more) or kind == "zip-of-nothing"


TOO_MUCH: dict[str, tuple[Callable[[Path, str], Path], str]] = {
    "bomb": (bomb, "unpacks to more than 268435456 bytes and 100 times its"),
    "many": (many, "holds more than 5000 entries"),
    "large-file": (large, "mine/evil.txt: unpacks to more than 67108864 bytes"),
    "nested": (nested, "mine/evil.txt: cannot be unpacked (is an archive itself)"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", TOO_MUCH)
def test_an_archive_with_too_much_content_is_refused(tmp_path: Path, kind: str, form: str) -> None:
    make, wanted = TOO_MUCH[kind]
    path = make(tmp_path, form)
    (problem,) = findings_of(path).problems
    assert problem.startswith(f"{path}: ") and wanted in problem


def test_an_archive_beyond_the_size_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "mine.zip", sounds(tmp_path))
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    (problem,) = findings_of(path).problems
    assert f"takes {path.stat().st_size} bytes, at most 100" in problem


@pytest.mark.parametrize("form", FORMS)
def test_unpacked_bytes_are_counted_whatever_headers_say(tmp_path: Path, monkeypatch, form: str) -> None:
    path = packed(tmp_path / f"mine{form}", [("submission.yaml", CARD.encode()), ("a.wav", bytes(200_000))])
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    (problem,) = findings_of(path).problems
    assert "a.wav: unpacks to more than 100000 bytes" in problem


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_without_a_card_is_no_submission(tmp_path: Path, form: str) -> None:
    path = packed(tmp_path / f"mine{form}", [one for one in sounds(tmp_path) if not one[0].endswith(".yaml")])
    (problem,) = findings_of(path).problems
    assert "submission.yaml: missing; a submission needs a card" in problem


def test_errors_name_the_archive_and_never_the_temporary_folder(tmp_path: Path) -> None:
    path = packed(tmp_path / "mine.zip", [("mine/submission.yaml", b"system: ["), ("mine/a.wav", EVIL)])
    with pytest.raises(CheckFailed) as caught:
        with opened(path) as here:
            raise CheckFailed(f"{here}/submission.yaml: wrong")
    assert str(caught.value) == f"{path}/submission.yaml: wrong" and not here.exists()


def test_a_full_disk_is_an_error_but_no_problem_of_the_submission(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = zipped(tmp_path / "mine.zip", sounds(tmp_path))
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(BenchError, match="No space left on device; make room, or name another folder in TMPDIR"):
        with opened(path):
            pass


@pytest.mark.parametrize(
    "name", ["a.wav", "mine/swapped/song-0001--2.wav", "training-list.txt", "my outputs (2)/a.wav"]
)
def test_allowed_names(name: str) -> None:
    assert wrong_name(name) == ""
