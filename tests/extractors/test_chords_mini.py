"""The shipped mini chord recogniser: known chords, unseen songs, no chord, damaged files."""

from pathlib import Path

import mir_eval
import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.mini.harmony import ROOTS
from bench.runtime.tensors import write_tensors
from bench.symbols import Chords
from tests.extractors.known_sounds import chords, hit, kick, mixed

SHAPES = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "min7": (0, 3, 7, 10)}


def recognised(audio: Audio) -> Chords:
    found: Chords = plugins.load("extractors", "chords-mini").extract(audio)
    return found


def share(audio: Audio, *labels: str) -> float:
    found = recognised(audio)
    lengths = np.diff(found.intervals_s, axis=1)[:, 0]
    return float(sum(length for length, label in zip(lengths, found.labels, strict=True) if label in labels)) / 4.0


@pytest.mark.parametrize("quality", list(SHAPES))
@pytest.mark.parametrize("root", [0, 4, 9])
def test_a_held_chord_gets_its_root_and_third(root: int, quality: str) -> None:
    tones = [60 + root + step for step in SHAPES[quality]]
    alike = ("min", "min7") if quality.startswith("min") else ("maj", "7", "maj7")
    bass = chords(32000, [[36 + root, *tones]], 4.0)
    assert share(bass, *(f"{ROOTS[root]}:{one}" for one in alike)) > 0.9


@pytest.mark.parametrize("rate", [16000, 32000, 44100])
def test_a_progression_is_followed(rate: int) -> None:
    found = recognised(chords(rate, [[48, 60, 64, 67], [45, 60, 64, 69], [41, 60, 65, 69], [43, 59, 62, 67]], 2.0))
    assert [label.replace("maj7", "maj").replace("min7", "min") for label in found.labels] == [
        "C:maj", "A:min", "F:maj", "G:maj",
    ]  # fmt: skip
    np.testing.assert_allclose(found.intervals_s[:, 0], [0, 2, 4, 6], atol=0.2)
    assert found.intervals_s[-1, 1] == pytest.approx(8.0)


def test_drums_and_silence_have_no_chord() -> None:
    drums = mixed([(0.5 * k, kick(32000) if k % 2 else hit(32000, k)) for k in range(8)], 4.0, 32000)
    assert share(drums, "N") > 0.9
    assert recognised(Audio(np.zeros((1, 64000), np.float32), 32000)).labels == ("N",)


def test_chords_of_unseen_songs_are_recognised() -> None:
    dataset = plugins.load("datasets", "synthetic")
    scores = []
    for excerpt in dataset.select("synthetic-validation-6").excerpts:
        mix, wanted = (dataset.read(excerpt, what) for what in ("mix", "chords"))
        found = recognised(mix)
        scores.append(
            mir_eval.chord.evaluate(wanted.intervals_s, list(wanted.labels), found.intervals_s, list(found.labels))[
                "majmin"
            ]
        )
    assert np.mean(scores) > 0.9


def test_a_foreign_weight_file_is_refused_and_a_missing_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    (tmp_path / "mini").mkdir()
    write_tensors(tmp_path / "mini" / "chords-mini.safetensors", {"other": np.zeros(3, np.float32)})
    with pytest.raises(BenchError, match=r"chords-mini\.safetensors: holds no mini chord recogniser"):
        recognised(mixed([(0.3, hit(32000))], 1.0, 32000))
    (tmp_path / "mini" / "chords-mini.safetensors").unlink()
    monkeypatch.setattr("bench.runtime.weights.installed", lambda name: tmp_path / name)
    with pytest.raises(MissingComponent, match="bench train chords-mini"):
        plugins.load("extractors", "chords-mini")
