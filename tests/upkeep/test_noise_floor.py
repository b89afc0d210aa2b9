"""The noise floor: scores of perfect and of silent extractors, and undefined values that are not averaged."""

import math
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import plugins
from bench.audio import Audio
from bench.cli.app import app
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.manifest import Excerpt, Manifest
from bench.music.choice import chosen_for
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes
from bench.upkeep import noise_floor as floor

RATE, DURATION_S = 16000, 4.0
N = round(RATE * DURATION_S)


class Truthful:
    """A data set of two songs; the second has no drums."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.drums = Audio(rng.standard_normal(N).astype(np.float32) * 0.1, RATE)
        self.rest = Audio(rng.standard_normal(N).astype(np.float32) * 0.1, RATE)
        self.hits = Notes(np.array([[0.5, 0.6], [0.51, 0.6], [2.0, 2.1]]), [38, 42, 36], [90] * 3, [DRUM_PROGRAM] * 3)
        self.tune = Notes(np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 3.0]]), [60, 64, 67], [90] * 3)
        self.chords = Chords(np.array([[0, 2], [2, 4.0]]), ("C:maj", "A:min7"))
        self.beats = Beats(np.arange(8) * 0.5, np.arange(8) % 4 + 1)

    def select(self, manifest: str | None) -> Manifest:
        songs = tuple(Excerpt(f"song-{k}", "truthful", f"song-{k}", 0.0, DURATION_S) for k in (1, 2))
        return Manifest(manifest or "truthful-default", songs)

    def read(self, excerpt: Excerpt, what: str) -> Any:
        has_drums = excerpt.track == "song-1"
        drums = self.drums if has_drums else Audio(np.zeros(N), RATE)
        return {
            "mix": Audio(self.rest.samples + drums.samples, RATE),
            "drums": drums,
            "chords": self.chords,
            "beats": self.beats,
            "notes": Notes.joined([self.tune, self.hits] if has_drums else [self.tune]),
        }.get(what)


class Ear:
    """An extractor that returns a given result for any sound."""

    def __init__(self, kind: str, finding: Any) -> None:
        self.kind, self.finding, self.identity = kind, finding, "ear"

    def extract(self, audio: Audio) -> Any:
        return self.finding


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Truthful:
    dataset = Truthful()
    ears = {
        "perfect-drums": Ear("drums", dataset.drums),
        "half-drums": Ear("drums", Audio(dataset.drums.samples / 2, RATE)),
        "perfect-onsets": Ear("onsets", Beats(np.array([0.52, 2.03]))),
        "perfect-beats": Ear("beats", dataset.beats),
        "late-beats": Ear("beats", dataset.beats.shifted(0.1)),
        "perfect-chords": Ear("chords", dataset.chords),
        "triads": Ear("chords", Chords(dataset.chords.intervals_s, ("C:maj", "A:min"))),
        "half-chords": Ear("chords", Chords(np.array([[0.0, 4.0]]), ("C:maj",))),
        "perfect-notes": Ear("notes", dataset.tune),
        "deaf": Ear("notes", Notes(np.zeros((0, 2)), np.zeros(0), np.zeros(0))),
        "any-chroma": Ear("chroma", None),
    }

    separator = chosen_for("recorded")["drums"]

    def load(kind: str, name: str, **options: Any) -> Any:
        if name == "absent":
            raise MissingComponent("not here")
        if name == separator:
            return ears["perfect-drums"]
        return {"datasets": {"truthful": dataset}, "extractors": ears}.get(kind, {}).get(name, Silent())

    monkeypatch.setattr(plugins, "load", load)
    monkeypatch.setattr(plugins, "names", lambda kind: ["truthful"] if kind == "datasets" else [*ears, "absent"])
    return dataset


class Silent:
    """A renderer."""

    def render(self, notes: Notes, duration_s: float, sample_rate: int) -> Audio:
        return Audio(np.zeros(round(duration_s * sample_rate)), sample_rate)


def means(rows: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    return {(row["extractor"], row["measure"]): row["mean"] for row in rows}


@pytest.mark.usefixtures("truth")
def test_scores_of_perfect_and_silent_extractors() -> None:
    found = means(floor.noise_floor("truthful-set"))
    assert found["perfect-drums", "drum sdr"] > 100
    assert found["half-drums", "drum sdr"] == pytest.approx(20 * np.log10(2))
    assert found["perfect-onsets", "F on the stem"] == found["perfect-onsets", "F on separated drums"] == 1
    assert found["perfect-beats", "beat F"] == found["perfect-beats", "downbeat F"] == 1
    assert found["late-beats", "beat F"] == 0
    assert found["perfect-chords", "majmin"] == found["perfect-chords", "sevenths"] == 1
    assert found["triads", "majmin"] == 1
    assert found["triads", "sevenths"] == pytest.approx(0.5)
    assert found["half-chords", "majmin"] == pytest.approx(0.5)
    assert found["perfect-notes", "F on the mix"] == found["perfect-notes", "F on the piano reduction"] == 1
    assert found["deaf", "F on the mix"] == 0


@pytest.mark.usefixtures("truth")
def test_songs_without_drums_are_counted_and_not_averaged() -> None:
    rows = {row["extractor"]: row for row in floor.noise_floor("truthful-set") if row["kind"] == "drums"}
    row = rows["half-drums"]
    assert (row["n"], row["n_songs"], row["manifest"], row["unit"]) == (1, 2, "truthful-set", "dB")
    assert math.isnan(row["std"])


@pytest.mark.usefixtures("truth")
def test_only_available_extractors_with_a_truth_have_rows() -> None:
    rows = floor.noise_floor("truthful", limit=1)
    assert {row["extractor"] for row in rows}.isdisjoint({"absent", "any-chroma"})
    assert {row["n_songs"] for row in rows} == {1}
    assert {row["manifest"] for row in rows} == {"truthful-default-first1"}


@pytest.mark.usefixtures("truth")
def test_an_unknown_manifest_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"no dataset is called 'untruthful'; did you mean truthful"):
        floor.noise_floor("untruthful")


def test_a_data_set_without_the_truth_is_refused(truth: Truthful, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "read", lambda excerpt, what: None)
    with pytest.raises(BenchError, match=r"song-1: truthful has no .*; the noise floor needs the truth"):
        floor.noise_floor("truthful-set")


@pytest.mark.usefixtures("truth")
def test_the_table_is_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    said = CliRunner().invoke(app, ["doctor", "--noise-floor", "--dataset", "truthful-set", "--limit", "1"])
    lines = said.stdout.splitlines()
    assert said.exit_code == 0 and lines[0] == "| extractor | measure | mean | std | songs |"
    assert "| `half-drums` | drum sdr | 6.0 dB | nan | 1 |" in lines


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize(
    ("words", "why"),
    [(["--dataset", "untruthful"], "no dataset is called 'untruthful'"), (["--limit", "0"], "--limit 0")],
)
def test_an_error_is_one_line(words: list[str], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = CliRunner().invoke(app, ["doctor", "--noise-floor", "--dataset", "truthful-set", *words])
    assert said.exit_code == 2 and why in said.stderr and not said.stdout


def test_the_doctor_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(floor, "noise_floor", lambda *given: asked.append(given) or [])
    given = ["--dataset", "synthetic-test", "--extractor", "drums=hpss", "--limit", "2"]
    assert CliRunner().invoke(app, ["doctor", "--noise-floor", *given]).exit_code == 0
    assert asked == [("synthetic-test", 2, "hpss")]


@pytest.mark.parametrize("other", [("--task", "inpaint-drums"), ("--model", "oracle")])
def test_the_doctor_refuses_options_that_noise_floor_would_ignore(other):
    said = CliRunner().invoke(app, ["doctor", "--noise-floor", *other])
    assert said.exit_code == 2 and "leave out --task and --model" in " ".join(said.output.split())
