"""Tests of bench.pipeline.generate."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio, read_audio
from bench.example import (
    Control,
    Example,
    ExampleSet,
    Request,
    Truth,
    masked,
    other_songs,
    write_reference,
    write_request,
)
from bench.manifest import Excerpt, Manifest
from bench.paths import write_text
from bench.pipeline.generate import generate
from bench.runtime.cache import Cache
from bench.task import load_task

IDS = ("a", "b", "c", "d", "e")


@pytest.fixture
def examples(tmp_path: Path) -> ExampleSet:
    task = load_task("inpaint-drums")
    manifest = Manifest("tiny", tuple(Excerpt(name, "synthetic", name, 0.0, 15.0) for name in IDS))
    folder = tmp_path / "examples"
    write_text(folder / "build.yaml", "task: tiny\n")
    rng = np.random.default_rng(0)
    for name in IDS:
        reference = Audio(rng.normal(0, 0.1, task.n_samples), task.sample_rate)
        drums = Audio(rng.normal(0, 0.1, task.n_samples), task.sample_rate)
        mask = task.mask_of(name)
        controls = {"drums": Control("drums", drums, drums)}
        request = Request(name, task.name, 1, masked(reference, mask), mask, controls, seed=task.seed_of(name))
        write_reference(folder / "references", Example(request, reference, Truth()))
        write_request(folder / "requests", request)
    return ExampleSet(folder, task, manifest)


class Model:
    """Returns the control; fails, or returns `answer`, on the request called `bad`."""

    batch_size = 2

    def __init__(self, bad: str = "", answer: Audio | None = None) -> None:
        self.bad, self.answer, self.seen = bad, answer, []

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        self.seen.append([request.id for request in requests])
        if self.bad in [request.id for request in requests]:
            if self.answer is None:
                raise ValueError("out of ideas")
            return [self.answer for _ in requests]
        return [request.controls["drums"].audio for request in requests]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):
    def use(model: Model) -> Model:
        monkeypatch.setattr(plugins, "load", lambda kind, name, **options: model)
        monkeypatch.setattr(plugins, "options", lambda kind, name: [])
        monkeypatch.setattr(plugins, "about", lambda kind, name: "")
        return model

    return use


def test_batches_follow_the_list_and_the_batch_size(examples: ExampleSet, install, tmp_path: Path) -> None:
    model = install(Model())
    generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    assert model.seen[:3] == [["a", "b"], ["c", "d"], ["e"]]


def test_one_failing_request_does_not_spoil_its_batch(examples: ExampleSet, install, tmp_path: Path) -> None:
    install(Model(bad="c"))
    submission = generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    assert submission.failures == {"c": "ValueError: out of ideas"}
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.wav")) == ["a", "b", "d", "e"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Audio(np.zeros(479999), 32000), "(1, 479999) samples"),
        (Audio(np.zeros((2, 480000)), 32000), "(2, 480000) samples"),
        (Audio(np.zeros(480000), 16000), "at 16000 Hz"),
        (Audio(np.full(480000, np.nan), 32000), "NaN or infinity"),
    ],
)
def test_an_output_of_the_wrong_format_is_a_failure(
    examples: ExampleSet, install, tmp_path: Path, answer: Audio, said: str
) -> None:
    install(Model(bad="c", answer=answer))
    failures = generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache")).failures
    assert list(failures) == ["c"] and said in failures["c"]


def test_finished_batches_are_left_alone_and_damaged_ones_made_again(
    examples: ExampleSet, install, tmp_path: Path
) -> None:
    install(Model())
    generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.wav")}
    again = install(Model())
    generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    assert again.seen == []
    (tmp_path / "out" / "c.wav").write_bytes(b"RIFF")
    (tmp_path / "out" / "e.wav").unlink()
    mended = install(Model())
    generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    assert mended.seen == [["c", "d"], ["e"]]
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.wav")} == before


def test_swapped_outputs_follow_another_songs_control(examples: ExampleSet, install, tmp_path: Path) -> None:
    install(Model())
    generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    partners = other_songs(IDS)
    for name in IDS:
        swapped = read_audio(tmp_path / "out" / "swapped" / f"{name}.wav").samples
        assert np.array_equal(swapped, examples.request(partners[name]).controls["drums"].audio.samples)


def test_a_failed_request_is_tried_again_in_the_next_run(examples: ExampleSet, install, tmp_path: Path) -> None:
    install(Model(bad="c"))
    generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    mended = install(Model())
    submission = generate(examples, "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    assert submission.failures == {} and mended.seen[0] == ["c", "d"]
    assert (tmp_path / "out" / "c.wav").exists() and not (tmp_path / "out" / "failed.yaml").exists()


def test_excerpts_of_one_song_have_no_other_songs_control(examples: ExampleSet, install, tmp_path: Path) -> None:
    ids = ("a", "a--2")
    write_request(examples.folder / "requests", replace(examples.request("a"), id="a--2"))
    manifest = Manifest("tiny", tuple(Excerpt(name, "synthetic", "a", 0.0, 15.0) for name in ids))
    install(Model())
    submission = generate(replace(examples, manifest=manifest), "mine", tmp_path / "out", Cache(tmp_path / "cache"))
    assert submission.failures == {} and not (tmp_path / "out" / "swapped").exists()
