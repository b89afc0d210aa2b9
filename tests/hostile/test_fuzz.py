"""Fuzzing: every reader accepts a damaged file or refuses it with a `BenchError`, and does nothing else.

A few hundred files by default; `STEERBENCH_FUZZ=10000 pytest tests/hostile/test_fuzz.py` tries that many over all
readers together, the same ones every time.
"""

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.audio import read_audio
from bench.checking.archive import opened
from bench.checking.check import check
from bench.errors import BenchError
from bench.scores import Row, read_rows, write_rows
from bench.submission import Card, read_submission, write_card
from tests.hostile.door import CARD, TASK, examples, good
from tests.hostile.packing import packed
from tests.pipeline.test_broken_files import spoilt

N_INPUTS = int(os.environ.get("STEERBENCH_FUZZ", "420"))
MOST_SECONDS = 30.0 + N_INPUTS / 50
HEADS = {"sound": 64, "output": 64, "archive.zip": 10**9, "archive.tar.gz": 10**9}
"""Damage most often falls into this many first bytes."""


def sound(folder: Path) -> Path:
    return good(folder) / "a.wav"


def card(folder: Path) -> Path:
    write_card(folder, Card("mine", "tiny", 1, "tiny", contact="me", notes="two\nlines", parameters=7, paper="=1+1"))
    return folder / "submission.yaml"


def rows(folder: Path) -> Path:
    row = Row("t", 1, "m", "sha", "s", "sdr", "i, j", "hole", "*", 0.1, 0.1, 0.1, 1.0, 1, "ok", 0.1, float("nan"))
    write_rows(folder / "rows.csv", [row] * 3)
    return folder / "rows.csv"


def archive(form: str) -> Callable[[Path], Path]:
    entries = [("mine/submission.yaml", CARD.encode()), ("mine/a.wav", bytes(700)), ("mine/swapped/a.wav", b"x" * 40)]
    return lambda folder: packed(folder / f"mine{form}", entries)


def unpack(path: Path) -> Any:
    with opened(path) as here:
        return check(here, TASK, examples(path.parent))


READERS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], Any]]] = {
    "sound": (sound, read_audio),
    "output": (sound, lambda path: check(path.parent, TASK, examples(path.parent))),
    "card": (card, lambda path: read_submission(path.parent)),
    "rows": (rows, read_rows),
    "archive.zip": (archive(".zip"), unpack),
    "archive.tar.gz": (archive(".tar.gz"), unpack),
    "tar": (archive(".tar.gz"), unpack),
}


def damaged(kind: str, whole: bytes, rng: random.Random) -> bytes:
    """Return a damaged copy of a file; `tar` is damaged inside its gzip stream."""
    if kind == "tar":
        return gzip.compress(spoilt(gzip.decompress(whole), rng), 1)
    n = HEADS.get(kind, len(whole)) if rng.random() < 0.8 else len(whole)
    return spoilt(whole[:n], rng) + whole[n:]


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_accepted_or_refused(tmp_path: Path, kind: str) -> None:
    write, read = READERS[kind]
    path = write(tmp_path)
    whole, rng, n_refused = path.read_bytes(), random.Random(kind), 0
    n = -(-N_INPUTS // len(READERS))
    for _ in range(n):
        path.write_bytes(damaged(kind, whole, rng))
        try:
            read(path)
        except BenchError as error:
            n_refused += 1
            assert str(path.parent) in str(error) or kind == "card"
    assert n_refused > 0 or kind == "output"
    path.write_bytes(whole)
    read(path)
