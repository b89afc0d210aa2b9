"""Tests of bench.pipeline.handout."""

from dataclasses import fields
from pathlib import Path

import pytest

from bench.cli.resolve import requests_of
from bench.errors import BenchError
from bench.example import ExampleSet
from bench.formats import read_yaml
from bench.manifest import Manifest
from bench.pipeline.handout import README, write_handout
from bench.pipeline.leaks import scan
from bench.submission import CARD, Card, read_submission
from bench.task import load_task, task_names


@pytest.mark.parametrize("name", task_names())
def test_the_page_describes_requests_and_outputs(tmp_path: Path, name: str) -> None:
    task = load_task(name)
    write_handout(tmp_path, task, "synthetic-quick", 16)
    page = (tmp_path / README).read_text()
    assert page.startswith(f"# {name}, version {task.version}, on synthetic-quick\n")
    for word in (
        "16 requests",
        f"exactly {task.n_samples} samples",
        f"{task.sample_rate} Hz",
        "bench check mine",
        task.description,
    ):
        assert word in page
    given = {kind for kind in ("drums", "chords", "piano") if f"control-{kind}.wav" in page}
    assert given == {control.kind for control in task.controls}
    assert not set("{}") & set(page)


def test_the_card_needs_a_name_and_nothing_else(tmp_path: Path) -> None:
    task = load_task("inpaint-drums")
    write_handout(tmp_path, task, "synthetic-quick", 16)
    assert list(read_yaml(tmp_path / CARD)) == [column.name for column in fields(Card) if column.name != "identity"]
    with pytest.raises(BenchError, match="system: want text, found None"):
        read_submission(tmp_path)
    text = (tmp_path / CARD).read_text()
    (tmp_path / CARD).write_text(text.replace("system:", "system: mine", 1))
    assert read_submission(tmp_path).card == Card("mine", task.name, task.version, "synthetic-quick")


def test_the_handout_is_no_leak(tmp_path: Path) -> None:
    write_handout(tmp_path / "requests", load_task("inpaint-drums"), "synthetic-quick", 0)
    assert scan(tmp_path / "requests", tmp_path / "references") == []


def test_requests_alone_are_enough_to_check_against(tmp_path: Path) -> None:
    task, requests = load_task("inpaint-drums"), tmp_path / "handed-out"
    with pytest.raises(BenchError, match="holds no examples"):
        requests_of(task, requests)
    write_handout(requests, task, "synthetic-quick", 2)
    for name in ("a", "b"):
        (requests / name).mkdir()
        (requests / name / "request.yaml").touch()
    examples = requests_of(task, requests)
    assert examples.ids == ["a", "b"] and examples.manifest.name == "synthetic-quick"
    assert isinstance(examples, ExampleSet) and isinstance(examples.manifest, Manifest)
