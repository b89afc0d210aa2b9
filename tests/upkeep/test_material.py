"""Material of one's own: what is read, what is refused, and the measures of extractors whose findings are known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import plugins
from bench.audio import Audio, write_audio
from bench.cli.app import app
from bench.errors import BenchError, MissingComponent
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes, write_symbols
from bench.upkeep import material

RATE, DURATION_S = 16000, 4.0
N = round(RATE * DURATION_S)
HITS_S = (0.5, 1.0, 2.5)
TUNE = Notes(np.array([[0.0, 1.0], [2.0, 3.0]]), [60, 67], [90, 90])
CHORDS = Chords(np.array([[0, 2], [2, 4.0]]), ("C:maj", "A:min7"))


def clicks() -> Audio:
    sound = np.zeros(N, dtype=np.float32)
    sound[[round(time * RATE) for time in HITS_S]] = 0.8
    return Audio(sound, RATE)


class Ear:
    """An extractor that applies a function to the sound."""

    def __init__(self, kind: str, find: Callable[[Audio], Any]) -> None:
        self.kind, self.identity, self.extract = kind, "ear", find


def louder(gain: float) -> Callable[[Audio], Audio]:
    return lambda audio: Audio(audio.samples * gain, audio.sample_rate)


EARS = {
    "hits": Ear("onsets", lambda audio: Beats(np.flatnonzero(audio.mono > 0.2) / audio.sample_rate)),
    "no-hits": Ear("onsets", lambda audio: Beats(np.zeros(0))),
    "half": Ear("drums", louder(0.5)),
    "nothing": Ear("drums", louder(0.0)),
    "triads": Ear("chords", lambda audio: Chords(np.array([[0, 2], [2, 4.0]]), ("C:maj", "A:min"))),
    "tune": Ear("notes", lambda audio: TUNE),
    "any-beats": Ear("beats", lambda audio: Beats(np.zeros(0))),
}


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace all extractors; return the kinds of music of which the default one was asked."""
    asked: list[str] = []

    def load(kind: str, name: str, **options: Any) -> Any:
        if name == "absent":
            raise MissingComponent("absent needs a component")
        return EARS[name]

    def chosen(music: str, names: dict[str, str] | None = None) -> dict[str, str]:
        asked.append(music)
        return {"onsets": "hits"} | (names or {})

    monkeypatch.setattr(plugins, "load", load)
    monkeypatch.setattr(plugins, "names", lambda kind: [*EARS, "absent"])
    monkeypatch.setattr(material, "chosen_for", chosen)
    return asked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three items of two groups: with drums, without drums, and chords alone."""
    for name in ("pop/one", "pop/two", "solo/three"):
        (tmp_path / name).mkdir(parents=True)
        write_audio(tmp_path / name / "mix.wav", clicks())
        write_symbols(tmp_path / name / "chords.lab", CHORDS)
    write_audio(tmp_path / "pop/one/drums.wav", clicks())
    write_audio(tmp_path / "pop/two/drums.wav", Audio(np.zeros(N), RATE))
    hits = Notes(np.array([[0.5, 0.6]]), [38], [90], [DRUM_PROGRAM])
    write_symbols(tmp_path / "pop/two/notes.mid", Notes.joined([TUNE, hits]))
    return tmp_path


def found(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], tuple[float, int]]:
    return {(row["condition"], row["extractor"], row["measure"]): (row["mean"], row["n"]) for row in rows}


def test_measures_are_of_the_items_that_know_the_truth(folder: Path, ears: list[str]) -> None:
    assert found(material.noise_floor_of(folder)) == {
        ("pop", "half", "sdr"): (pytest.approx(20 * np.log10(2)), 1),
        ("pop", "half", "onset F"): (1.0, 1),
        ("pop", "half", "nothing found"): (0.0, 1),
        ("pop", "half", "found without drums"): (1.0, 1),
        ("pop", "nothing", "sdr"): (0.0, 1),
        ("pop", "nothing", "onset F"): (0.0, 1),
        ("pop", "nothing", "nothing found"): (1.0, 1),
        ("pop", "nothing", "found without drums"): (0.0, 1),
        ("pop", "triads", "majmin"): (1.0, 2),
        ("pop", "triads", "root"): (1.0, 2),
        ("pop", "triads", "sevenths"): (0.5, 2),
        ("pop", "tune", "note F"): (1.0, 1),
        ("solo", "triads", "majmin"): (1.0, 1),
        ("solo", "triads", "root"): (1.0, 1),
        ("solo", "triads", "sevenths"): (0.5, 1),
    }
    assert ears == ["recorded"]


@pytest.mark.usefixtures("ears")
def test_an_extractor_that_is_asked_for_is_the_only_one_of_its_kind(folder: Path) -> None:
    rows = material.noise_floor_of(folder, asked={"drums": "half", "onsets": "no-hits"})
    assert {row["extractor"] for row in rows} == {"half", "triads", "tune"}
    assert ("pop", "half", "onset F") in found(rows) and np.isnan(found(rows)["pop", "half", "onset F"][0])
    with pytest.raises(MissingComponent, match="absent needs a component"):
        material.noise_floor_of(folder, asked={"drums": "absent"})
    with pytest.raises(BenchError, match="--extractor drums=triads: triads finds chords; name an extractor of drums"):
        material.noise_floor_of(folder, asked={"drums": "triads"})


@pytest.mark.usefixtures("ears")
def test_items_may_lie_directly_in_the_folder_and_are_limited_in_each_group(folder: Path) -> None:
    assert {row["condition"] for row in material.noise_floor_of(folder / "pop")} == {"pop"}
    assert [one.name for one in material.item_folders(folder, 1)] == ["one", "three"]
    with pytest.raises(BenchError, match="--limit 0: want at least 1 item"):
        material.item_folders(folder, 0)


def test_a_folder_without_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"holds no item; an item is NAME/mix\.wav or CONDITION/NAME/mix\.wav"):
        material.noise_floor_of(tmp_path)
    with pytest.raises(BenchError, match="nowhere: is no folder"):
        material.noise_floor_of(tmp_path / "nowhere")
    (tmp_path / "one").mkdir()
    write_audio(tmp_path / "one/mix.wav", clicks())
    with pytest.raises(BenchError, match=r"no item has a truth to compare with: drums\.wav, notes\.mid or chords\.lab"):
        material.noise_floor_of(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("mix.wav", b"no sound", r"one/mix\.wav: "),
        ("notes.mid", b"no notes", r"one/notes\.mid: "),
        ("chords.lab", "0 4\n", r"one/chords\.lab:1: want 'start end label'"),
        ("chords.lab", "", r"one/chords\.lab: there is no chord, but mix\.wav ends at 4\.00 s"),
        ("chords.lab", "0 3 C:maj\n", r"one/chords\.lab: the last chord ends at 3\.00 s, but mix\.wav ends at 4\.00 s"),
        ("chords.lab", "0 1 N\n2 4 C:maj\n", r"one/chords\.lab: a chord ends at 1\.00 s and the next begins at 2\.00"),
        ("chords.lab", "0 4 Cmajor\n", r"one/chords\.lab: 'Cmajor' is no chord in Harte's notation"),
        (
            "drums.wav",
            Audio(np.zeros(N - 1), RATE),
            r"one/drums\.wav: 63999 samples at 16000 Hz, but mix\.wav has 64000",
        ),
        ("drums.wav", Audio(np.zeros(N), 2 * RATE), r"one/drums\.wav: 64000 samples at 32000 Hz, but"),
        ("notes.mid", TUNE.shifted(2.5), r"one/notes\.mid: a note begins at 4\.50 s, but mix\.wav ends at 4\.00 s"),
    ],
)
def test_a_bad_file_is_one_error(name: str, content: Any, why: str, folder: Path) -> None:
    path = folder / "pop/one" / name
    if isinstance(content, Audio):
        write_audio(path, content)
    elif isinstance(content, Notes):
        write_symbols(path, content)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BenchError, match=why):
        material.noise_floor_of(folder)


@pytest.mark.usefixtures("ears")
def test_the_command_prints_a_table_or_json(folder: Path) -> None:
    words = ["doctor", "--noise-floor", "--audio", str(folder), "--limit", "1"]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines()[0] == "| material | extractor | measure | mean | std | songs |"
    assert "| pop | `half` | sdr | 6.0 dB | nan | 1 |" in said.stdout.splitlines()
    rows = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert {"condition": "solo", "extractor": "triads", "measure": "sevenths", "mean": 0.5, "n": 1}.items() <= rows[
        -1
    ].items()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--audio", "x"], "add --noise-floor"),
        (["--noise-floor", "--audio", "x", "--dataset", "synthetic-test"], "name one of them"),
        (["--noise-floor", "--audio", "nowhere"], "nowhere: is no folder"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: list[str], why: str) -> None:
    said = CliRunner().invoke(app, ["doctor", *words])
    assert said.exit_code == 2 and why in said.stderr and not said.stdout
