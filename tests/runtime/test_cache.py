"""The cache with damaged entries and several processes; its contents are tested in test_disk.py."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.audio import Audio
from bench.protocols import Content
from bench.runtime.cache import Cache, key_of
from bench.symbols import Beats, Chords, Frames, Notes

CONTENTS = [
    Audio(np.linspace(-1, 1, 40), 8000),
    Chords(np.array([[0.0, 1.0], [1.0, 2.5]]), ("A:min7/b3", "N")),
    Notes(np.array([[0.0, 1.0]]), [60], [90], [128]),
    Beats(np.array([0.5, 1.0]), np.array([1, 2])),
    Frames(np.arange(12.0).reshape(3, 4), 43.06640625),
]


def are_equal(one: Content, other: Content) -> bool:
    return type(one) is type(other) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__
    )


@pytest.mark.parametrize("content", CONTENTS, ids=lambda c: type(c).__name__)
def test_damaged_entries_count_as_absent(tmp_path: Path, content: Content) -> None:
    """An entry with changed or missing bytes is read as written or recomputed."""
    Cache(tmp_path).content("ab12", lambda: content)
    (path,) = tmp_path.rglob("*.npz")
    whole, rng, n_again = path.read_bytes(), random.Random(len(CONTENTS)), 0
    for k in range(240):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged if k % 4 else damaged[: rng.randrange(len(damaged))])
        found = Cache(tmp_path).content("ab12", lambda: content)
        n_again += found is content
        assert are_equal(found, content)
    assert 120 < n_again < 240


@pytest.mark.parametrize("content", CONTENTS, ids=lambda c: type(c).__name__)
def test_a_recomputed_entry_is_kept(tmp_path: Path, content: Content) -> None:
    path = tmp_path / "ab" / "ab12.npz"
    path.parent.mkdir()
    path.write_bytes(b"PK\x03\x04")
    Cache(tmp_path).content("ab12", lambda: content)
    assert are_equal(Cache(tmp_path).content("ab12", lambda: pytest.fail("made a second time")), content)
    assert [found.name for found in path.parent.iterdir()] == ["ab12.npz"]


def test_equal_contents_are_written_as_equal_bytes(tmp_path: Path) -> None:
    for place in ("one", "two"):
        Cache(tmp_path / place).content("ab12", lambda: CONTENTS[0])
    assert (tmp_path / "one/ab/ab12.npz").read_bytes() == (tmp_path / "two/ab/ab12.npz").read_bytes()


def test_an_entry_of_an_unknown_type_is_recomputed(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    np.savez(tmp_path / "ab/ab12.npz", kind=np.asarray("Lyrics"), words=np.zeros(3))
    assert Cache(tmp_path).content("ab12", lambda: CONTENTS[3]) is CONTENTS[3]


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    np.savez(tmp_path / "ab/ab12.npz", kind=np.asarray("Beats"), times_s=np.array([print], dtype=object), positions=[])
    assert Cache(tmp_path).content("ab12", lambda: CONTENTS[3]) is CONTENTS[3]


def test_memory_is_read_before_the_disk_and_can_be_cleared(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    store.content("ab12", lambda: CONTENTS[3])
    assert store.content("ab12", lambda: pytest.fail("computed again")) is CONTENTS[3]
    store.forget()
    assert store.content("ab12", lambda: pytest.fail("computed again")) is not CONTENTS[3]


WRITE = """
import sys, time
from pathlib import Path
import numpy as np
from bench.audio import Audio
from bench.runtime.cache import Cache
gate, folder = Path(sys.argv[1]), Path(sys.argv[2])
print("ready", flush=True)
while not gate.exists():
    time.sleep(0.001)
for k in range(60):
    store, sound = Cache(folder), Audio(np.full(20_000, k / 60), 8000)
    found = store.content(f"ab{k}", lambda: sound)
    assert np.array_equal(found.samples, sound.samples), k
    store.keep(f"cd{k}", {"k": k})
    assert Cache(folder).record(f"cd{k}") == {"k": k}, k
"""


def test_processes_can_share_a_cache(tmp_path: Path) -> None:
    """Two processes write the same keys at the same time; both always read complete entries."""
    command = [sys.executable, "-c", WRITE, str(tmp_path / "gate"), str(tmp_path / "cache")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for one in both:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    (tmp_path / "gate").touch()
    for one in both:
        _, said = one.communicate(timeout=60)
        assert one.returncode == 0, said
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 60
    assert not list((tmp_path / "cache").rglob("*.part*"))


def test_keys_differ_for_different_parts_and_are_file_names() -> None:
    keys = {key_of(*parts) for parts in [("a", "b"), ("ab",), ("a", "b", ""), ("b", "a"), ('a", "b',), ("a\nb",)]}
    assert len(keys) == 6 and all(len(key) == 64 and key.isalnum() for key in keys)
