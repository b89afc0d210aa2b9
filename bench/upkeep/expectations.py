"""Expectations: what every table must show, else a metric, an extractor or a floor is broken.

The list is in docs/design.md, section 11. `bench expectations [FOLDER]` checks a run's folder or, without one, the
published board.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isnan
from pathlib import Path

import numpy as np

from bench import statistics
from bench.board.ranking import ALPHA, COPY
from bench.board.readings import Readings, Scores, advantage, goodness, readings
from bench.board.report import read_results
from bench.errors import BenchError
from bench.paths import home
from bench.protocols import Column
from bench.scores import WHOLE_SET, Row
from bench.scoring.columns import columns_of
from bench.task import load_task

EXACT = 1e-6
"""How far a value may lie from what it must equal."""
ONSETS_LEAST, CHORDS_LEAST = 0.90, 0.85
NOISE_CHROMA_MOST, PLAIN_ABOVE = 0.05, 0.3
SYNTHETIC = "synthetic"
"""What the manifests of exact chord truth begin with."""
NO_MUSIC = ("silence", "noise")
FLOORS = ("other-song", "noise", "silence")
EVERYWHERE = ("oracle", "copy-control", "other-song", "noise", "silence")
"""What every table must hold; `copy-control` where the task has a control."""

_Test = Callable[[float], bool]
_FIXED: tuple[tuple[str, str, str, _Test], ...] = (
    ("oracle", "drum-onset-f1", f"at least {ONSETS_LEAST:.2f}", lambda value: value >= ONSETS_LEAST),
    ("oracle", "chroma-cosine", "1", lambda value: abs(value - 1) <= EXACT),
    ("oracle", "context-lsd", "0", lambda value: abs(value) <= EXACT),
    ("oracle", "seam-jump", "0", lambda value: abs(value) <= EXACT),
    ("silence", "sdr", "0 dB", lambda value: abs(value) <= EXACT),
    ("noise", "chroma-cosine", f"within {NOISE_CHROMA_MOST} of 0", lambda value: abs(value) < NOISE_CHROMA_MOST),
)
_SYNTHETIC = ("oracle", "chord-accuracy", f"at least {CHORDS_LEAST:.2f}", lambda value: value >= CHORDS_LEAST)


def order(folder: Path | None = None) -> list[str]:
    """List every violation on the tables of a run's folder, or of the published board.

    Raises:
        BenchError: there are no rows, so that nothing would be checked; a results file cannot be read, or names no
            task of the suite.
    """
    folder = folder or home("leaderboard")
    by_task: dict[str, list[Row]] = {}
    for row in read_results(folder):
        by_task.setdefault(row.task, []).append(row)
    if not by_task:
        raise BenchError(f"{folder}: holds no results, so nothing can be checked; give a run's folder")
    lines = []
    for name in sorted(by_task):
        task = load_task(name)
        lines += absent(by_task[name], task.primary)
        lines += violations(by_task[name], columns_of(task), task.primary)
    return lines


def violations(rows: Iterable[Row], columns: Sequence[Column], primary: Mapping[str, str]) -> list[str]:
    """List the violations of one task's rows.

    A value that the reference or the mask leaves undefined is passed over; one that failed outputs spoil is
    a violation.

    Args:
        rows: Of one task, any manifests.
        columns: Of the task; the direction of its primary columns is read from here.
        primary: The task's `control` (or none) and `quality` columns.

    Returns:
        One line each: task and manifest, system, column, value, what was expected.
    """
    directions = {column.name: column.direction for column in columns}
    lines = []
    for (task, _, manifest, _), group in _manifests(rows):
        scores = readings(group)
        found = _fixed(scores, manifest.startswith(SYNTHETIC)) + _plain_chroma(scores)
        if "control" in primary and COPY in scores:
            found += _copy_follows(scores, primary["control"], directions.get(primary["control"], "higher"))
            found += _copy_is_worst(
                scores, _silent(group), primary["quality"], directions.get(primary["quality"], "lower")
            )
        lines += [f"{task}, {manifest}: {line}" for line in found]
    return lines


def absent(rows: Iterable[Row], primary: Mapping[str, str]) -> list[str]:
    """List the floors and ceilings that a table must hold and does not; without them nothing would be checked."""
    wanted = [system for system in EVERYWHERE if system != COPY or "control" in primary]
    lines = []
    for (task, _, manifest, _), group in _manifests(rows):
        missing = [system for system in wanted if system not in {row.system for row in group}]
        lines += [f"{task}, {manifest}: {system} has no rows; expected on every table" for system in missing]
    return lines


def _fixed(scores: Scores, is_synthetic: bool) -> list[str]:
    lines = []
    for system, metric, wanted, holds in (*_FIXED, *((_SYNTHETIC,) if is_synthetic else ())):
        reading = scores.get(system, {}).get(metric)
        if reading is None or (isnan(reading.whole.value) and not reading.is_incomplete):
            continue
        if reading.is_incomplete or not holds(reading.whole.value):
            lines.append(_line(system, metric, reading, wanted))
    return lines


def _plain_chroma(scores: Scores) -> list[str]:
    noise = scores.get("noise", {})
    centred, plain = noise.get("chroma-cosine"), noise.get("chroma-cosine-plain")
    if centred is None or plain is None or not plain.whole.value < centred.whole.value + PLAIN_ABOVE:
        return []
    wanted = f"at least {PLAIN_ABOVE} above chroma-cosine ({centred.whole.value:.4g})"
    return [_line("noise", "chroma-cosine-plain", plain, wanted)]


def _copy_follows(scores: Scores, metric: str, direction: str) -> list[str]:
    """The control itself must follow the control better than every other floor."""
    copy = scores[COPY].get(metric)
    lines = []
    for floor in FLOORS:
        other = scores.get(floor, {}).get(metric)
        if copy is None or other is None or other.whole.identity != copy.whole.identity:
            continue
        if goodness(copy.whole.value, direction) <= goodness(other.whole.value, direction):
            lines.append(_line(COPY, metric, copy, f"better than {floor} ({other.whole.value:.4g})"))
    return lines


def _copy_is_worst(scores: Scores, silent: set[str], metric: str, direction: str) -> list[str]:
    """The control alone must be the worst music, or tied with it: significantly better than no other sound of music.

    Silence and noise are no music, and may well lie further from it; so may whatever hands in silence.
    """
    copy = scores[COPY].get(metric)
    if copy is None:
        return []
    others = {
        s: found[metric] for s, found in scores.items() if metric in found and s not in {COPY, *NO_MUSIC, *silent}
    }
    others = {s: reading for s, reading in others.items() if reading.whole.identity == copy.whole.identity}
    found = [advantage(copy, reading, direction) for reading in others.values()]
    adjusted = statistics.holm([difference.p for difference in found])
    return [
        _line(COPY, metric, copy, f"no better than {system} ({others[system].whole.value:.4g}, p {p:.2g})")
        for system, difference, p in zip(others, found, adjusted, strict=True)
        if difference.mean > 0 and not np.isnan(p) and p < ALPHA
    ]


def _silent(rows: Iterable[Row]) -> set[str]:
    """Return the systems that handed in silence more often than not."""
    outputs: dict[str, dict[str, bool]] = {}
    for row in rows:
        if not row.example.startswith(WHOLE_SET):
            found = outputs.setdefault(row.system, {})
            found[row.example] = found.get(row.example, False) or row.state == "silent"
    return {system for system, found in outputs.items() if sum(found.values()) * 2 > len(found)}


def _line(system: str, metric: str, reading: Readings, wanted: str) -> str:
    value = "spoiled by failed outputs" if reading.is_incomplete else f"{reading.whole.value:.4g}"
    return f"{system}, {metric} = {value}; expected {wanted}"


def _manifests(rows: Iterable[Row]) -> list[tuple[tuple[str, int, str, str], list[Row]]]:
    groups: dict[tuple[str, int, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.task, row.task_version, row.manifest, row.manifest_sha), []).append(row)
    return sorted(groups.items())
