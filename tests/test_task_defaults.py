"""The suite's defaults: read from their file, wrong keys named."""

from pathlib import Path

import pytest

from bench import task as module
from bench.errors import BenchError
from bench.task import defaults

GOOD = "manifest: m\nrenderer: r\nextractors: {chords: c}\nsystems: [noise]\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    defaults()  # kept before anything is patched, for all tests that come after

    def write(text: str) -> module.Defaults:
        (tmp_path / "defaults.yaml").write_text(text)
        monkeypatch.setattr(module, "home", lambda name: tmp_path)
        return defaults.__wrapped__()  # the kept ones belong to the other tests

    return write


def test_defaults_are_read_from_their_file(written) -> None:
    assert written(GOOD) == module.Defaults("m", "r", {"chords": "c"}, ("noise",))
    assert defaults() is defaults()


def test_defaults_with_a_wrong_key_are_named(written) -> None:
    with pytest.raises(BenchError, match=r"defaults\.yaml: the keys 'renderer', 'systems' are missing"):
        written("manifest: m\nextractors: {chords: c}\n")
    with pytest.raises(BenchError, match=r"no key is called 'render'; did you mean renderer"):
        written(GOOD.replace("renderer:", "render:"))
