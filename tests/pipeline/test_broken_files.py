"""Broken files of every kind: whatever stands in them, they are read or refused in one line, never a traceback."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.audio import Audio
from bench.errors import BenchError
from bench.example import Control, Request, open_examples, read_request, write_request
from bench.formats import dump_yaml, read_yaml
from bench.manifest import Excerpt, Manifest, read_manifest
from bench.mask import Mask
from bench.paths import home
from bench.scores import Row, read_rows, write_rows
from bench.submission import Card, read_submission, write_card
from bench.symbols import Beats, Chords, Notes, read_beats, read_chords, read_notes, write_symbols
from bench.task import load_task, read_task

RATE = 16000
SOUND, MASK = Audio(np.zeros(RATE), RATE), Mask(((10, 40),), 50)
CHORDS, BEATS = Chords(np.array([[0.0, 0.5], [0.5, 1.0]]), ("C:maj", "N")), Beats(np.array([0.1, 0.6]), [1, 2])
NOTES = Notes(np.array([[0.1, 0.5], [0.7, 0.9]]), [60, 64], [90, 80], [0, 128])
ROW = Row("t", 1, "m", "sha", "s", "sdr", "i", "hole", "*", 0.1, 0.1, 0.1, 1.0, 1, "ok", 0.1, 0.2)
INSERTED = (b"\x00", b"nan", b".inf", b"-1", b"9" * 400, b'"', b"\n", b"[", b"{", b": ", b"\xe2\x80\xa8", b"\xff")


def spoilt(raw: bytes, rng: random.Random) -> bytes:
    """Change, drop or insert bytes at one to five places."""
    text = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(text))
        chance = rng.random()
        if chance < 0.4:
            text[at] = rng.randrange(256)
        elif chance < 0.6:
            del text[at : at + rng.randrange(1, 6)]
        else:
            text[at:at] = rng.choice(INSERTED)
        text = text or bytearray(b"x")
    return bytes(text)


def request_in(folder: Path) -> tuple[Path, Path]:
    controls = {"chords": Control("chords", CHORDS, SOUND, BEATS), "piano": Control("piano", NOTES, SOUND)}
    write_request(folder, Request("a", "t", 1, SOUND, MASK, controls, "a prompt", 3))
    return folder / "a" / "request.yaml", folder / "a"


def card_in(folder: Path) -> tuple[Path, Path]:
    write_card(folder, Card("mine", "t", 1, "m", parameters=7))
    return folder / "submission.yaml", folder


def rows_in(folder: Path) -> tuple[Path, Path]:
    write_rows(folder / "r.csv", [ROW, ROW])
    return folder / "r.csv", folder / "r.csv"


def manifest_in(folder: Path) -> tuple[Path, Path]:
    (folder / "m.csv").write_text(Manifest("m", (Excerpt("a", "d", "t", 0.0, 15.0, "slow"),)).text)
    return folder / "m.csv", folder / "m.csv"


def task_in(folder: Path) -> tuple[Path, Path]:
    path = folder / "inpaint-drums.yaml"
    path.write_text((home("tasks") / path.name).read_text())
    return path, path


def symbols_in(name: str, symbols: Chords | Beats | Notes) -> Callable[[Path], tuple[Path, Path]]:
    def write(folder: Path) -> tuple[Path, Path]:
        write_symbols(folder / name, symbols)
        return folder / name, folder / name

    return write


FILES: dict[str, tuple[Callable[[Path], tuple[Path, Path]], Callable[[Path], Any]]] = {
    "request": (request_in, read_request),
    "card": (card_in, read_submission),
    "rows": (rows_in, read_rows),
    "manifest": (manifest_in, read_manifest),
    "task": (task_in, read_task),
    "chords": (symbols_in("c.lab", CHORDS), read_chords),
    "beats": (symbols_in("b.txt", BEATS), read_beats),
    "notes": (symbols_in("n.mid", NOTES), read_notes),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path: Path, kind: str) -> None:
    write, read = FILES[kind]
    path, place = write(tmp_path)
    raw, rng, refused = path.read_bytes(), random.Random(kind), 0
    for _ in range(120):
        path.write_bytes(spoilt(raw, rng))
        try:
            read(place)
        except BenchError as error:
            refused += 1
            assert str(path.parent) in str(error)
    assert refused > 20
    path.write_bytes(raw)
    read(place)


ODD = (
    "null", "true", "1.5", "-1", ".nan", ".inf", "1e400", "word", '""', "[]", "[1]", "{}", "{a: 1}", "2024-01-01", "[[]]",
    "[null]", "[{name: 3}]", "9" * 400, "{name: blocks, percent: .nan}", "{name: blocks, percent: fifty}",
    "{name: prefix, context_s: .inf}", "{name: centre, seed: 3}", "{name: centre, n_frames: 3}", "{quality: 3}",
    "{quality: sdr, control: [1]}", "[{kind: drums, source: stem}, {kind: drums, source: separated}]",
)  # fmt: skip
KEYS = read_yaml(home("tasks") / "inpaint-drums.yaml")
FITS = {
    ("description", "word"), ("description", '""'), ("description", "1e400"), ("description", "2024-01-01"),
    ("manifest", "word"), ("manifest", '""'), ("manifest", "1e400"), ("manifest", "2024-01-01"),
    ("duration_s", "1.5"), ("duration_s", "true"), ("controls", "[]"), ("metrics", "[]"), ("seed", "-1"),
    ("seed", "9" * 400), ("version", "9" * 400),
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_a_task_refuses_values_of_the_wrong_kind(tmp_path: Path, key: str) -> None:
    path = tmp_path / "inpaint-drums.yaml"
    rest = dump_yaml({name: value for name, value in KEYS.items() if name != key})
    for value in ODD:
        path.write_text(f"{key}: {value}\n{rest}")
        try:
            read_task(path)
        except BenchError as error:
            assert str(error).startswith(f"{path}: "), value
        else:
            assert (key, value) in FITS, f"{key}: {value[:40]} was read"


@pytest.mark.parametrize("key", KEYS)
def test_no_key_of_a_task_may_be_left_out(tmp_path: Path, key: str) -> None:
    path = tmp_path / "inpaint-drums.yaml"
    path.write_text(dump_yaml({name: value for name, value in KEYS.items() if name != key}))
    with pytest.raises(BenchError, match=f"the key '{key}' is missing; tasks/README.md says"):
        read_task(path)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"id": "../a"}, r"the id is '\.\./a'"),
        ({"holes": [[10, 60]]}, "not sorted, disjoint stretches"),
        ({"holes": [[10]]}, r"request.yaml: holes: want pairs of frames, \[begin, end\], found \[10\]"),
        ({"holes": 3}, "request.yaml: holes: want a list, found 3"),
        ({"controls": ["../../secret"]}, "no kind of control is called"),
        ({"sample_rate": 8000}, "16000 samples at 16000 Hz, the request says 8000 at 8000 Hz"),
        ({"n_frames": float("inf")}, "request.yaml: n_frames: want a whole number, found inf"),
    ],
)
def test_a_request_with_a_wrong_value_is_named(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    path, folder = request_in(tmp_path)
    path.write_text(dump_yaml(read_yaml(path) | keys))
    with pytest.raises(BenchError, match=said):
        read_request(folder)


def test_a_missing_key_of_build_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "build.yaml").write_text("task: inpaint-drums@1\n")
    with pytest.raises(BenchError, match=r"build\.yaml: the keys 'manifest', 'public' are missing; remove the folder"):
        open_examples(tmp_path, load_task("inpaint-drums"))
