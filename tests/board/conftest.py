"""Fixtures of the tests of reports and audits; the other tests of this folder make their own boards."""

from types import SimpleNamespace

import pytest

from bench.board import report
from bench.scores import write_rows
from tests.board.rows import COLUMNS, PRIMARY, TASK, csv, rows_of


@pytest.fixture
def plugs(monkeypatch):
    """Columns and tasks without metric plugs or task files."""
    monkeypatch.setattr("bench.board.report.columns_of", lambda task: list(COLUMNS))
    monkeypatch.setattr("bench.board.report.load_task", lambda name: SimpleNamespace(name=name, primary=PRIMARY))
    monkeypatch.setattr("bench.board.report.outdated", lambda *what: "")
    monkeypatch.setattr("bench.board.audit.task_names", lambda: [TASK])


@pytest.fixture
def board(plugs, tmp_path):
    """A board of two systems, a floor and a ceiling, with its page."""
    for name, rows in rows_of(strong=0.9, weak=0.3, oracle=0.95, silence=0.05).items():
        write_rows(csv(tmp_path, name), rows)
        provenance = "bench: 0.1.0\nvisibility: public\nseconds: {score: 3.2}\n"
        csv(tmp_path, name).with_suffix(".run.yaml").write_text(provenance)
    (tmp_path / "README.md").write_text(report.render(tmp_path))
    return tmp_path
