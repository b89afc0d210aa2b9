"""The shipped mini transcriber: known tones, unseen songs, rates, damaged files."""

from pathlib import Path

import mir_eval
import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.runtime.tensors import write_tensors
from bench.symbols import DRUM_PROGRAM, Notes
from tests.extractors.known_sounds import hit, kick, mixed, tone


def notes_of(audio: Audio) -> Notes:
    found: Notes = plugins.load("extractors", "notes-mini").extract(audio)
    return found


def f1(wanted: Notes, found: Notes) -> float:
    hz, found_hz = (440 * 2 ** ((np.asarray(notes.pitches) - 69) / 12) for notes in (wanted, found))
    scores = mir_eval.transcription.precision_recall_f1_overlap(
        wanted.intervals_s, hz, found.intervals_s, found_hz, offset_ratio=None
    )
    return float(scores[2])


@pytest.mark.parametrize("rate", [16000, 32000, 44100])
def test_a_scale_is_transcribed(rate: int) -> None:
    pitches = [48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 69, 71, 72]
    onsets = [0.2 + 0.4 * k for k in range(len(pitches))]
    audio = mixed([(t, tone(p, 0.4, rate)) for t, p in zip(onsets, pitches, strict=True)], 6.5, rate)
    intervals = np.column_stack([onsets, np.array(onsets) + 0.2])
    assert f1(Notes(intervals, pitches, np.full(len(pitches), 90)), notes_of(audio)) > 0.8


def test_unseen_songs_are_transcribed_better_than_without_weights() -> None:
    dataset = plugins.load("datasets", "synthetic")
    gains = []
    for excerpt in dataset.select("synthetic-validation-3").excerpts:
        mix, notes = (dataset.read(excerpt, what) for what in ("mix", "notes"))
        pitched = notes.where(notes.programs != DRUM_PROGRAM)
        plain = plugins.load("extractors", "salience-notes").extract(mix)
        gains.append(f1(pitched, notes_of(mix)) - f1(pitched, plain))
    assert np.mean(gains) > 0.1


def test_drums_alone_have_few_notes() -> None:
    drums = mixed([(0.5 * k, kick(32000) if k % 2 else hit(32000, k)) for k in range(12)], 6.0, 32000)
    assert len(notes_of(drums)) <= 4


def test_silence_has_none_and_a_gain_changes_nothing() -> None:
    assert len(notes_of(Audio(np.zeros((1, 32000), np.float32), 32000))) == 0
    audio = mixed([(0.2, tone(60, 1.0, 32000)), (0.2, tone(67, 1.0, 32000))], 2.0, 32000)
    quiet, loud = notes_of(audio), notes_of(Audio(8 * audio.samples, 32000))
    assert quiet.pitches.tolist() == loud.pitches.tolist() == [60, 67]


def test_a_foreign_weight_file_is_refused_and_a_missing_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    (tmp_path / "mini").mkdir()
    write_tensors(tmp_path / "mini" / "notes-mini.safetensors", {"other": np.zeros(3, np.float32)})
    with pytest.raises(BenchError, match=r"notes-mini\.safetensors: holds no mini transcriber"):
        notes_of(mixed([(0.3, hit(32000))], 1.0, 32000))
    (tmp_path / "mini" / "notes-mini.safetensors").unlink()
    monkeypatch.setattr("bench.runtime.weights.installed", lambda name: tmp_path / name)
    with pytest.raises(MissingComponent, match="bench train notes-mini"):
        plugins.load("extractors", "notes-mini")
