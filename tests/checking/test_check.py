"""Tests of bench.checking.check."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench import plugins
from bench.audio import Audio, write_audio
from bench.checking import check as module
from bench.checking.check import check
from bench.checking.fingerprint import fingerprint, written
from bench.errors import CheckFailed
from bench.example import ExampleSet
from bench.manifest import Excerpt, Manifest
from bench.paths import write_text
from bench.submission import TRAINING, Card, write_card
from bench.task import load_task

TASK = load_task("inpaint-drums")
RATE, N = TASK.sample_rate, TASK.n_samples
GOOD = np.random.default_rng(0).normal(0, 0.1, N).astype(np.float32)
FAR = 99_999
"""Samples: longer than any delay at which two sounds count as the same."""
INSIDE = TASK.mask_of("a").inside(RATE)


@pytest.fixture
def examples(tmp_path: Path) -> ExampleSet:
    write_audio(tmp_path / "examples" / "references" / "a.wav", Audio(np.roll(GOOD, FAR), RATE))
    return ExampleSet(tmp_path / "examples", TASK, Manifest("m", (Excerpt("a", "d", "a", 0.0, 15.0),)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    write_card(folder, Card("mine", TASK.name, TASK.version, "m"))
    write_audio(folder / "a.wav", Audio(GOOD, RATE))
    return folder


def findings_of(folder: Path, examples: ExampleSet | None):
    return check(folder, TASK, examples)[1]


def test_a_good_submission_has_no_problems_and_no_flags(folder: Path, examples: ExampleSet) -> None:
    assert (findings_of(folder, examples).problems, findings_of(folder, examples).flags) == ([], [])
    assert findings_of(folder, None).problems == []


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_the_allowed_encodings(folder: Path, examples: ExampleSet, subtype: str) -> None:
    soundfile.write(folder / "a.wav", GOOD, RATE, subtype=subtype)
    assert findings_of(folder, examples).problems == []


DEFECTS = {
    "missing": (lambda p: p.unlink(), "a.wav: missing"),
    "short": (lambda p: soundfile.write(p, GOOD[:-1], RATE), "a.wav: 479999 samples, want exactly 480000"),
    "long": (lambda p: soundfile.write(p, np.append(GOOD, 0), RATE), "a.wav: 480001 samples"),
    "empty": (lambda p: p.write_bytes(b""), "a.wav: cannot be read"),
    "text": (lambda p: p.write_text("not sound"), "a.wav: cannot be read"),
    "cut off": (lambda p: p.write_bytes(p.read_bytes()[:100_000]), "a.wav: "),
    "stereo": (lambda p: soundfile.write(p, np.stack([GOOD, GOOD], 1), RATE), "a.wav: 2 channels, want mono"),
    "other rate": (lambda p: soundfile.write(p, GOOD, 16000), "a.wav: 16000 Hz, want 32000 Hz"),
    "8 bit": (lambda p: soundfile.write(p, GOOD, RATE, subtype="PCM_U8"), "a.wav: WAV PCM_U8, want WAV of"),
    "flac": (lambda p: soundfile.write(p, GOOD, RATE, format="FLAC"), "a.wav: is FLAC, want WAV"),
    "nan": (lambda p: soundfile.write(p, np.where(np.arange(N) == 5, np.nan, GOOD), RATE, subtype="FLOAT"), "sample 5 is not finite"),
    "folder": (lambda p: (p.unlink(), p.mkdir()), "a.wav: is a folder; put the file itself there"),
    "mp3": (lambda p: soundfile.write(p, GOOD, RATE, format="MP3"), "a.wav: is MP3, want WAV"),
    "ogg": (lambda p: soundfile.write(p, GOOD, RATE, format="OGG"), "a.wav: is OGG, want WAV"),
    "infinite": (lambda p: soundfile.write(p, np.where(np.arange(N) == 7, -np.inf, GOOD), RATE, subtype="FLOAT"), "a.wav: sample 7 is not finite"),
    "double": (lambda p: soundfile.write(p, GOOD, RATE, subtype="DOUBLE"), "a.wav: WAV DOUBLE, want WAV of"),
    "no sound": (lambda p: soundfile.write(p, GOOD[:0], RATE), "a.wav: 0 samples, want exactly 480000"),
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_every_defect_is_named(folder: Path, examples: ExampleSet, defect: str) -> None:
    spoil, said = DEFECTS[defect]
    spoil(folder / "a.wav")
    problems = findings_of(folder, examples).problems
    assert len(problems) == 1 and said in problems[0] and problems[0].startswith("a.wav: ")
    with pytest.raises(CheckFailed, match="1 problem"):
        findings_of(folder, examples).raise_if_any(folder)


def test_all_problems_of_one_file_are_listed(folder: Path, examples: ExampleSet) -> None:
    soundfile.write(folder / "a.wav", np.zeros((100, 2)), 8000, subtype="PCM_U8")
    assert findings_of(folder, examples).problems == [
        "a.wav: WAV PCM_U8, want WAV of PCM_16, PCM_24, FLOAT",
        "a.wav: 8000 Hz, want 32000 Hz",
        "a.wav: 2 channels, want mono",
        "a.wav: 100 samples, want exactly 480000",
    ]


def test_a_file_with_a_huge_header_is_never_decoded(folder: Path, examples: ExampleSet, monkeypatch) -> None:
    """A sparse file of 1000 channels would be two gigabytes in memory."""
    monkeypatch.setattr(module, "read_audio", lambda path: pytest.fail("decoded"))
    header = bytearray((folder / "a.wav").read_bytes()[:44])
    soundfile.write(folder / "a.wav", np.zeros((10, 1000), dtype=np.float32), RATE, subtype="FLOAT")
    assert any("1000 channels, want mono" in problem for problem in findings_of(folder, examples).problems)
    header[22:24] = (2).to_bytes(2, "little")
    (folder / "a.wav").write_bytes(header)
    assert findings_of(folder, examples).problems


FLAGS = {
    "silent": (np.where(INSIDE, 0, GOOD), "a: silent in the hole"),
    "the reference, late and softer": (0.3 * np.roll(GOOD, FAR + 500), "a: equals the reference in the hole"),
    "the reference, inverted": (-np.roll(GOOD, FAR), "a: equals the reference in the hole"),
    "the request": (np.where(INSIDE, 1e-3 * GOOD, np.roll(GOOD, FAR)), "a: hands the request back as it was"),
    "constant": (np.where(INSIDE, 0.2, GOOD), "a: constant in the hole"),
    "clipped": (np.where(np.arange(N) // 20 == 4, 1.0, GOOD), "a: clipped"),
    "the reference": (np.roll(GOOD, FAR), "a: equals the reference in the hole"),
}


@pytest.mark.parametrize("oddity", FLAGS)
def test_every_oddity_is_flagged_and_strict_refuses_it(folder: Path, examples: ExampleSet, oddity: str) -> None:
    sound, said = FLAGS[oddity]
    write_audio(folder / "a.wav", Audio(sound, RATE))
    result = findings_of(folder, examples)
    assert result.problems == [] and [flag.partition(" (")[0] for flag in result.flags] == [said]
    result.raise_if_any(folder)
    with pytest.raises(CheckFailed, match=said):
        result.raise_if_any(folder, is_strict=True)


def test_surplus_files_are_flagged(folder: Path, examples: ExampleSet) -> None:
    (folder / "notes.txt").write_text("")
    assert findings_of(folder, examples).flags == ["1 surplus files are not scored: notes.txt"]


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (Card("mine", "inpaint-free", 1, "m"), "answers inpaint-free@1, asked for inpaint-drums@1"),
        (Card("mine", TASK.name, 9, "m"), "answers inpaint-drums@9"),
        (Card("mine", TASK.name, TASK.version, "other"), "manifest is other, the examples are of m"),
    ],
)
def test_a_card_for_something_else_is_refused(folder: Path, examples: ExampleSet, card: Card, said: str) -> None:
    write_card(folder, card)
    assert any(said in problem for problem in findings_of(folder, examples).problems)


def test_all_problems_come_at_once(folder: Path, examples: ExampleSet) -> None:
    write_card(folder, Card("mine", "inpaint-free", 1, "other"))
    (folder / "a.wav").unlink()
    with pytest.raises(CheckFailed, match=r"3 problems\n"):
        findings_of(folder, examples).raise_if_any(folder)


def test_a_card_that_cannot_be_read_is_one_problem(folder: Path, examples: ExampleSet) -> None:
    write_text(folder / "submission.yaml", "system: [")
    submission, result = check(folder, TASK, examples)
    assert submission is None and len(result.problems) == 1


def test_a_card_s_problems_come_at_once_with_those_of_the_outputs(folder: Path, examples: ExampleSet) -> None:
    lines = ("system: My Model", f"task: {TASK.name}", f"task_version: {TASK.version}", "manifest: m", "batch_size: -1")
    write_text(folder / "submission.yaml", "\n".join(lines))
    (folder / "a.wav").unlink()
    problems = findings_of(folder, examples).problems
    assert [problem.partition(" ")[0] for problem in problems] == ["submission.yaml:", "submission.yaml:", "a.wav:"]
    assert "system: 'My Model' is not 1 to 64" in problems[0] and "batch_size: -1; want numbers" in problems[1]
    assert check(folder / "none", TASK, examples)[0] is None


def test_an_empty_folder_without_examples_has_no_wav(tmp_path: Path) -> None:
    write_card(tmp_path, Card("mine", TASK.name, TASK.version, "m"))
    assert findings_of(tmp_path, None).problems == ["holds no WAV"]


def test_a_failed_request_of_our_models_is_not_missing(folder: Path, examples: ExampleSet) -> None:
    (folder / "a.wav").unlink()
    write_text(folder / "failed.yaml", "a: out of memory\n")
    assert findings_of(folder, examples).problems == [
        "failed.yaml: is for models of this suite, run by `bench generate`; answer every request",
        "a.wav: missing",
    ]
    write_card(folder, Card("silence", TASK.name, TASK.version, "m", notes=plugins.about("models", "silence")))
    assert findings_of(folder, examples).problems == []


@pytest.mark.parametrize("defect", sorted(set(DEFECTS) - {"missing"}))
def test_swapped_outputs_are_checked_like_the_others(folder: Path, examples: ExampleSet, defect: str) -> None:
    (folder / "swapped").mkdir()
    write_audio(folder / "swapped" / "a.wav", Audio(GOOD, RATE))
    assert (findings_of(folder, examples).problems, findings_of(folder, examples).flags) == ([], [])
    spoil, said = DEFECTS[defect]
    spoil(folder / "swapped" / "a.wav")
    (problem,) = findings_of(folder, examples).problems
    assert problem.startswith("swapped/a.wav: ") and said.removeprefix("a.wav: ") in problem


def test_every_wrong_value_of_a_header_is_listed(folder: Path, examples: ExampleSet) -> None:
    soundfile.write(folder / "a.wav", np.zeros((100, 2)), 8000, subtype="PCM_U8")
    problems = findings_of(folder, examples).problems
    assert len(problems) == 4 and all(problem.startswith("a.wav: ") for problem in problems)
    assert [part in " ".join(problems) for part in ("PCM_U8", "8000 Hz", "2 channels", "100 samples")] == [True] * 4


def test_a_malformed_list_of_failures_is_a_problem(folder: Path, examples: ExampleSet) -> None:
    (folder / "failed.yaml").write_text("- a")
    assert findings_of(folder, examples).problems == ["failed.yaml: want 'key: value' lines, found list"]


def test_eight_samples_at_full_scale_in_a_row_are_clipping_and_seven_are_not(
    folder: Path, examples: ExampleSet
) -> None:
    for run, flags in ((7, []), (8, ["a: clipped"])):
        sound = GOOD.copy()
        sound[:run] = np.where(np.arange(run) % 2, 1.0, -1.0)
        write_audio(folder / "a.wav", Audio(sound, RATE))
        assert findings_of(folder, examples).flags == flags


@pytest.mark.parametrize(("n", "is_clipped"), [(7, False), (8, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_eight_samples_in_a_row_at_full_scale_are_clipped(
    folder, examples, n: int, is_clipped: bool, sign: int
) -> None:
    sound = np.where((np.arange(N) >= N - n), sign, GOOD)
    write_audio(folder / "a.wav", Audio(sound, RATE))
    assert findings_of(folder, examples).flags == (["a: clipped"] if is_clipped else [])


def test_the_reference_at_sixteen_bits_is_still_the_reference(folder: Path, examples: ExampleSet) -> None:
    soundfile.write(folder / "a.wav", np.roll(GOOD, FAR), RATE, subtype="PCM_16")
    (flag,) = findings_of(folder, examples).flags
    assert flag.startswith("a: equals the reference in the hole (to -")


def test_silence_outside_the_hole_is_not_flagged(folder: Path, examples: ExampleSet) -> None:
    write_audio(folder / "a.wav", Audio(np.where(INSIDE, GOOD, 0), RATE))
    assert findings_of(folder, examples).flags == []


def test_a_training_list_is_matched_by_name_and_by_sound(folder: Path, examples: ExampleSet) -> None:
    music = np.concatenate([np.sin(np.cumsum(f * np.ones(RATE)) / RATE * 6.28) for f in range(200, 3200, 200)])
    music = (0.2 * music * np.tile(np.linspace(1, 0, 8000), 60)).astype(np.float32)
    write_audio(examples.folder / "references" / "a.wav", Audio(music, RATE))
    longer = Audio(np.concatenate([GOOD[:50_000] * 0.01, 0.5 * music, GOOD[:9_000] * 0.01]), RATE)
    named = replace(examples, manifest=Manifest("m", (Excerpt("a", "d", "Summer Time", 0.0, 15.0),)))
    lines = ["# mine", "SUMMER-TIME (live)", written("something else", fingerprint(longer)), "winter"]
    write_text(folder / TRAINING, "\n".join(lines))
    flags = findings_of(folder, named).flags
    assert len(flags) == 2 and "'SUMMER-TIME (live)' has the name of the test song Summer Time" in flags[0]
    assert "'something else' is the recording of the test excerpt a" in flags[1]
    write_text(folder / TRAINING, "song\tnonsense")
    assert any("training-list.txt:1: damaged landmarks" in problem for problem in findings_of(folder, named).problems)


@pytest.mark.parametrize("name", ["A.WAV", "a.WAV", "A.wav"])
def test_a_missing_output_names_a_file_with_a_similar_name(folder: Path, examples: ExampleSet, name: str) -> None:
    (folder / "a.wav").rename(folder / "part")
    (folder / "part").rename(folder / name)
    assert findings_of(folder, examples).problems == [
        f"a.wav: missing; {name} looks like it and is not: give it that name"
    ]
