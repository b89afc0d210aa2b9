"""Results: score a submission and write its rows and their provenance."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError
from bench.example import ExampleSet
from bench.runtime.layout import Setting
from bench.runtime.provenance import Provenance
from bench.scores import Row, read_rows, write_rows
from bench.scoring.score import alters_context, score
from bench.submission import SPEED, STITCHED, Submission
from bench.task import with_metrics


def score_into(
    submission: Submission,
    examples: ExampleSet,
    setting: Setting,
    seconds: dict[str, float] | None = None,
    must_agree: bool = False,
) -> Path:
    """Score a checked submission, write its CSV of rows and the `.run.yaml` beside it, and return the CSV's path.

    If outputs change the context they were given, a second CSV, `<system>-stitched`, has their scores with the given
    context put back.

    Args:
        submission: The submission.
        examples: The examples that it answers.
        setting: How to score, and where to write.
        seconds: Time that earlier steps took, by step; written to the provenance.
        must_agree: Refuse to replace rows of another identity.

    Raises:
        BenchError: with `must_agree`, an existing CSV has a column with another identity; nothing is written.
    """
    started = time.perf_counter()
    examples = replace(examples, task=with_metrics(examples.task, setting.metrics))
    task, manifest, card = examples.task, examples.manifest, submission.card
    folder = setting.layout.results(task.name, manifest.name)
    suffixes = ["", *([STITCHED] if alters_context(submission, examples) else [])]
    means = (setting.extractors, setting.layout.cache, setting.executor)
    rows_by_path = {
        folder / f"{card.system}{suffix}.csv": score(submission, examples, *means, is_stitched=bool(suffix))
        for suffix in suffixes
    }
    for path, rows in rows_by_path.items():
        if must_agree and path.exists():
            _must_have_same_identities(path, rows)
    provenance = {
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
    for path, rows in rows_by_path.items():
        write_rows(path, rows)
        of_rows = {"system": path.stem, "identities": sorted({row.identity for row in rows})}
        Provenance({**of_rows, **provenance}, spent).write(path.with_suffix(".run.yaml"))
    if len(rows_by_path) == 1:
        for stale in (folder / f"{card.system}{STITCHED}{suffix}" for suffix in (".csv", ".run.yaml")):
            stale.unlink(missing_ok=True)
    return folder / f"{card.system}.csv"


def _must_have_same_identities(path: Path, rows: Sequence[Row]) -> None:
    """Refuse to replace rows that were scored with another identity."""
    kept: dict[str, set[str]] = {}
    for row in read_rows(path):
        kept.setdefault(row.metric, set()).add(row.identity)
    for row in rows:
        if row.identity not in kept.get(row.metric, {row.identity}):
            raise BenchError(
                f"{path}: holds {row.metric} as `{sorted(kept[row.metric])[0]}`, it would now be `{row.identity}`; "
                "numbers of different identity are never mixed: score into another --out, or give --overwrite"
            )
