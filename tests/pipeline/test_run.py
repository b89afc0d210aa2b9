"""`bench run` end to end on a few songs, in this process."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from bench.cli.app import app
from bench.errors import BenchError
from bench.pipeline.run import run
from bench.pipeline.source import source_of
from bench.runtime.executor import Serial
from bench.runtime.layout import Layout, Setting
from bench.scores import WHOLE_SET, Row, read_rows, write_rows
from bench.task import Spec, load_task

runner = CliRunner()
LIMIT = "3"


def bench(*words: str, code: int = 0) -> str:
    result = runner.invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp("runs")
    bench("run", "--task", "inpaint-drums", "--limit", LIMIT, "--out", out)
    yield out


def rows_of(runs: Path, system: str, task: str = "inpaint-drums") -> list[Row]:
    return read_rows(runs / "results" / task / f"synthetic-quick-first{LIMIT}" / f"{system}.csv")


def whole(rows: list[Row], metric: str) -> Row:
    return next(row for row in rows if row.example == WHOLE_SET and row.metric == metric)


def test_a_leaderboard_is_printed(runs: Path) -> None:
    said = bench("run", "--task", "inpaint-drums", "--limit", LIMIT, "--out", runs)
    for system in ("retrieval", "loop-context", "copy-control", "other-song", "noise", "silence", "oracle"):
        assert system in said


def test_the_json_form_is_json(runs: Path) -> None:
    said = bench("run", "--task", "inpaint-drums", "--limit", LIMIT, "--out", runs, "--json")
    assert json.loads(said)


def test_a_second_run_changes_no_score(runs: Path) -> None:
    before = {path: path.read_bytes() for path in (runs / "results").rglob("*.csv")}
    assert before
    bench("run", "--task", "inpaint-drums", "--limit", LIMIT, "--out", runs)
    assert {path: path.read_bytes() for path in (runs / "results").rglob("*.csv")} == before


def test_floors_and_ceilings_have_their_known_values(runs: Path) -> None:
    oracle, silence = rows_of(runs, "oracle"), rows_of(runs, "silence")
    assert whole(oracle, "chroma-cosine").value == pytest.approx(1)
    assert whole(oracle, "context-lsd").value == 0
    assert whole(oracle, "seam-jump").value == 0
    assert whole(silence, "sdr").value == pytest.approx(0, abs=1e-9)
    assert whole(silence, "drum-onset-f1").value == 0
    assert all(row.state != "undefined-reference" for row in silence if row.metric == "drum-onset-f1")


def test_rows_carry_chance_and_ceiling(runs: Path) -> None:
    row, ceiling = (
        whole(rows_of(runs, "copy-control"), "drum-onset-f1"),
        whole(rows_of(runs, "oracle"), "drum-onset-f1"),
    )
    assert row.ceiling == pytest.approx(ceiling.value)
    assert 0 < row.chance < row.ceiling


def test_requests_hold_nothing_of_the_hole(runs: Path) -> None:
    folder = runs / "examples" / "inpaint-drums" / f"synthetic-quick-first{LIMIT}"
    assert {path.name for path in (folder / "requests").glob("*.*")} == {"README.md", "submission.yaml"}
    for request in sorted(path for path in (folder / "requests").iterdir() if path.is_dir()):
        masked, _ = soundfile.read(request / "masked.wav")
        reference, _ = soundfile.read(folder / "references" / f"{request.name}.wav")
        assert (masked[188 * 640 : 562 * 640] == 0).all()
        assert np.array_equal(masked[: 188 * 640], reference[: 188 * 640])
        assert {path.name for path in request.iterdir()} == {"masked.wav", "control-drums.wav", "request.yaml"}


def test_a_submission_is_checked_and_scored_like_our_own(runs: Path, tmp_path: Path) -> None:
    folder = runs / "submissions" / "inpaint-drums" / f"synthetic-quick-first{LIMIT}" / "noise"
    examples = runs / "examples" / "inpaint-drums" / f"synthetic-quick-first{LIMIT}"
    assert bench("check", folder, "--requests", examples).splitlines()[0] == "ok"
    assert "give --requests to check" in bench("check", folder)
    bench("score", folder, "--examples", examples, "--out", tmp_path)
    again = next((tmp_path / "results").rglob("noise.csv"))
    assert again.read_bytes() == next((runs / "results").rglob("noise.csv")).read_bytes()


def test_a_changed_context_is_scored_twice_as_it_is_and_stitched(runs: Path, tmp_path: Path) -> None:
    manifest = f"synthetic-quick-first{LIMIT}"
    source, folder = runs / "submissions" / "inpaint-drums" / manifest / "retrieval", tmp_path / "mine"
    folder.mkdir()
    for path in source.glob("*.wav"):
        sound, rate = soundfile.read(path, dtype="float32")
        soundfile.write(folder / path.name, 0.5 * sound, rate, subtype="FLOAT")
    card = (source / "submission.yaml").read_text().replace("system: retrieval", "system: softer")
    (folder / "submission.yaml").write_text(card)
    examples = runs / "examples" / "inpaint-drums" / manifest
    words = ("score", folder, "--examples", examples, "--out", tmp_path / "out")
    said = json.loads(bench(*words, "--metric", "clap-score[logmel-stats]", "--json"))
    assert [(e["system"], e["section"]) for e in said["tables"][0]["entries"]] == [
        ("softer", "ranked"),
        ("softer-stitched", "stitched"),
    ]
    raw, stitched = (
        read_rows(tmp_path / "out" / "results" / "inpaint-drums" / manifest / f"{name}.csv")
        for name in ("softer", "softer-stitched")
    )
    assert whole(raw, "context-lsd").value == pytest.approx(6.02, abs=0.5)
    assert whole(stitched, "context-lsd").value == 0
    for rows in (raw, stitched):
        assert whole(rows, "loudness-gap").value < -5 and whole(rows, "clap-score[logmel-stats]").state == "ok"
    said = bench(*words, "--extractor", "chords=hpss", code=2)
    assert "hpss finds drums" in said


def test_rows_of_another_extractor_are_not_replaced_unasked(runs: Path, tmp_path: Path, monkeypatch) -> None:
    from bench.extractors import chords_mini

    manifest = f"synthetic-quick-first{LIMIT}"
    folder = runs / "submissions" / "inpaint-drums" / manifest / "silence"
    words = ("score", folder, "--examples", runs / "examples" / "inpaint-drums" / manifest, "--out", tmp_path)
    bench(*words)
    before = next((tmp_path / "results").rglob("silence.csv")).read_bytes()
    monkeypatch.setattr(chords_mini, "VERSION", "of tomorrow")
    assert "--overwrite" in bench(*words, code=2)
    assert next((tmp_path / "results").rglob("silence.csv")).read_bytes() == before
    bench(*words, "--overwrite")
    assert b"of tomorrow" in next((tmp_path / "results").rglob("silence.csv")).read_bytes()


def test_a_defective_submission_is_refused_with_every_problem(runs: Path, tmp_path: Path) -> None:
    source = runs / "submissions" / "inpaint-drums" / f"synthetic-quick-first{LIMIT}" / "noise"
    folder = tmp_path / "mine"
    folder.mkdir()
    names = sorted(path.stem for path in source.glob("*.wav"))
    (folder / "submission.yaml").write_bytes((source / "submission.yaml").read_bytes())
    sound, rate = soundfile.read(source / f"{names[0]}.wav", dtype="float32")
    soundfile.write(folder / f"{names[0]}.wav", sound[:-1], rate, subtype="PCM_16")
    soundfile.write(folder / f"{names[1]}.wav", np.full_like(sound, np.nan), rate, subtype="FLOAT")
    examples = runs / "examples" / "inpaint-drums" / f"synthetic-quick-first{LIMIT}"
    said = bench("check", folder, "--requests", examples, code=1)
    assert f"{names[0]}.wav: 479999 samples" in said
    assert f"{names[1]}.wav: sample 0 is not finite" in said
    assert f"{names[2]}.wav: missing" in said


def test_look_draws_a_picture(runs: Path, tmp_path: Path) -> None:
    name = rows_of(runs, "oracle")[0].example
    path = tmp_path / "look.png"
    bench("look", name, "--task", "inpaint-drums", "--out", runs, "--png", path)
    assert path.read_bytes()[:4] == b"\x89PNG"
    said = bench("look", name, "--task", "inpaint-drums", "--out", runs, "--png", path / "look.png", code=2)
    assert "choose another folder with --png" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--task", "inpaint-drum"], "did you mean inpaint-drums"),
        (["run", "--task", "inpaint-drums", "--model", "retrieva"], "did you mean retrieval"),
        (["run", "--task", "inpaint-drums", "--dataset", "synthetik"], "no dataset is called 'synthetik'"),
        (["run", "--task", "inpaint-drums", "--dataset", "synthetic-tost"], "synthetic-test"),
        (["run", "--task", "inpaint-drums", "--limit", "0"], "--limit 0"),
        (["run", "--task", "inpaint-drums", "--workers", "0"], "--workers 0"),
        (["run", "--task", "inpaint-drums", "--extractor", "chords"], "want KIND=NAME"),
        (["run", "--task", "inpaint-drums", "--extractor", "chords=template-chord"], "did you mean template-chords"),
        (["run", "--task", "inpaint-drums", "--device", "gpu"], "no device is called 'gpu'"),
        (["list", "task"], "did you mean tasks"),
        (["check", "/nowhere"], "/nowhere: no such folder"),
        (["setup", "madmon"], "did you mean madmom"),
        (["data", "verify", "folder"], "--audio"),
    ],
)
def test_a_wrong_argument_gets_one_line_and_exit_code_2(words: list[str], said: str, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")] if words[0] == "run" else []
    shown = bench(*words, *out, code=2)
    assert said in shown
    assert len(shown.strip().splitlines()) == 1
    assert not (tmp_path / "out" / "results").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"primary": {"control": "drum-onset", "quality": "sdr"}}, "primary: control: .*did you mean drum-onset-f1"),
        ({"primary": {"control": "sdr", "quality": "clap-score"}}, "primary: quality: no column of its metrics"),
        ({"metrics": (Spec("sdr"), Spec("context-lsdd"))}, "metrics: .*did you mean context-lsd"),
        ({"metrics": (Spec("sdr"), Spec("sdr"))}, "metrics: sdr appears twice"),
    ],
)
def test_a_task_that_cannot_be_scored_is_refused_before_anything_is_made(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    task = replace(load_task("inpaint-drums"), **change)
    setting = Setting(Layout(tmp_path / "runs"), Serial(), {}, limit=2)
    with pytest.raises(BenchError, match=rf"tasks/inpaint-drums\.yaml: {said}"):
        run(task, source_of(None, None, None, task), ["copy-control"], setting)
    assert not (tmp_path / "runs").exists()


def test_several_tasks_are_run_in_one_call_and_a_wrong_one_before_any(tmp_path: Path) -> None:
    both = ["run", "--limit", "1", "--model", "silence", "--out", str(tmp_path), "--task", "inpaint-free", "--task"]
    assert "no task is called 'inpaint-drum'" in bench(*both, "inpaint-drum", code=2)
    assert not list(tmp_path.iterdir())
    bench(*both, "inpaint-drums", "--task", "inpaint-free")
    assert sorted(path.name for path in (tmp_path / "results").iterdir() if path.is_dir()) == [
        "inpaint-drums",
        "inpaint-free",
    ]


def test_a_broken_recording_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty" in bench("run", "--task", "inpaint-drums", "--audio", empty, "--out", tmp_path / "o", code=2)
    (empty / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt nothing")
    assert "broken.wav" in bench("run", "--task", "inpaint-drums", "--audio", empty, "--out", tmp_path / "o", code=2)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    from bench.runtime.locks import exclusive

    with exclusive(tmp_path):
        said = bench("run", "--task", "inpaint-drums", "--limit", "2", "--out", tmp_path, code=2)
    assert "in use by another run" in said


def test_rows_of_another_identity_are_not_replaced_unasked(tmp_path: Path) -> None:
    from bench.scoring.results import _must_have_same_identities

    nan = float("nan")

    def row(metric: str, identity: str) -> Row:
        return Row("t", 1, "m", "s", "x", metric, identity, "hole", "*", 1.0, nan, nan, 1, 1, "ok", nan, nan)

    path = tmp_path / "x.csv"
    write_rows(path, [row("sdr", "hpss v1"), row("beat-f1", "a"), row("beat-f1", "b")])
    _must_have_same_identities(path, [row("sdr", "hpss v1"), row("beat-f1", "b"), row("new", "c")])
    with pytest.raises(BenchError, match=r"holds sdr as `hpss v1`, it would now be `demucs`.*--overwrite"):
        _must_have_same_identities(path, [row("sdr", "demucs")])


def test_default_systems_without_an_adapter_for_a_control_are_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.pipeline import run as module

    chosen = replace(module.defaults(), systems=("silence", "prefix-tuning-mini"))
    monkeypatch.setattr(module, "defaults", lambda: chosen)
    words = ("run", "--task", "inpaint-chords", "--limit", "2", "--out", tmp_path)
    said = bench(*words)
    assert "prefix-tuning-mini is left out of inpaint-chords: " in said and "bench train" in said
    assert {path.stem for path in (tmp_path / "results").rglob("*.csv")} == {"silence"}
    assert "bench train" in bench(*words, "--model", "prefix-tuning-mini", code=2)
