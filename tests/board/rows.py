"""Rows and files of a small board, for the tests of reports and audits."""

import numpy as np

from bench.board.tables import tables
from bench.protocols import Column
from bench.scores import WHOLE_SET, Row
from bench.statistics import interval

NAN = float("nan")
ONSETS = Column("drum-onset-f1", "", "higher", "hole", 0.0, is_ranked=True)
SDR = Column("sdr", "dB", "higher", "hole", 0.0)
LSD = Column("context-lsd", "dB", "lower", "context", 60.0)
KAD = Column("kad[musicnn]", "", "lower", "hole", 1.0, is_ranked=True)
COLUMNS = (ONSETS, SDR, LSD, KAD)
PRIMARY = {"control": ONSETS.name, "quality": KAD.name}
TASK = "inpaint-drums"


def row(system, metric, example, value, **changes):
    keys = {
        "task": TASK, "task_version": 1, "manifest": "synthetic-quick", "manifest_sha": "ab" * 32, "system": system,
        "metric": metric, "identity": f"{metric} v1", "region": "hole", "example": example, "value": value, "low": NAN,
        "high": NAN, "n": 1.0, "n_requested": 1, "state": "ok", "chance": NAN, "ceiling": NAN,
    }  # fmt: skip
    return Row(**{**keys, **changes})


def measured(system, metric, mean, n=16, **changes):
    """Return example rows of `n` songs around a mean, and their set row."""
    values = mean + 0.04 * np.sin(np.arange(n))
    rows = [row(system, metric, f"song-{k:02}", float(value), **changes) for k, value in enumerate(values)]
    low, high = interval(values)
    whole = {"low": low, "high": high, "n": float(n), "n_requested": n, **changes}
    return [*rows, row(system, metric, WHOLE_SET, float(np.mean(values)), **whole)]


def rows_of(**systems):
    """Return rows by system, from each system's mean onset score."""
    return {
        name: measured(name, ONSETS.name, mean, chance=0.41, ceiling=0.95) + measured(name, SDR.name, 10 * mean)
        for name, mean in systems.items()
    }


def built(by_system):
    return tables([r for rows in by_system.values() for r in rows], COLUMNS, PRIMARY)


def csv(board, system):
    return board / "results" / TASK / "synthetic-quick" / f"{system}.csv"


def line_of(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))
