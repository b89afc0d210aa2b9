"""The suite's defaults: read from their file, wrong keys named."""

from pathlib import Path

import pytest

from bench import task as module
from bench.errors import BenchError
from bench.task import defaults

GOOD = "manifest: m\nrenderer: r\nextractors: {chords: [c]}\nsystems: [noise]\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    defaults()  # kept before anything is patched, for all tests that come after

    def write(text: str) -> module.Defaults:
        (tmp_path / "defaults.yaml").write_text(text)
        monkeypatch.setattr(module, "home", lambda name: tmp_path)
        return defaults.__wrapped__()  # the kept ones belong to the other tests

    return write


def test_defaults_are_read_from_their_file(written) -> None:
    assert written(GOOD) == module.Defaults("m", "r", {"chords": module.Choices(("c",), ("c",))}, ("noise",))
    assert defaults() is defaults()


def test_defaults_with_a_wrong_key_are_named(written) -> None:
    with pytest.raises(BenchError, match=r"defaults\.yaml: the keys 'renderer', 'systems' are missing"):
        written("manifest: m\nextractors: {chords: [c]}\n")
    with pytest.raises(BenchError, match=r"no key is called 'render'; did you mean renderer"):
        written(GOOD.replace("renderer:", "render:"))


def test_a_kind_may_have_a_list_for_each_kind_of_music(written) -> None:
    lists = written(GOOD.replace("[c]", "{composed: [a], recorded: [b, a], on_request: [z]}")).extractors["chords"]
    assert lists == module.Choices(("a",), ("b", "a"), ("z",))
    assert (lists.of("composed"), lists.of("recorded")) == (("a",), ("b", "a"))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{chord: [c]}", r"no kind of extractor is called 'chord'; did you mean chords"),
        ("{chords: c}", r"chords: composed: want a list of names, found 'c'"),
        ("{chords: [1]}", r"chords: composed: want a list of names, found \[1\]"),
        ("{chords: []}", r"chords: composed: names no extractor; list at least one"),
        ("{chords: {composed: [c]}}", r"chords: recorded: names no extractor"),
        ("{chords: {composed: [c], recorded: [c], record: [c]}}", r"chords: no kind of music is called 'record'; did"),
        ("[chords]", r"'extractors' is a list, want a mapping|extractors"),
    ],
)
def test_wrong_lists_of_extractors_are_named(written, entry: str, said: str) -> None:
    with pytest.raises(BenchError, match=rf"defaults\.yaml: extractors: .*({said})"):
        written(GOOD.replace("{chords: [c]}", entry))
