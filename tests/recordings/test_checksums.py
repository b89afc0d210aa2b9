"""Checksums: the format of sha256sum, refused lines, and differences from a folder."""

import hashlib
import subprocess

import pytest

from bench.errors import BenchError
from bench.recordings.checksums import checksums_of, checksums_text, differences, read_checksums


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "set"
    (folder / "a b").mkdir(parents=True)
    (folder / "a b" / "mix é.wav").write_bytes(b"one")
    (folder / "list.txt").write_bytes(b"two")
    return folder


def test_the_list_is_that_of_sha256sum(root, tmp_path):
    sums = checksums_of(root, [path for path in root.rglob("*") if path.is_file()])
    path = tmp_path / "all.sha256"
    path.write_text(checksums_text(sums), encoding="utf-8")
    assert read_checksums(path) == sums and sums["list.txt"] == hashlib.sha256(b"two").hexdigest()
    assert list(sums) == ["a b/mix é.wav", "list.txt"] and differences(root, sums) == []
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", path], cwd=root, check=True)


def test_missing_and_changed_files_are_named(root):
    sums = checksums_of(root, [root / "list.txt"]) | {"gone.wav": "0" * 64}
    (root / "list.txt").write_bytes(b"three")
    steps = []
    missing, changed = differences(root, sums, lambda: steps.append(1))
    assert missing == "gone.wav: missing" and changed.startswith("list.txt: sha256 ") and len(steps) == 2


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("abc  file", "want '<64 hex digits>  <path>', found 'abc  file'"),
        ("0" * 64 + "  ../file", "leads out of the data set's folder"),
        ("0" * 64 + "  /etc/passwd", "leads out of the data set's folder"),
        ("0" * 64 + "  a/../../b", "leads out of the data set's folder"),
        ("0" * 64 + "  good", "is listed twice"),
        ("0" * 64 + "  \x1b[2J\\x", "leads out"),
        ("", "found ''"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path, line, why):
    path = tmp_path / "all.sha256"
    path.write_text("0" * 64 + f"  good\n{line}\n", encoding="utf-8")
    with pytest.raises(BenchError) as refusal:
        read_checksums(path)
    assert why in str(refusal.value) and f"{path}:2: " in str(refusal.value) and "\x1b" not in str(refusal.value)


def test_a_missing_list_and_one_that_is_no_text_are_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("nowhere", "binary"):
        with pytest.raises(BenchError, match=f"{name}: cannot be read as a list of checksums"):
            read_checksums(tmp_path / name)
