"""Run: build, generate, check and score in one call, resuming finished work."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.checking.check import check
from bench.errors import MissingComponent
from bench.example import ExampleSet
from bench.pipeline.build import build
from bench.pipeline.generate import generate
from bench.pipeline.source import Source
from bench.runtime.cache import Cache
from bench.runtime.layout import Setting
from bench.runtime.locks import exclusive
from bench.scoring.columns import must_be_scorable
from bench.scoring.results import score_into
from bench.task import Task, defaults


def run(
    task: Task, source: Source, systems: Sequence[str], setting: Setting, say: Callable[[str], None] = lambda line: None
) -> Path:
    """Build the examples, let every system answer them, and write the score files; return the folder of the results.

    Args:
        task: The task.
        source: The source of the music.
        systems: Models; if empty, the default ones for which everything needed is installed.
        setting: Folders, executor, extractors and other settings.
        say: Called with a line that names the extractors of new examples, and one for every system that is left out.

    Raises:
        BenchError: the task's metrics are wrong, or building, generating or checking fails.
        MissingComponent: a system asked for by name needs a package or file that is not installed.
    """
    must_be_scorable(task)
    with exclusive(setting.layout.out):
        started = time.perf_counter()
        examples = build(task, source, setting.layout, setting.executor, setting.asked, setting.limit, say)
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
    """Generate, check and score one system's outputs."""
    started = time.perf_counter()
    folder = setting.layout.submission(examples.task.name, examples.manifest.name, system)
    cache = Cache(setting.layout.cache)
    submission = generate(examples, system, folder, cache, setting.executor, setting.device)
    check(folder, examples.task, examples)[1].raise_if_any(folder)
    generated_s = time.perf_counter() - started
    score_into(submission, examples, setting, {"build": built_s, "generate": generated_s})
