"""Tests of bench.board.audit."""

import re
from dataclasses import replace

import numpy as np

from bench.board.audit import audit
from bench.scores import WHOLE_SET, read_rows, write_rows
from tests.board.rows import csv, line_of, row


def rewrite(board, system, change):
    write_rows(csv(board, system), [change(r) for r in read_rows(csv(board, system))])


def test_an_audit_finds_a_changed_digit_in_the_page(board):
    path = board / "README.md"
    changed = re.sub(r"\| 2 \| weak \| 0\.30", "| 2 | weak | 0.80", path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    (problem,) = audit(board)
    number = changed.splitlines().index(line_of(changed, "| 2 | weak |")) + 1
    assert problem.startswith(f"README.md:{number}: the page says '| 2 | weak | 0.80 ")
    assert "the rows say '| 2 | weak | 0.30 " in problem


def test_an_audit_finds_a_changed_row(board):
    rewrite(board, "weak", lambda r: replace(r, value=0.99) if r.example == WHOLE_SET and r.metric == "sdr" else r)
    (problem,) = audit(board)
    assert "weak.csv: sdr of the set is 0.99, its rows' mean is" in problem


def test_an_audit_finds_a_missing_page(board):
    (board / "README.md").unlink()
    assert len(audit(board)) == 1
    assert "README.md:1: the page says ''" in audit(board)[0]


def test_an_audit_finds_missing_rows(board):
    kept = [r for r in read_rows(csv(board, "weak")) if r.example not in ("song-03", WHOLE_SET)]
    wholes = []
    for metric in ("drum-onset-f1", "sdr"):
        values = [r.value for r in kept if r.metric == metric]
        wholes.append(row("weak", metric, WHOLE_SET, float(np.mean(values)), n=15.0, n_requested=15))
    write_rows(csv(board, "weak"), kept + wholes)
    assert any("weak: no rows for 1 excerpts, song-03 first" in problem for problem in audit(board))


def test_an_audit_finds_rows_of_another_system(board):
    rewrite(board, "weak", lambda r: replace(r, system="strong"))
    assert any("than its path says" in problem for problem in audit(board))


def test_an_audit_finds_doubled_numbers_and_missing_provenance(board):
    rows = read_rows(csv(board, "weak"))
    write_rows(csv(board, "weak"), [*rows, rows[0]])
    csv(board, "strong").with_suffix(".run.yaml").unlink()
    problems = audit(board)
    assert any("weak.csv: holds a number twice" in problem for problem in problems)
    assert any("has no strong.run.yaml" in problem for problem in problems)


def test_an_audit_finds_an_unknown_task(board):
    path = board / "results" / "no-such-task" / "synthetic-quick" / "weak.csv"
    write_rows(path, [replace(r, task="no-such-task") for r in read_rows(csv(board, "weak"))])
    path.with_suffix(".run.yaml").write_text("bench: 0.1.0\n")
    assert audit(board) == ["no-such-task: no task has this name"]
