"""A fixture for all hostile submissions: nothing else changes, nothing is left over, time and memory are limited."""

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CANARY = "what lies beside a submission"
MOST_SECONDS, MOST_KIB = 30.0, 1_000_000


@pytest.fixture(autouse=True)
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Check a canary beside the submission, temporary files, time and memory; a module may set `MOST_SECONDS`."""
    canary, temporary = tmp_path / "canary.txt", tmp_path / "temporary"
    canary.write_text(CANARY)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    yield
    assert time.monotonic() - started < getattr(request.module, "MOST_SECONDS", MOST_SECONDS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KIB
    assert canary.read_text() == CANARY and list(temporary.iterdir()) == []
    assert not [path for path in tmp_path.rglob("*evil*") if "mine" not in path.parts[-2:]]
