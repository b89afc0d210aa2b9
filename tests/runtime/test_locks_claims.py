"""Claims hold between processes, key by key, and end with their owner."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.runtime.cache import key_of
from bench.runtime.locks import Claimed, claimed

ONE, OTHER = key_of("one"), key_of("other")
HOLD = (
    "import sys, time; from pathlib import Path; from bench.runtime.locks import claimed\n"
    "with claimed(Path(sys.argv[1]), sys.argv[2]): print('held', flush=True); time.sleep(60)"
)


@contextmanager
def owner(out: Path, key: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the key."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(out), key], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_key_has_one_owner_and_other_keys_are_free(tmp_path: Path) -> None:
    with owner(tmp_path, ONE):
        with pytest.raises(Claimed), claimed(tmp_path, ONE):
            pass
        with claimed(tmp_path, OTHER):
            pass
    with claimed(tmp_path, ONE):
        pass


def test_the_claim_of_a_dead_process_can_be_taken(tmp_path: Path) -> None:
    with owner(tmp_path, ONE) as process:
        process.kill()
        with claimed(tmp_path, ONE, waits=True):
            pass


def test_a_claim_is_released_however_the_block_ends(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="half way"), claimed(tmp_path, ONE):
        raise RuntimeError("half way")
    with owner(tmp_path, ONE):
        pass


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"cannot write .*/none: No such file"), claimed(tmp_path / "none", ONE):
        pass
