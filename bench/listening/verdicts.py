"""Verdicts: what listeners said, screened, as rows beside a run's scores."""

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
"""Share of comparisons that a system wins which nobody can tell from the others."""


@dataclass(frozen=True)
class Verdict:
    """What became of a test.

    Attributes:
        key: The test.
        raters: Everybody who answered, and who was left out.
        rows: Of every system, example by example and over songs.
        across: Ends of the 95 % interval over listeners (not over songs), by column and system; NaN under 8 of them.
        written: Files.
    """

    key: Key
    raters: tuple[Rater, ...]
    rows: tuple[Row, ...]
    across: dict[str, dict[str, tuple[float, float]]]
    written: tuple[Path, ...] = ()


def verdict(key: Key, found: Sequence[Ratings]) -> Verdict:
    """Screen listeners and average what the others said, example by example.

    Raises:
        BenchError: nobody is left.
    """
    raters = screen(found, key)
    kept = [one for one, rater in zip(found, raters, strict=True) if not rater.reason]
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
    """Read ratings back and put them beside the results of a run, or of the published board.

    Args:
        paths: Files of ratings, or folders of them.
        key_path: The test's key.
        out: The folder of the run.

    Raises:
        BenchError: the key or a file cannot be read, nobody is left, or the run never answered this task.
    """
    key = read_key(key_path)
    found = verdict(key, read_ratings(paths, key))
    place = out / RESULTS / key.task / key.manifest
    if not place.is_dir():
        raise BenchError(f"{place}: no results there for the ratings to stand beside; give the run's folder with --out")
    written = []
    with exclusive(out):
        for system in key.systems:
            path = out / LISTENING / key.task / key.manifest / f"{system}.csv"
            _write(path, [row for row in found.rows if row.system == system], found)
            written.append(path)
        if out.resolve() == home("leaderboard").resolve():
            publish()
            refresh()
        else:
            publish(out)
    return replace(found, written=tuple(written))


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
    """Return everything that was answered about a system (or reference or anchor), catch trials apart."""
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


def _write(path: Path, rows: Sequence[Row], found: Verdict) -> None:
    """Write rows in place of earlier ones of the same columns; those of other tests stay."""
    mine = {row.metric for row in rows}
    kept = [row for row in read_rows(path) if row.metric not in mine] if path.is_file() else []
    key = found.key
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
            "raters": len(found.raters),
            "left_out": {str(rater.participant): rater.reason for rater in found.raters if rater.reason},
        },
    }
    write_rows(path, [*kept, *rows])
    Provenance(what).write(path.with_suffix(".run.yaml"))


def payload(found: Verdict) -> dict[str, object]:
    """Return a verdict as plain values."""
    sets = [row for row in found.rows if row.example == WHOLE_SET]
    results = [
        {name: getattr(row, name) for name in ("metric", "system", "value", "low", "high", "n", "chance", "ceiling")}
        | dict(zip(("low_across_raters", "high_across_raters"), found.across[row.metric][row.system], strict=True))
        for row in sets
    ]
    key = {name: getattr(found.key, name) for name in ("test", "form", "task", "manifest")}
    return {
        **key,
        "raters": [asdict(rater) for rater in found.raters],
        "results": results,
        "written": [str(path) for path in found.written],
    }


def terminal(found: Verdict) -> Group:
    """Render the screening and the results for rich."""
    n_kept = sum(not rater.reason for rater in found.raters)
    screening = Grid(title=f"Screening: {n_kept} of {len(found.raters)} listeners kept", title_justify="left")
    for head in ("listener", "checks", "reference missed", "anchor missed", "", "file"):
        screening.add_column(head, justify="left" if head in ("", "file") else "right", overflow="fold")
    for rater in found.raters:
        said = f"left out: {rater.reason}" if rater.reason else "kept"
        cells = [rater.participant, rater.n_checks, rater.missed_reference, rater.missed_anchor, said, rater.source]
        screening.add_row(*(Text(printable(str(cell))) for cell in cells), style="dim" if rater.reason else "")
    results = Grid(title=f"Test {found.key.test}: {found.key.task}, {found.key.manifest}", title_justify="left")
    for head in ("column", "system", "mean", "over songs", "over listeners", "songs", "low anchor", "reference"):
        results.add_column(head, justify="left" if head in ("column", "system") else "right", overflow="fold")
    for row in found.rows:
        if row.example == WHOLE_SET:
            ends = found.across[row.metric][row.system]
            digits = 2 if found.key.form == "ab" else 1
            shown = [f"{row.value:.{digits}f}", _span((row.low, row.high), digits), _span(ends, digits), f"{row.n:.0f}"]
            shown += ["", ""] if found.key.form == "ab" else [f"{row.chance:.1f}", f"{row.ceiling:.1f}"]
            results.add_row(*(Text(printable(cell)) for cell in [row.metric, row.system, *shown]))
    return Group(screening, Text(), results)


def _span(ends: tuple[float, float], digits: int) -> str:
    return "too few" if np.isnan(ends[0]) else f"[{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"
