"""FAD and CLAP score are the same bytes over two runs, one or two workers, and any order of the files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.audio import Audio, write_audio
from bench.example import Example, ExampleSet, Request, Truth, masked, write_reference, write_request
from bench.manifest import Excerpt, Manifest
from bench.mask import Mask
from bench.paths import write_text
from bench.runtime.executor import Processes, Serial
from bench.scores import WHOLE_SET, Row
from bench.scoring.score import score
from bench.submission import Card, Submission
from bench.task import Spec, Task
from tests.tiny_clap import write_tiny_clap

RATE, SECONDS, IDS = 16000, 15.0, tuple(f"song-{k:02}" for k in range(16))
METRICS = (Spec("fad", {}, "logmel-stats"), Spec("kad", {}, "clap-folder"), Spec("clap-score", {}, "clap-folder"))
TASK = Task(
    "tiny", 1, "refine", "", "tiny", RATE, SECONDS, Spec("everything"), (), METRICS, {"quality": "fad[logmel-stats]"}, 0
)


def music(seed: int) -> Audio:
    """A few decaying tones and noise: enough that songs differ."""
    rng, n = np.random.default_rng(seed), round(SECONDS * RATE)
    time = np.arange(n) / RATE
    tones = sum(
        np.sin(2 * np.pi * f * time) * np.exp(-(time % rng.uniform(0.3, 2)) * 4) for f in rng.uniform(100, 3000, 4)
    )
    return Audio(0.1 * tones + 0.02 * rng.standard_normal(n), RATE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ExampleSet, Submission]:
    root = tmp_path_factory.mktemp("set")
    write_tiny_clap(root / "weights" / "clap-folder")
    folder, outputs = root / "examples", root / "mine"
    write_text(folder / "build.yaml", "task: tiny\n")
    mask = Mask(((0, 750),), 750)
    for k, name in enumerate(IDS):
        reference = music(k)
        request = Request(name, "tiny", 1, masked(reference, mask), mask, {})
        write_reference(folder / "references", Example(request, reference, Truth()))
        write_request(folder / "requests", request)
        write_audio(outputs / f"{name}.wav", music(1000 + k))
    manifest = Manifest("tiny", tuple(Excerpt(name, "synthetic", name, 0.0, SECONDS) for name in IDS))
    return ExampleSet(folder, TASK, manifest), Submission(outputs, Card("mine", "tiny", 1, "tiny"))


def test_the_same_bytes_however_it_is_run(made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples, submission = made
    monkeypatch.setenv("BENCH_WEIGHTS", str(examples.folder.parent / "weights"))
    reversed_order = replace(examples, manifest=replace(examples.manifest, excerpts=examples.manifest.excerpts[::-1]))
    runs: list[dict[tuple[str, str], Row]] = []
    for k, (workers, one) in enumerate(((1, examples), (1, examples), (2, examples), (1, reversed_order))):
        rows = score(submission, one, {}, tmp_path / f"cache{k}", Processes(2) if workers == 2 else Serial())
        runs.append({(row.metric, row.example): replace(row, manifest_sha="") for row in rows})
    first = runs[0]
    for name in ("fad[logmel-stats]", "kad[clap-folder]", "clap-score[clap-folder]"):
        assert np.isfinite(first[name, WHOLE_SET].value) and first[name, WHOLE_SET].value != 0
    assert first["fad[logmel-stats]", WHOLE_SET].state == "biased"
    assert 0 < first["clap-score[clap-folder]", WHOLE_SET].value < 1
    assert all(repr(sorted(run.items())) == repr(sorted(first.items())) for run in runs[1:])
