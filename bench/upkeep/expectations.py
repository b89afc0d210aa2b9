"""Expectations that every table must meet; a violation means a broken metric, extractor or floor.

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
"""Tolerance of a value that must equal another."""
ONSETS_LEAST, CHORDS_LEAST = 0.90, 0.85
NOISE_CHROMA_MOST, PLAIN_ABOVE = 0.05, 0.3
SYNTHETIC = "synthetic"
"""Manifests with exact chord truth begin with this."""
NO_MUSIC = ("silence", "noise")
FLOORS = ("other-song", "noise", "silence")
EVERYWHERE = ("oracle", "copy-control", "other-song", "noise", "silence")
"""Systems that every table must have; `copy-control` only if the task has a control."""

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


def violated(folder: Path | None = None) -> list[str]:
    """List every violation on the tables of a run's folder, or of the published board.

    Raises:
        BenchError: there are no rows to check, or a results file cannot be read or names an unknown task.
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

    Values that reference or mask leave undefined are skipped; values that are undefined because outputs failed are
    violations.

    Args:
        rows: Rows of one task, on any manifests.
        columns: Columns of the task, with the direction of its primary columns.
        primary: The task's primary columns: `quality`, and `control` if it has a control.

    Returns:
        One line per violation: task and manifest, system, column, value, expected value.
    """
    directions = {column.name: column.direction for column in columns}
    lines = []
    for (task, _, manifest, _), group in _manifests(rows):
        scores = readings(group)
        violated = _fixed(scores, manifest.startswith(SYNTHETIC)) + _plain_chroma(scores)
        if "control" in primary and COPY in scores:
            violated += _copy_follows(scores, primary["control"], directions.get(primary["control"], "higher"))
            violated += _copy_is_worst(
                scores, _silent(group), primary["quality"], directions.get(primary["quality"], "lower")
            )
        lines += [f"{task}, {manifest}: {line}" for line in violated]
    return lines


def absent(rows: Iterable[Row], primary: Mapping[str, str]) -> list[str]:
    """List the floors and ceilings that are missing from tables; the expectations need them."""
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
    """List floors that follow the control as well as a copy of the control or better."""
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
    """List systems whose quality is significantly worse than that of a copy of the control; there should be none.

    Silence, noise and systems whose outputs are mostly silent may have worse quality and are not compared.
    """
    copy = scores[COPY].get(metric)
    if copy is None:
        return []
    others = {
        s: columns[metric] for s, columns in scores.items() if metric in columns and s not in {COPY, *NO_MUSIC, *silent}
    }
    others = {s: reading for s, reading in others.items() if reading.whole.identity == copy.whole.identity}
    differences = [advantage(copy, reading, direction) for reading in others.values()]
    adjusted = statistics.holm([difference.p for difference in differences])
    return [
        _line(COPY, metric, copy, f"no better than {system} ({others[system].whole.value:.4g}, p {p:.2g})")
        for system, difference, p in zip(others, differences, adjusted, strict=True)
        if difference.mean > 0 and not np.isnan(p) and p < ALPHA
    ]


def _silent(rows: Iterable[Row]) -> set[str]:
    """Return the systems of which more than half of the outputs are silent."""
    outputs: dict[str, dict[str, bool]] = {}
    for row in rows:
        if not row.example.startswith(WHOLE_SET):
            states = outputs.setdefault(row.system, {})
            states[row.example] = states.get(row.example, False) or row.state == "silent"
    return {system for system, states in outputs.items() if sum(states.values()) * 2 > len(states)}


def _line(system: str, metric: str, reading: Readings, wanted: str) -> str:
    value = "undefined because outputs failed" if reading.is_incomplete else f"{reading.whole.value:.4g}"
    return f"{system}, {metric} = {value}; expected {wanted}"


def _manifests(rows: Iterable[Row]) -> list[tuple[tuple[str, int, str, str], list[Row]]]:
    groups: dict[tuple[str, int, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.task, row.task_version, row.manifest, row.manifest_sha), []).append(row)
    return sorted(groups.items())
