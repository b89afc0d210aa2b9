"""Run: build, generate, score and report, resuming what is done."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.checking.check import check
from bench.errors import BenchError, MissingComponent
from bench.example import ExampleSet
from bench.pipeline.build import build
from bench.pipeline.generate import generate
from bench.pipeline.source import Source
from bench.runtime.cache import Cache
from bench.runtime.executor import Executor
from bench.runtime.layout import Layout, exclusive
from bench.runtime.provenance import Provenance
from bench.scores import Row, read_rows, write_rows
from bench.scoring.score import alters_context, score
from bench.scoring.tally import must_be_scorable
from bench.submission import SPEED, STITCHED, Submission
from bench.task import Task, defaults, with_metrics


@dataclass(frozen=True)
class Setting:
    """How a run is to be done.

    Attributes:
        layout: Where everything goes.
        executor: How jobs are run.
        extractors: Extractor by kind.
        limit: Take only the first so many excerpts.
        metrics: Metrics to score beside the task's own, as `name` or `name[value]`.
        device: `auto`, `cpu` or `cuda`, for models that can use one.
    """

    layout: Layout
    executor: Executor
    extractors: dict[str, str]
    limit: int | None = None
    metrics: tuple[str, ...] = ()
    device: str = "cpu"


def run(
    task: Task, source: Source, systems: Sequence[str], setting: Setting, say: Callable[[str], None] = lambda line: None
) -> Path:
    """Do everything from music to score files; return the folder of the results.

    Args:
        task: What is asked.
        source: Where the music comes from.
        systems: Models; the default ones when empty, without those that lack a weight file for this task.
        setting: How it is done.
        say: Is told which default systems were left out, and why.

    Raises:
        BenchError: whatever building, generating or checking refuses, or a task that cannot be scored as it says.
        MissingComponent: a system that was asked for by name lacks something.
    """
    must_be_scorable(task)
    with exclusive(setting.layout.out):
        started = time.perf_counter()
        examples = build(task, source, setting.layout, setting.executor, setting.extractors, setting.limit)
        built_s = time.perf_counter() - started
        for system in systems or defaults().systems:
            try:
                _answer(system, examples, setting, built_s)
            except MissingComponent as error:
                if systems:
                    raise
                say(f"{system} is left out of {task.name}: {error}")
        return setting.layout.results(task.name, examples.manifest.name)


def _answer(system: str, examples: ExampleSet, setting: Setting, built_s: float) -> None:
    """Let a system answer, check what it gives and score it."""
    started = time.perf_counter()
    folder = setting.layout.submission(examples.task.name, examples.manifest.name, system)
    cache = Cache(setting.layout.cache)
    submission = generate(examples, system, folder, cache, setting.executor, setting.device)
    check(folder, examples.task, examples)[1].raise_if_any(folder)
    generated_s = time.perf_counter() - started
    score_into(submission, examples, setting, {"build": built_s, "generate": generated_s})


def score_into(
    submission: Submission,
    examples: ExampleSet,
    setting: Setting,
    seconds: dict[str, float] | None = None,
    must_agree: bool = False,
) -> Path:
    """Score a checked submission and write its rows and provenance; return the CSV.

    Where outputs change the context they were given, a second CSV, `<system>-stitched`, reads them with it put back.

    Raises:
        BenchError: `must_agree`, and the CSV that is there holds a column in another identity: nothing is written.
    """
    started = time.perf_counter()
    examples = replace(examples, task=with_metrics(examples.task, setting.metrics))
    task, manifest, card = examples.task, examples.manifest, submission.card
    folder = setting.layout.results(task.name, manifest.name)
    readings = ["", *([STITCHED] if alters_context(submission, examples) else [])]
    ears = (setting.extractors, setting.layout.cache, setting.executor)
    found = {
        folder / f"{card.system}{reading}.csv": score(submission, examples, *ears, is_stitched=bool(reading))
        for reading in readings
    }
    for path, rows in found.items():
        if must_agree and path.exists():
            _same_identities(path, rows)
    what = {
        "task": f"{task.name}@{task.version}",
        "manifest": manifest.name,
        "manifest_sha": manifest.sha256,
        "visibility": "public" if manifest.is_public else "private",
        "seed": task.seed,
        "extractors": setting.extractors,
        "added_metrics": list(setting.metrics),
        "failures": submission.failures,
        "made_by": card.identity,
        **{key: getattr(card, key) for key in ("parameters", "trainable_parameters", *SPEED)},
    }
    spent = {**(seconds or {}), "score": time.perf_counter() - started}
    for path, rows in found.items():
        write_rows(path, rows)
        of_rows = {"system": path.stem, "identities": sorted({row.identity for row in rows})}
        Provenance({**of_rows, **what}, spent).write(path.with_suffix(".run.yaml"))
    if len(found) == 1:
        for stale in (folder / f"{card.system}{STITCHED}{suffix}" for suffix in (".csv", ".run.yaml")):
            stale.unlink(missing_ok=True)
    return folder / f"{card.system}.csv"


def _same_identities(path: Path, rows: Sequence[Row]) -> None:
    """Refuse to mix or replace rows that rest on something else."""
    kept: dict[str, set[str]] = {}
    for row in read_rows(path):
        kept.setdefault(row.metric, set()).add(row.identity)
    for row in rows:
        if row.identity not in kept.get(row.metric, {row.identity}):
            raise BenchError(
                f"{path}: holds {row.metric} as `{sorted(kept[row.metric])[0]}`, it would now be `{row.identity}`; "
                "numbers of different identity are never mixed: score into another --out, or give --overwrite"
            )
