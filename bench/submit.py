"""Submit: a checked and scored submission onto the published board, ready for a pull request."""

import shutil
from dataclasses import asdict
from pathlib import Path

from bench.build import ExampleSet
from bench.check import check
from bench.errors import BenchError
from bench.paths import home, is_clone, write_text
from bench.run import Setting, score_into
from bench.submission import MEASURED, STITCHED
from bench.task import Task
from bench.yaml import dump_yaml


def submit(folder: Path, task: Task, examples: ExampleSet, setting: Setting) -> list[Path]:
    """Check and score a submission and write its card, rows and provenance under `leaderboard/`.

    Args:
        folder: The submission.
        task: The task that it answers.
        examples: What it answers, complete: a limited run does not enter the board.
        setting: How to score.

    Returns:
        The files written, for the pull request.

    Raises:
        BenchError: bench does not run from a clone, or the examples are not of a whole, published manifest.
        CheckFailed: the submission has problems.
    """
    if not is_clone():
        raise BenchError(
            "bench submit writes into leaderboard/ of a clone; run it from there, not from an installed wheel"
        )
    if "-first" in examples.manifest.name or not examples.manifest.is_public:
        raise BenchError(
            f"{examples.manifest.name}: only a whole public manifest enters the board; build it without limit and salt"
        )
    submission, found = check(folder, task, examples)
    found.raise_if_any(folder)
    if submission is None:
        raise BenchError(f"{folder}: has no readable card")
    scored = score_into(submission, examples, setting)
    board = home("leaderboard")
    results = board / "results" / task.name / examples.manifest.name
    written = [board / "systems" / f"{submission.card.system}.yaml"]
    card = {
        k: v for k, v in asdict(submission.card).items() if k not in ("task", "task_version", "manifest", *MEASURED)
    }
    write_text(written[0], dump_yaml(card))
    results.mkdir(parents=True, exist_ok=True)
    for csv in (scored, scored.with_name(f"{scored.stem}{STITCHED}.csv")):
        for path in (csv, csv.with_suffix(".run.yaml")):
            if path.exists():
                shutil.copyfile(path, results / path.name)
                written.append(results / path.name)
            else:
                (results / path.name).unlink(missing_ok=True)
    return written
