"""One system under several settings, on validation songs unless another manifest is named.

`PYTHONPATH=. python benchmarks/settings.py [--task TASK] [--system NAME] [--setting KEY=VALUE,...]` (repeatable)
generates and scores each setting of each system and prints a table a task: the primary control column, what a
swapped control loses, quality, context-lsd, and the share of songs whose fill-gap lies over -6 dB. Behind it stand
paired differences of every setting against the first, Holm-corrected a column. Decoding settings were chosen so, never
on test songs; `--setting adapter=NAME` compares adapters, those of several masking rates say.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_results import cell, differences, filled

from bench.board.readings import Readings, Scores, readings
from bench.checking.check import check
from bench.pipeline.build import build
from bench.pipeline.generate import generate
from bench.pipeline.source import source_of
from bench.runtime.cache import Cache
from bench.runtime.executor import Serial
from bench.runtime.layout import Layout, Setting
from bench.scores import read_rows
from bench.scoring.columns import ADHERENCE
from bench.scoring.results import score_into
from bench.task import Task, load_task

SETTINGS = ("contrast=1", "contrast=1.25", "contrast=1.5", "contrast=2")


@dataclass(frozen=True)
class OneOfMany(Layout):
    """A setting's own submissions and results beside examples and a cache that all settings share.

    Attributes:
        label: What the setting's folder is called.
    """

    label: str

    def submission(self, task: str, manifest: str, system: str) -> Path:
        """The outputs of the system under this setting."""
        return Layout(self.out / self.label).submission(task, manifest, system)

    def results(self, task: str, manifest: str) -> Path:
        """The score CSVs of this setting."""
        return Layout(self.out / self.label).results(task, manifest)


def options_of(text: str) -> dict[str, Any]:
    """Return a model's options, e.g. of `contrast=1.5,adapter=air-mini-drums`; numbers as such."""
    pairs = (entry.partition("=") for entry in text.split(",") if entry)
    return {key: _number(value) for key, _, value in pairs}


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def scores(task: Task, system: str, options: dict[str, Any], manifest: str, layout: Layout) -> dict[str, Readings]:
    """Generate and score one setting; return its readings by column."""
    setting = Setting(layout, Serial(), {})
    source = source_of(manifest, None, None, task)
    examples = build(task, source, setting.layout, setting.executor)
    folder = setting.layout.submission(task.name, examples.manifest.name, system)
    submission = generate(examples, system, folder, Cache(setting.layout.cache), **options)
    check(folder, task, examples)[1].raise_if_any(folder)
    found: Scores = readings(read_rows(score_into(submission, examples, setting)))
    return found[system]


def line(task: Task, label: str, found: dict[str, Readings]) -> str:
    """Return a table's line."""
    columns = (task.primary.get("control", ""), ADHERENCE, task.primary["quality"], "context-lsd")
    return "| " + " | ".join([label, *(cell(found.get(name)) for name in columns), filled(found)]) + " |"


def main() -> None:
    """Print the tables."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--out", type=Path, default=Path("runs/settings"))
    words.add_argument("--manifest", default="synthetic-validation-16")
    words.add_argument("--task", action="append")
    words.add_argument("--system", action="append")
    words.add_argument("--setting", action="append")
    chosen = words.parse_args()
    for name in chosen.task or ["inpaint-drums"]:
        task = load_task(name)
        heads = ["setting", task.primary.get("control", ""), "right minus swapped", task.primary["quality"]]
        heads += ["context-lsd", "songs filled"]
        print(f"\n{name}, {chosen.manifest}\n\n| " + " | ".join(heads) + " |\n" + "|---" * 6 + "|")
        every: Scores = {}
        for system in chosen.system or ["air-aligned-mini"]:
            for text in chosen.setting or SETTINGS:
                layout = OneOfMany(chosen.out, f"{system}-{text.replace('=', '').replace(',', '-')}")
                every[f"{system} {text}"] = found = scores(task, system, options_of(text), chosen.manifest, layout)
                print(line(task, f"{system} {text}", found), flush=True)
        first, *others = every
        for column in (task.primary.get("control", ""), ADHERENCE, task.primary["quality"], "context-lsd"):
            print("", *differences(task, every, column, [(other, first) for other in others]), sep="\n")


if __name__ == "__main__":
    main()
