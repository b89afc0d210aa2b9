"""Basic Pitch: its outputs against the published model's, its windows, the start of notes in closed form, known tones."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import plugins
from bench.audio import Audio
from bench.errors import BenchError, MissingComponent
from bench.extractors import basic_pitch
from bench.extractors.basic_pitch import FRAMES, HOP, MARGIN, RATE, WINDOW, BasicPitch, begun, network
from bench.paths import PACKAGE, home
from bench.runtime.tensors import read_tensors, write_tensors
from bench.runtime.weights import sha256_of
from tests.extractors.known_sounds import chords, groove, mixed, tone
from tests.extractors.test_salience_notes import f1

SCRIPT = PACKAGE.parent / "benchmarks" / "basic_pitch_weights.py"
MADE = runpy.run_path(str(SCRIPT))
PUBLISHED = np.load(Path(__file__).with_name("basic_pitch.npz"))
"""What the published ONNX file gives for the sounds by onnxruntime, every fourth frame (SCRIPT made it)."""
PATH = home("weights") / "basic-pitch.safetensors"


@pytest.fixture(scope="module")
def plug() -> BasicPitch:
    return basic_pitch.build(separator="")


def planes(*notes: tuple[int, int, float, float], n_frames: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return onsets and notes with a peak of a height at a frame and pitch, and a note of a level in the ten frames on."""
    onsets, sounding = np.zeros((n_frames, 88), np.float32), np.zeros((n_frames, 88), np.float32)
    for frame, pitch, height, level in notes:
        onsets[frame - 1 : frame + 2, pitch] = [0.5 * height, height, 0.7 * height]
        sounding[frame : frame + 10, pitch] = level
    return onsets, sounding


@pytest.mark.parametrize("name", ["music", "noise"])
def test_outputs_are_those_of_the_published_model(name: str) -> None:
    sound = MADE["sounds"]()[name]
    with torch.inference_mode():
        onsets, notes = network.of(read_tensors(PATH))(torch.from_numpy(sound)[None])
    assert PUBLISHED[f"{name}_onsets"].max() > 0.5
    np.testing.assert_allclose(onsets[0, ::4], PUBLISHED[f"{name}_onsets"], atol=1e-4)
    np.testing.assert_allclose(notes[0, ::4], PUBLISHED[f"{name}_notes"], atol=1e-4)


def test_silence_within_a_window_is_finite(plug: BasicPitch) -> None:
    onsets, notes, _ = plug.probabilities(np.zeros(3 * WINDOW, np.float32))
    assert np.isfinite(onsets).all() and np.isfinite(notes).all()


@pytest.mark.parametrize("n", [1, 1000, WINDOW, 3 * WINDOW + 17])
def test_every_frame_comes_once_from_the_middle_of_a_window(plug: BasicPitch, n: int) -> None:
    """Windows and frames as the package makes them (inference.py): 30 frames overlap, 15 are cut at either end."""
    sound = np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)
    onsets, _, times_s = plug.probabilities(sound)
    padded = np.concatenate([np.zeros(15 * 256, np.float32), sound])
    expected, samples = [], []
    for start in range(0, n, WINDOW - 30 * 256):
        window = np.zeros(WINDOW, np.float32)
        part = padded[start : start + WINDOW]
        window[: len(part)] = part
        with torch.inference_mode():
            made = network.of(read_tensors(PATH))(torch.from_numpy(window)[None])[0][0].numpy()
        for frame in range(MARGIN, FRAMES - MARGIN):
            if (at := start - 15 * 256 + frame * HOP) < n:
                expected.append(made[frame])
                samples.append(at)
    np.testing.assert_allclose(onsets, expected, atol=1e-4)
    np.testing.assert_allclose(times_s, np.array(samples) / RATE)
    assert times_s[0] == 0.0 and (np.diff(times_s) > 0).all()
    assert np.diff(times_s, append=n / RATE).max() <= HOP / RATE + 1e-9


def test_a_note_begins_at_the_peak_of_its_onset() -> None:
    onsets, notes = planes((10, 40, 0.9, 0.8), (20, 40, 0.7, 0.8), (20, 51, 0.65, 0.5))
    assert np.argwhere(begun(onsets, notes, 0.6, 0.4, 0.7)).tolist() == [[10, 40], [20, 40], [20, 51]]


def test_low_peaks_and_onsets_that_no_note_follows_are_none() -> None:
    onsets, notes = planes((10, 40, 0.59, 0.8), (20, 41, 0.9, 0.39), (30, 42, 0.6, 0.4))
    assert np.argwhere(begun(onsets, notes, 0.6, 0.4, 0.7)).tolist() == [[30, 42]]


def test_a_note_has_to_sound_within_five_frames_and_not_only_before() -> None:
    onsets, _ = planes((20, 40, 0.9, 0.0), (20, 41, 0.9, 0.0), (20, 42, 0.9, 0.0))
    sounding = np.zeros_like(onsets)
    sounding[25, 40] = sounding[26, 41] = sounding[19, 42] = 1.0
    assert np.argwhere(begun(onsets, sounding, 0.6, 0.4, 0.7)).tolist() == [[20, 40]]


def test_the_first_of_equal_frames_is_the_peak_also_at_either_end() -> None:
    onsets, notes = np.zeros((8, 88), np.float32), np.ones((8, 88), np.float32)
    onsets[[0, 3, 4, 7], 5] = 0.9
    assert np.argwhere(begun(onsets, notes, 0.6, 0.4, 0.7)).tolist() == [[0, 5], [3, 5], [7, 5]]


@pytest.mark.parametrize(
    ("frame", "level", "is_kept"), [(20, 0.55, False), (22, 0.55, False), (23, 0.55, True), (20, 0.57, True)]
)
def test_an_octave_that_begins_with_a_stronger_note_below_is_its_partial(
    frame: int, level: float, is_kept: bool
) -> None:
    onsets, notes = planes((20, 40, 0.9, 0.8), (frame, 52, 0.9, level), (20, 47, 0.9, 0.5))
    found = np.argwhere(begun(onsets, notes, 0.6, 0.4, 0.7)).tolist()
    assert ([frame, 52] in found) == is_kept and [20, 40] in found and [20, 47] in found


@pytest.mark.parametrize("rate", [16000, 32000, 44100])
def test_a_scale_is_transcribed(plug: BasicPitch, rate: int) -> None:
    pitches = [48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 69, 71, 72]
    onsets = [0.2 + 0.4 * k for k in range(len(pitches))]
    audio = mixed([(t, tone(p, 0.4, rate)) for t, p in zip(onsets, pitches, strict=True)], 6.5, rate)
    found = plug.extract(audio)
    assert f1(onsets, pitches, found) > 0.9
    starts = found.where(found.pitches == 53).intervals_s[:, 0]
    assert starts == pytest.approx([0.2 + 0.4 * 3], abs=0.02)


def test_chords_are_transcribed_and_drums_removed() -> None:
    struck = [[48, 60, 64, 67], [45, 57, 60, 64], [41, 57, 60, 65]]
    onsets = [2.0 * k + s for k in range(3) for s in (0.0, 1.0) for _ in range(4)]
    pitches = [p for tones in struck for _ in (0, 1) for p in tones]
    assert f1(onsets, pitches, basic_pitch.build().extract(chords(32000, struck, 2.0))) > 0.8
    assert len(basic_pitch.build().extract(groove(32000, 120, 2)[0]))


def test_notes_begin_inside_the_sound_and_last_half_a_second_at_most(plug: BasicPitch) -> None:
    audio = groove(44100, 120, 2)[0]
    found = plug.extract(audio)
    lengths = np.diff(found.intervals_s, axis=1)
    assert len(found) and found.intervals_s.min() >= 0 and found.intervals_s.max() <= audio.duration_s
    assert lengths.min() > 0 and lengths.max() <= 0.5 + 1e-9
    assert found.velocities.min() >= 40 and found.velocities.max() <= 110


def test_silence_and_nothing_have_no_notes(plug: BasicPitch) -> None:
    assert not len(plug.extract(Audio(np.zeros(32000), 32000))) and not len(plug.extract(Audio(np.zeros(0), 32000)))


def test_its_identity_names_weights_thresholds_and_separator() -> None:
    identity = plugins.load("extractors", "basic-pitch", onset=0.5, separator="hpss").identity
    assert f"sha256 {sha256_of(PATH)[:12]}, onset 0.5" in identity and "without hpss" in identity
    assert "without" not in basic_pitch.build(separator="").identity


def test_another_file_is_refused_and_a_missing_one_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensors(tmp_path / "basic-pitch.safetensors", {"gain": np.ones(1, np.float32)})
    with pytest.raises(BenchError, match=r"basic-pitch\.safetensors: does not hold Basic Pitch \(.*get it again"):
        BasicPitch(tmp_path / "basic-pitch.safetensors", 0.6, 0.4, 0.7, "").extract(Audio(np.ones(RATE), RATE))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setattr("bench.runtime.weights.installed", lambda what: tmp_path / "none")
    with pytest.raises(
        MissingComponent, match=r"basic-pitch\.safetensors: missing; .*install it again\); salience-notes can run"
    ):
        basic_pitch.build()
