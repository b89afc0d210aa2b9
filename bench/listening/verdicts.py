"""Verdicts: ratings of screened listeners as rows beside a run's scores."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import nan
from pathlib import Path

import numpy as np
from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from bench.board.report import LISTENING, RESULTS, publish
from bench.errors import BenchError
from bench.listening.axes import AXES
from bench.listening.key import ANCHOR, REFERENCE, Key, read_key
from bench.listening.ratings import Ratings, read_ratings
from bench.listening.screening import Rater, screen
from bench.manifest import song_of
from bench.paths import home
from bench.runtime.locks import exclusive
from bench.runtime.provenance import Provenance
from bench.scores import WHOLE_SET, Row, read_rows, write_rows
from bench.scoring.columns import listeners_column
from bench.scoring.tally import set_rows
from bench.site.present import refresh
from bench.statistics import interval
from bench.text import printable

LUCK = 0.5
"""Share of comparisons that a system wins if nobody hears a difference."""


@dataclass(frozen=True)
class Verdict:
    """Results of a listening test.

    Attributes:
        key: The test.
        raters: All listeners, with the result of screening.
        rows: Rows of every system, for each example and over songs.
        across: Ends of the 95 % interval over listeners (not over songs), by column and system; NaN with fewer than 8.
        written: Files that were written.
    """

    key: Key
    raters: tuple[Rater, ...]
    rows: tuple[Row, ...]
    across: dict[str, dict[str, tuple[float, float]]]
    written: tuple[Path, ...] = ()


def verdict(key: Key, ratings: Sequence[Ratings]) -> Verdict:
    """Screen the listeners and average the ratings of the others for each example.

    Raises:
        BenchError: no listener is left after screening.
    """
    raters = screen(ratings, key)
    kept = [one for one, rater in zip(ratings, raters, strict=True) if not rater.reason]
    if not kept:
        first = f"participant {raters[0].participant} {raters[0].reason}"
        raise BenchError(f"{len(raters)} listeners answered and none is left after screening: {first}")
    rows, across = [], {}
    for axis in key.axes:
        name = listeners_column(key.form, axis).name
        made = _rows_of(key, axis, kept, len(raters) - len(kept))
        rows += made
        across[name] = {system: _across(key, axis, system, kept) for system in key.systems}
    return Verdict(key, tuple(raters), tuple(rows), across)


def bring(paths: Sequence[Path], key_path: Path, out: Path) -> Verdict:
    """Read ratings and write their rows beside the results of a run, or of the published board.

    Args:
        paths: Files of ratings, or folders of them.
        key_path: The test's key.
        out: The folder of the run.

    Raises:
        BenchError: the key or a file cannot be read, no listener is left, or the run has no results of this task.
    """
    key = read_key(key_path)
    results = verdict(key, read_ratings(paths, key))
    place = out / RESULTS / key.task / key.manifest
    if not place.is_dir():
        raise BenchError(f"{place}: no results of this task; name the folder of the run with --out")
    written = []
    with exclusive(out):
        for system in key.systems:
            path = out / LISTENING / key.task / key.manifest / f"{system}.csv"
            _write(path, [row for row in results.rows if row.system == system], results)
            written.append(path)
        if out.resolve() == home("leaderboard").resolve():
            publish()
            refresh()
        else:
            publish(out)
    return replace(results, written=tuple(written))


def _rows_of(key: Key, axis: str, kept: Sequence[Ratings], n_left_out: int) -> list[Row]:
    """Return the rows of one axis, all systems."""
    trials = [trial for trial in key.trials if trial.axis == axis]
    songs = {song_of(trial.example) for trial in trials}
    rows: list[Row] = []
    for system in key.systems:
        own = [
            _row(key, axis, system, example, kept, n_left_out)
            for example in sorted({trial.example for trial in trials if system in trial.stimuli.values()})
        ]
        rows += own + set_rows(own, len(songs))
    return rows


def _row(key: Key, axis: str, system: str, example: str, kept: Sequence[Ratings], n_left_out: int) -> Row:
    column = listeners_column(key.form, axis)
    anchor = f"low anchor {AXES[axis].anchor}"
    is_ab = key.form == "ab"
    values = _values(key, axis, system, kept, example)
    return Row(
        task=key.task, task_version=key.task_version, manifest=key.manifest, manifest_sha=key.manifest_sha,
        system=system, metric=column.name, region=column.region, example=example,
        identity=f"{column.name}/1 {anchor} | test {key.test} | {len(kept)} raters, {n_left_out} left out",
        value=float(np.mean(values)), low=nan, high=nan, n=float(len(values)), n_requested=1, state="ok",
        chance=LUCK if is_ab else _mean(_values(key, axis, ANCHOR, kept, example)),
        ceiling=nan if is_ab else _mean(_values(key, axis, REFERENCE, kept, example)),
    )  # fmt: skip


def _values(key: Key, axis: str, name: str, kept: Sequence[Ratings], example: str = "") -> list[float]:
    """Return all answers about a system, the reference or the anchor; of one example if named."""
    return [
        one.answers[trial.code][code]
        for trial in key.trials
        if trial.axis == axis and example in ("", trial.example) and (code := trial.code_of(name))
        for one in kept
    ]


def _across(key: Key, axis: str, system: str, kept: Sequence[Ratings]) -> tuple[float, float]:
    return interval([_mean(_values(key, axis, system, [one])) for one in kept])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else nan


def _write(path: Path, rows: Sequence[Row], result: Verdict) -> None:
    """Write rows in place of earlier rows of the same columns; rows of other columns stay."""
    columns = {row.metric for row in rows}
    kept = [row for row in read_rows(path) if row.metric not in columns] if path.is_file() else []
    key = result.key
    what = {
        "system": path.stem,
        "identities": sorted({row.identity for row in [*kept, *rows]}),
        "task": f"{key.task}@{key.task_version}",
        "manifest": key.manifest,
        "manifest_sha": key.manifest_sha,
        "listening": {
            "test": key.test,
            "form": key.form,
            "seed": key.seed,
            "raters": len(result.raters),
            "left_out": {str(rater.participant): rater.reason for rater in result.raters if rater.reason},
        },
    }
    write_rows(path, [*kept, *rows])
    Provenance(what).write(path.with_suffix(".run.yaml"))


def payload(result: Verdict) -> dict[str, object]:
    """Return the results as JSON values."""
    sets = [row for row in result.rows if row.example == WHOLE_SET]
    results = [
        {name: getattr(row, name) for name in ("metric", "system", "value", "low", "high", "n", "chance", "ceiling")}
        | dict(zip(("low_across_raters", "high_across_raters"), result.across[row.metric][row.system], strict=True))
        for row in sets
    ]
    key = {name: getattr(result.key, name) for name in ("test", "form", "task", "manifest")}
    return {
        **key,
        "raters": [asdict(rater) for rater in result.raters],
        "results": results,
        "written": [str(path) for path in result.written],
    }


def terminal(result: Verdict) -> Group:
    """Render the screening and the results for rich."""
    n_kept = sum(not rater.reason for rater in result.raters)
    screening = Grid(title=f"Screening: {n_kept} of {len(result.raters)} listeners kept", title_justify="left")
    for head in ("listener", "checks", "reference missed", "anchor missed", "", "file"):
        screening.add_column(head, justify="left" if head in ("", "file") else "right", overflow="fold")
    for rater in result.raters:
        outcome = f"left out: {rater.reason}" if rater.reason else "kept"
        cells = [rater.participant, rater.n_checks, rater.missed_reference, rater.missed_anchor, outcome, rater.source]
        screening.add_row(*(Text(printable(str(cell))) for cell in cells), style="dim" if rater.reason else "")
    results = Grid(title=f"Test {result.key.test}: {result.key.task}, {result.key.manifest}", title_justify="left")
    for head in ("column", "system", "mean", "over songs", "over listeners", "songs", "low anchor", "reference"):
        results.add_column(head, justify="left" if head in ("column", "system") else "right", overflow="fold")
    for row in result.rows:
        if row.example == WHOLE_SET:
            ends = result.across[row.metric][row.system]
            digits = 2 if result.key.form == "ab" else 1
            shown = [f"{row.value:.{digits}f}", _span((row.low, row.high), digits), _span(ends, digits), f"{row.n:.0f}"]
            shown += ["", ""] if result.key.form == "ab" else [f"{row.chance:.1f}", f"{row.ceiling:.1f}"]
            results.add_row(*(Text(printable(cell)) for cell in [row.metric, row.system, *shown]))
    return Group(screening, Text(), results)


def _span(ends: tuple[float, float], digits: int) -> str:
    return "too few" if np.isnan(ends[0]) else f"[{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"
