"""Proposal: the text of the pull request that brings a submission onto the published board."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from bench.board.page import ARROWS, escape
from bench.board.readings import readings
from bench.board.report import in_order
from bench.scores import Row
from bench.scoring.columns import columns_of
from bench.submission import Card
from bench.task import Task


@dataclass(frozen=True)
class Proposal:
    """A pull request's title and its body in Markdown; what the submitter wrote is escaped in it."""

    title: str
    body: str

    def __str__(self) -> str:
        """Return both, as they are pasted."""
        return f"{self.title}\n\n{self.body}"


def proposal(card: Card, task: Task, rows: Sequence[Row], flags: Sequence[str], written: Sequence[Path]) -> Proposal:
    """Say what a submission is, what it scored and which files it brings.

    Args:
        card: What the submission says of itself.
        task: The task that it answers.
        rows: Its rows.
        flags: What `bench check` accepted and wants looked at.
        written: The files, from the clone's folder.
    """
    flagged = [f"- {escape(flag, 1000)}" for flag in flags] or ["None."]
    body = [
        f"System `{card.system}` answers `{task.name}` (version {task.version}) on `{card.manifest}`, sha256",
        f"`{rows[0].manifest_sha}`.",
        "",
        *_numbers(task, rows),
        "",
        f"**Trained on:** {escape(card.training_data, 2000)}",
        "",
        f"**Contact:** {escape(card.contact) or 'none given'}  ",
        f"**Paper:** {escape(card.paper) or 'none given'}",
        "",
        "**Flags of `bench check`:**",
        "",
        *flagged,
        "",
        "**Files:**",
        "",
        *(f"- `{path.as_posix()}`" for path in written),
    ]
    return Proposal(f"Results of {card.system} on {task.name}, {card.manifest}", "\n".join(body) + "\n")


def _numbers(task: Task, rows: Sequence[Row]) -> list[str]:
    """Return the shown columns as a table, what ranks first."""
    found = next(iter(readings(rows).values()), {})
    lines = ["| column | value and 95 % interval | songs |", "|---|---|---|"]
    for column in in_order(task, columns_of(task)):
        if column.is_shown and column.name in found:
            reading = found[column.name]
            row = reading.whole
            number = "—" if isnan(row.value) else f"{row.value:.3g}"
            span = "" if isnan(row.low) else f" [{row.low:.3g}, {row.high:.3g}]"
            state = "" if row.state == "ok" else f" ({row.state})"
            head = f"{column.name} {f'({column.unit}) ' if column.unit else ''}{ARROWS[column.direction]}"
            lines.append(f"| {escape(head)} | {number}{span}{escape(state)} | {reading.n_songs} |")
    return lines
