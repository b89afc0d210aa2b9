"""Which extractor is taken: the first that is installed, none whose licence forbids some uses, the one asked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import plugins
from bench.errors import BenchError, MissingComponent
from bench.music import choice
from bench.music.choice import choices, chosen_for, line, must_be_installed
from bench.recordings.library import MUSIC
from bench.task import EXTRACTED, Choices, defaults

PINNED = {
    "drums": "sep-mini",
    "onsets": "onset-flux",
    "beats": "librosa-beats",
    "chords": "chords-mini",
    "notes": "notes-mini",
    "chroma": "cqt-chroma",
}
"""Extractors of all published rows; whoever changes one changes every table."""


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch):
    """Return a function that sets the defaults' lists."""
    choices.cache_clear()

    def put(**lists: Choices) -> None:
        monkeypatch.setattr(choice, "defaults", lambda: defaults().__class__("m", "r", lists, ()))

    yield put
    monkeypatch.undo()
    choices.cache_clear()


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch):
    """Return a function that takes extractors away."""
    load = plugins.load

    def take(*names: str) -> None:
        def without(kind: str, name: str, /, **options: object) -> object:
            if name in names:
                raise MissingComponent(f"{name} is not here; get it with `bench setup {name}`")
            return load(kind, name, **options)

        monkeypatch.setattr(plugins, "load", without)

    return take


def test_composed_music_is_heard_by_the_extractors_of_the_published_rows() -> None:
    assert chosen_for("composed") == PINNED
    assert tuple(PINNED) == EXTRACTED


def test_what_is_pinned_comes_with_a_plain_installation(tmp_path: Path) -> None:
    """Without downloaded weights, and in a process to which the packages of the extras are not there."""
    hide = "for name in ('madmom', 'onnxruntime', 'peft', 'mirdata'): sys.modules[name] = None\n"
    code = f"import sys\n{hide}from bench import plugins\n" + "\n".join(
        f"plugins.load('extractors', {lists.composed[0]!r})" for lists in defaults().extractors.values()
    )
    environment = {**os.environ, "BENCH_WEIGHTS": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=300)
    for lists in defaults().extractors.values():
        assert plugins.weights_of("extractors", lists.composed[0]) == []


def test_the_first_that_is_installed_is_taken(listed, lacking) -> None:
    listed(drums=Choices(("sep-mini",), ("sep-mini", "hpss")))
    assert chosen_for("recorded") == {"drums": "sep-mini"}
    lacking("sep-mini")
    assert chosen_for("recorded") == {"drums": "hpss"}
    lacking("sep-mini", "hpss")
    with pytest.raises(
        MissingComponent, match=r"no extractor of drums is installed: .*bench setup sep-mini.*bench setup hpss"
    ):
        chosen_for("recorded")


def test_a_missing_package_is_a_missing_extractor(listed, monkeypatch: pytest.MonkeyPatch) -> None:
    load = plugins.load

    def without(kind: str, name: str, /, **options: object) -> object:
        if name == "sep-mini":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return load(kind, name, **options)

    monkeypatch.setattr(plugins, "load", without)
    listed(drums=Choices(("hpss",), ("sep-mini", "hpss")))
    assert chosen_for("recorded") == {"drums": "hpss"}
    assert choice.missing("sep-mini") == "sep-mini needs torch; pip install torch"


def test_both_kinds_of_music_have_their_own_list(listed) -> None:
    listed(drums=Choices(("sep-mini",), ("hpss",)), chords=Choices(("template-chords",), ("template-chords",)))
    assert chosen_for("composed") == {"drums": "sep-mini", "chords": "template-chords"}
    assert chosen_for("recorded") == {"drums": "hpss", "chords": "template-chords"}


@pytest.mark.parametrize("music", MUSIC)
def test_what_is_asked_for_wins(music: str) -> None:
    taken = chosen_for(music, {"chords": "madmom-chords-deep"})
    assert taken == {**chosen_for(music), "chords": "madmom-chords-deep"}


@pytest.mark.parametrize("place", ["composed", "recorded"])
@pytest.mark.parametrize(("kind", "name"), [("chords", "madmom-chords-cnn"), ("drums", "demucs-drums")])
def test_what_may_not_be_used_commercially_is_never_taken_unasked(listed, kind: str, name: str, place: str) -> None:
    lists = {"composed": ("hpss",), "recorded": ("hpss",)} | {place: (name, "hpss")}
    listed(**{kind: Choices(**lists)})
    with pytest.raises(BenchError, match=rf"{kind}: {name} is never taken unasked \(.+\); list it under on_request"):
        chosen_for("recorded")
    listed(**{kind: Choices(("hpss",), ("hpss",), (name,))})
    choices.cache_clear()
    assert chosen_for("recorded") == {kind: "hpss"}


def test_plugs_that_speak_of_such_a_licence_are_marked() -> None:
    speaks = re.compile(r"BY-NC|non-commercial|scientific purposes")
    for name in plugins.names("extractors"):
        text = plugins._file("extractors", name).read_text(encoding="utf-8")
        assert bool(plugins.restriction("extractors", name)) == bool(speaks.search(text)), name


@pytest.mark.parametrize("lists", [Choices(("hpps",), ("hpss",)), Choices(("hpss",), ("hpss",), ("hpps",))])
def test_an_unknown_name_in_the_defaults_is_named(listed, lists: Choices) -> None:
    listed(drums=lists)
    with pytest.raises(
        BenchError, match=r"defaults\.yaml: extractors: drums: no extractor is called 'hpps'; did you mean"
    ):
        chosen_for("composed")


def test_what_was_taken_and_is_gone_is_refused_with_its_command(lacking) -> None:
    must_be_installed(PINNED, "here/build.yaml")
    lacking("sep-mini")
    with pytest.raises(
        MissingComponent,
        match=r"^here/build\.yaml: drums are found by sep-mini, .*bench setup sep-mini`\. .*--extractor drums=NAME$",
    ):
        must_be_installed(PINNED, "here/build.yaml")


def test_the_line_names_music_kinds_and_extractors() -> None:
    said = line("recorded", {"drums": "hpss", "notes": "salience-notes"})
    assert said == "extractors for recorded music: drums hpss, notes salience-notes"
