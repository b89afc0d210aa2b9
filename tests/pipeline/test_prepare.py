"""Tests of bench.pipeline.prepare, with killed processes and several at once."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.audio import Audio, write_audio
from bench.cli.app import app
from bench.cli.resolve import sources_of
from bench.datasets import slakh2100
from bench.errors import BenchError
from bench.example import read_example
from bench.extractors.chords_mini import ChordsMini
from bench.music.extraction import Extractors
from bench.pipeline.build import build
from bench.pipeline.prepare import Prepared, bytes_of, prepare, summary
from bench.pipeline.source import dataset_of, selected
from bench.runtime.cache import Cache
from bench.runtime.executor import Serial
from bench.runtime.layout import Layout
from bench.runtime.locks import exclusive, shared
from bench.scoring.columns import metrics_of
from bench.scoring.hearing import Hearing
from bench.task import load_task
from tests.datasets.tiny_slakh import write_track

KILLS = int(os.environ.get("STEERBENCH_KILLS", "2"))
RATE, N_SONGS = 32000, 3
TASKS = ["inpaint-drums", "inpaint-chords", "inpaint-piano-two-gaps", "edit-drums"]


def write_songs(folder: Path, n: int = N_SONGS, duration_s: float = 16.0) -> Path:
    """Write songs of a bass tone, a chord and noise bursts on the beat."""
    time_s = np.arange(round(duration_s * RATE)) / RATE
    for k in range(n):
        rng = np.random.default_rng(k)
        chord = sum(np.sin(2 * np.pi * 220 * 2 ** ((k + step) / 12) * time_s) for step in (0, 4, 7))
        hits = rng.standard_normal(len(time_s)) * np.exp(-(time_s % 0.5) * 30)
        write_audio(folder / f"song{k}.wav", Audio((0.05 * chord + 0.2 * hits).astype(np.float32), RATE))
    return folder


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"))


def prepared(songs: Path, out: Path, tasks: list[str] = TASKS, **options: Any) -> Prepared:
    return prepare(sources_of(tasks, None, None, songs, None), Layout(out), Serial(), {}, **options)


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def no_extraction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every finding that is not in the cache an error."""
    content = Cache.content

    def kept(self: Cache, key: str, compute: Any) -> Any:
        def refuse() -> Any:
            raise AssertionError("extracted again")

        return content(self, key, refuse)

    monkeypatch.setattr(Cache, "content", kept)


@pytest.fixture(scope="module")
def ready(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Prepared]:
    out = tmp_path_factory.mktemp("ready")
    return out, prepared(songs, out, with_references=True)


def test_a_build_extracts_nothing_after_it(songs: Path, ready: tuple[Path, Prepared], no_extraction: None) -> None:
    for task, source in sources_of(TASKS, None, None, songs, None):
        made = build(task, source, Layout(ready[0]), Serial(), {})
        assert len(made.ids) == N_SONGS


def test_a_build_makes_the_same_bytes_with_it_and_without(
    songs: Path, ready: tuple[Path, Prepared], tmp_path: Path
) -> None:
    for out in (ready[0], tmp_path):
        for task, source in sources_of(TASKS[:2], None, None, songs, None):
            build(task, source, Layout(out), Serial(), {})
    for task in TASKS[:2]:
        assert hashes(ready[0] / "examples" / task) == hashes(tmp_path / "examples" / task) != {}


def test_references_are_extracted_as_scoring_does_it(
    songs: Path, ready: tuple[Path, Prepared], no_extraction: None
) -> None:
    for task, source in sources_of(TASKS, None, None, songs, None):
        made = build(task, source, Layout(ready[0]), Serial(), {})
        example = read_example(made.folder / "requests", made.folder / "references", made.ids[0])
        hearing = Hearing(example, example.reference, Extractors(dict(made.extractors), Cache(ready[0] / "cache")))
        for metric in metrics_of(task):
            if hasattr(metric, "compare"):
                assert hearing.embedded("reference", metric.embedding)
            else:
                assert metric.measure(example, hearing)


def test_findings_in_the_cache_are_not_extracted_again(songs: Path, tmp_path: Path) -> None:
    first = prepared(songs, tmp_path, ["inpaint-chords"])
    before = hashes(tmp_path / "cache")
    second = prepared(songs, tmp_path, ["inpaint-chords"])
    # The level of a control is matched to the visible part without its drums.
    assert first.extracted == second.there == {"beats": N_SONGS, "chords": N_SONGS, "drums": N_SONGS}
    assert not first.there and not second.extracted
    assert hashes(tmp_path / "cache") == before
    victim = next((tmp_path / "cache").rglob("*.npz"))
    victim.unlink()
    third = prepared(songs, tmp_path, ["inpaint-chords"])
    assert sum(third.extracted.values()) == 1 and hashes(tmp_path / "cache") == before


def test_tasks_share_common_findings(songs: Path, tmp_path: Path) -> None:
    prepared(songs, tmp_path, ["inpaint-drums"])
    more = prepared(songs, tmp_path, ["inpaint-drums", "refine-drums", "inpaint-drums-long"])
    assert more.there == {"drums": N_SONGS} and not more.extracted


def test_a_data_set_with_all_annotations_needs_no_extraction(tmp_path: Path) -> None:
    sources = sources_of(TASKS, "synthetic", None, None, None)
    done = prepare(sources, Layout(tmp_path), Serial(), {}, limit=1)
    assert not done.extracted and not done.there and not done.failed
    assert "nothing to extract" in summary(done)


@pytest.fixture
def slakh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two tracks in the layout of Slakh2100, which knows drums, beats and notes but no chords."""
    root = tmp_path / "data" / "slakh2100"
    for name in ("Track01876", "Track01877"):
        write_track(root / "test" / name)
    dataset_of.cache_clear()
    monkeypatch.setenv("BENCH_DATA", str(root.parent))
    monkeypatch.setenv("BENCH_MANIFESTS", str(tmp_path / "manifests"))
    listed = slakh2100.listed_tracks()
    monkeypatch.setattr(
        slakh2100, "listed_tracks", lambda: {name: listed[name] for name in ("Track01876", "Track01877")}
    )
    yield root
    dataset_of.cache_clear()


def test_of_a_real_data_set_only_missing_annotations_are_extracted(slakh: Path, tmp_path: Path) -> None:
    before = hashes(slakh)
    command = ["data", "prepare", "slakh2100", "--out", str(tmp_path / "out")]
    tasks = [part for task in TASKS[:3] for part in ("--task", task)]
    shown = CliRunner().invoke(app, [*command, *tasks])
    assert shown.exit_code == 0, shown.output
    assert re.findall(r"(\w+) +(\d+) extracted", shown.output) == [("chords", "2")]
    assert hashes(slakh) == before


def test_a_damaged_track_is_one_line_and_the_others_go_on(
    slakh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def and_then_broken(source: Any) -> Any:
        manifest = selected(source)
        (slakh / "test" / "Track01877" / "mix.flac").write_bytes(b"fLaC and then nothing")
        return manifest

    monkeypatch.setattr("bench.pipeline.prepare.selected", and_then_broken)
    sources = sources_of(["inpaint-chords"], "slakh2100", None, None, None)
    done = prepare(sources, Layout(tmp_path / "out"), Serial(), {})
    assert done.extracted == {"chords": 1} and list(done.failed) == ["track01877"]
    assert "Track01877/mix.flac" in summary(done) and "Traceback" not in summary(done)


def test_a_song_that_fails_is_named_and_the_others_go_on(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract, tried = ChordsMini.extract, []

    def failing(self: ChordsMini, audio: Audio) -> Any:
        tried.append(audio.sha256())
        if len(tried) == 2:
            raise ZeroDivisionError("no chord at all")
        return extract(self, audio)

    monkeypatch.setattr(ChordsMini, "extract", failing)
    done = prepared(songs, tmp_path, ["inpaint-chords", "arrange-chords", "inpaint-drums"])
    assert done.failed == {"song1": {"ZeroDivisionError: no chord at all": ["inpaint-chords", "arrange-chords"]}}
    assert "failed song1: ZeroDivisionError: no chord at all (inpaint-chords, arrange-chords)" in summary(done)
    assert done.extracted["chords"] == N_SONGS - 1 and done.extracted["drums"] > N_SONGS
    # An extraction that fails for one task is not tried again for the next.
    assert len(tried) == N_SONGS
    again = prepared(songs, tmp_path, ["inpaint-chords", "arrange-chords", "inpaint-drums"])
    assert not again.failed and again.extracted["chords"] == 1


def test_tasks_that_a_data_set_cannot_serve_are_left_out_with_a_reason(tmp_path: Path) -> None:
    one = write_songs(tmp_path / "one", n=1)
    done = prepared(one, tmp_path / "out", ["inpaint-drums", "edit-drums", "inpaint-drums-30s"])
    assert not done.failed and done.extracted == {"drums": 1}
    assert sorted(done.left_out) == ["edit-drums", "inpaint-drums-30s"]
    assert "give at least two songs" in done.left_out["edit-drums"]
    assert "none of its 1 recordings lasts 30 s" in done.left_out["inpaint-drums-30s"]
    with pytest.raises(BenchError, match="none of its 1 recordings lasts 30 s"):
        prepared(one, tmp_path / "out", ["inpaint-drums-30s"])
    with pytest.raises(BenchError, match="give at least two songs"):
        prepared(one, tmp_path / "out", ["edit-drums"])


def test_bytes_written_are_estimated_from_the_tasks(songs: Path, tmp_path: Path) -> None:
    for names in (["inpaint-drums"], ["inpaint-chords", "inpaint-piano-two-gaps"], TASKS):
        out = tmp_path / names[0]
        prepared(songs, out, names)
        each = sum(path.stat().st_size for path in (out / "cache").rglob("*") if path.is_file()) / N_SONGS
        assert each == pytest.approx(bytes_of([load_task(name) for name in names]), rel=0.1)


def test_only_the_last_process_removes_partial_files(songs: Path, tmp_path: Path) -> None:
    (tmp_path / "cache" / "ab").mkdir(parents=True)
    left = tmp_path / "cache" / "ab" / ".abc.part.npz"
    left.write_bytes(b"half")
    with shared(tmp_path):
        prepared(songs, tmp_path, ["inpaint-drums"], limit=1)
        assert left.exists()
    prepared(songs, tmp_path, ["inpaint-drums"], limit=1)
    assert not left.exists()


def test_a_folder_in_use_by_a_run_is_refused(songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.runtime.locks.PATIENCE_S", 0.0)
    with exclusive(tmp_path), pytest.raises(BenchError, match="in use by another run"):
        prepared(songs, tmp_path, ["inpaint-drums"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a data set, or a folder of recordings with --audio; not both"),
        (["synthetic", "--audio", "."], "name a data set, or a folder of recordings with --audio; not both"),
        (["--audio", ".", "--manifest", "x"], "leave it out with --audio"),
        (["synthetic", "--manifest", "synthetic-tst"], "did you mean synthetic-test"),
        (["sinthetic"], "did you mean synthetic"),
        (["synthetic", "--task", "inpaint-drum"], "did you mean inpaint-drums"),
        (["synthetic", "--limit", "0"], "--limit 0: want at least 1 excerpt"),
    ],
)
def test_a_wrong_argument_gets_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    shown = CliRunner().invoke(app, ["data", "prepare", *arguments, "--out", str(tmp_path)])
    assert shown.exit_code == 2 and said in shown.output and "Traceback" not in shown.output


def test_the_exit_code_is_1_if_an_excerpt_failed(songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["data", "prepare", "--audio", str(songs), "-t", "arrange-chords", "--json", "--out", str(tmp_path)]

    def failing(self: ChordsMini, audio: Audio) -> Any:
        raise BenchError("song.wav: no chords here; take another")

    with monkeypatch.context() as patched:
        patched.setattr(ChordsMini, "extract", failing)
        shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 1
    assert json.loads(shown.output)["failed"]["song0"] == {"song.wav: no chords here; take another": ["arrange-chords"]}
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0 and json.loads(shown.output)["extracted"]["chords"] == N_SONGS


def start(songs: Path, out: Path, workers: int = 1, code: str = "", **env: str) -> subprocess.Popen[bytes]:
    program = ["-c", code] if code else ["-m", "bench"]
    tasks = [part for task in ("inpaint-drums", "inpaint-chords", "edit-drums") for part in ("--task", task)]
    command = [sys.executable, *program, "data", "prepare", "--audio", str(songs), *tasks, "--out", str(out)]
    return subprocess.Popen(
        [*command, "--workers", str(workers)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **env},
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()


@pytest.fixture(scope="module")
def undisturbed(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    out = tmp_path_factory.mktemp("undisturbed")
    started = time.monotonic()
    finish(start(songs, out))
    return hashes(out / "cache"), time.monotonic() - started


@pytest.mark.parametrize("workers", [1, 2])
def test_after_repeated_kills_the_files_are_identical(
    songs: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path, workers: int
) -> None:
    wanted, seconds = undisturbed
    moments = random.Random(workers)
    for _ in range(KILLS):
        process = start(songs, tmp_path, workers)
        try:
            process.communicate(timeout=moments.uniform(0.4, 0.9) * seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
    finish(start(songs, tmp_path, workers))
    assert hashes(tmp_path / "cache") == wanted


LOGGING = """
import os, sys, time
from bench.runtime.cache import Cache
from bench.cli.app import main
content = Cache.content
def logged(self, key, compute):
    def slow():
        time.sleep(0.3)
        with open(os.environ["LOG"], "a") as log:
            log.write(key + "\\n")
        return compute()
    return content(self, key, slow)
Cache.content = logged
main()
"""


def test_two_processes_share_the_work_and_do_nothing_twice(
    songs: Path, undisturbed: tuple[dict[str, str], float], tmp_path: Path
) -> None:
    logs = [tmp_path / f"{k}.log" for k in range(2)]
    both = [start(songs, tmp_path / "out", code=LOGGING, LOG=str(log)) for log in logs]
    for process in both:
        finish(process)
    done = [log.read_text().splitlines() for log in logs]
    wanted = undisturbed[0]
    assert sorted(done[0] + done[1]) == sorted(Path(name).stem for name in wanted if name.endswith(".npz"))
    assert all(done), "one of the two had nothing to do"
    assert hashes(tmp_path / "out" / "cache") == wanted
