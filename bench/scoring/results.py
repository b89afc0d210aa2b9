"""Results: score a submission and write its rows and their provenance."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError
from bench.example import ExampleSet
from bench.music.choice import chosen_for, must_be_installed
from bench.recordings.library import MUSIC, music_of
from bench.runtime.layout import Setting
from bench.runtime.provenance import Provenance
from bench.scores import Row, read_rows, write_rows
from bench.scoring.score import alters_context, score
from bench.submission import SPEED, STITCHED, Submission
from bench.task import EXTRACTED, with_metrics


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
        MissingComponent: an extractor that the examples name is not installed.
    """
    started, extractors = time.perf_counter(), extractors_of(examples, setting.asked)
    examples = replace(examples, task=with_metrics(examples.task, setting.metrics))
    task, manifest, card = examples.task, examples.manifest, submission.card
    folder = setting.layout.results(task.name, manifest.name)
    suffixes = ["", *([STITCHED] if alters_context(submission, examples) else [])]
    means = (extractors, setting.layout.cache, setting.executor)
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
        "extractors": extractors,
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


def extractors_of(examples: ExampleSet, asked: Mapping[str, str]) -> dict[str, str]:
    """Return the extractors that score examples: those with which they were built, replaced by those asked for.

    Raises:
        MissingComponent: one of them is not installed, with the command that installs it.
        BenchError: the examples were built by an earlier version, which did not write down what it took, and are of a
            kind of music for which the defaults have changed since.
    """
    where = examples.folder / "build.yaml"
    if not examples.extractors and not set(EXTRACTED) <= set(asked):
        datasets = {excerpt.dataset for excerpt in examples.manifest.excerpts}
        if {music_of(name) for name in datasets} != {MUSIC[0]}:
            raise BenchError(
                f"{where}: does not say which extractors the examples were built with (an earlier version wrote it); "
                "build them again, or name all: " + " ".join(f"--extractor {kind}=NAME" for kind in EXTRACTED)
            )
        return chosen_for(MUSIC[0], asked)
    extractors = {**examples.extractors, **asked}
    must_be_installed(extractors, str(where))
    return extractors


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
