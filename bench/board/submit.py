"""Submit: check and score a submission and add it to the published board, ready for a pull request."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path

from bench.board.history import catch_up, keep
from bench.board.page import ARROWS, escape
from bench.board.readings import readings
from bench.board.report import in_order
from bench.checking.check import check
from bench.errors import BenchError, CheckFailed
from bench.example import ExampleSet
from bench.formats import dump_yaml
from bench.music.choice import chosen_for
from bench.paths import home, is_clone, write_text
from bench.recordings.library import MUSIC, music_of
from bench.runtime.layout import Setting
from bench.scores import Row, read_rows
from bench.scoring.columns import columns_of
from bench.scoring.results import score_into
from bench.submission import CARD, MEASURED, STITCHED, Card
from bench.task import Task

NO_TRAINING_DATA = (
    "training_data: is empty; say on what the system was trained (data sets, how many hours, whether songs of the test "
    "set are among them), or none if it was trained on nothing"
)


@dataclass(frozen=True)
class Proposal:
    """Title and Markdown body of a pull request; text of the submitter is escaped in the body."""

    title: str
    body: str

    def __str__(self) -> str:
        """Return title and body, ready to paste."""
        return f"{self.title}\n\n{self.body}"


@dataclass(frozen=True)
class Entered:
    """A submission on the board.

    Attributes:
        card: The submission's card.
        task: The task that it answers.
        rows: Its rows.
        flags: Flags of `bench check`, for a reviewer to look at.
        written: The files of the pull request, including those written by an earlier call.
    """

    card: Card
    task: Task
    rows: tuple[Row, ...]
    flags: tuple[str, ...]
    written: tuple[Path, ...]

    def proposal(self, pages: Sequence[Path] = ()) -> Proposal:
        """Return the text of the pull request.

        Args:
            pages: Further files that were written: the board's pages.
        """
        clone = home("leaderboard").parent
        files = [path.relative_to(clone) for path in (*self.written, *pages)]
        return proposal(self.card, self.task, self.rows, self.flags, files)


def submit(folder: Path, task: Task, examples: ExampleSet, setting: Setting) -> Entered:
    """Check and score a submission and write its card, rows, provenance and history under `leaderboard/`.

    Args:
        folder: The submission.
        task: The task that it answers.
        examples: The examples that it answers: a whole manifest, since a limited run does not enter the board.
        setting: How to score.

    Returns:
        The entry, from which the pull request's text is made.

    Raises:
        BenchError: bench does not run from a clone, or the examples are not those of a whole public manifest.
        CheckFailed: the submission has problems, or does not say on which data its system was trained.
    """
    if not is_clone():
        raise BenchError(
            "bench submit writes into leaderboard/ of a clone; run it from there, not from an installed wheel"
        )
    if "-first" in examples.manifest.name or not examples.manifest.is_public:
        raise BenchError(
            f"{examples.manifest.name}: only a whole public manifest enters the board; build it without limit and salt"
        )
    submission, findings = check(folder, task, examples)
    findings.raise_if_any(folder)
    if submission is None:
        raise BenchError(f"{folder}: has no readable card")
    if not submission.card.training_data.strip():
        raise CheckFailed(f"{folder / CARD}: {NO_TRAINING_DATA}")
    _must_be_pinned(examples)
    scored = score_into(submission, examples, setting)
    board = home("leaderboard")
    results = board / "results" / task.name / examples.manifest.name
    caught_up = catch_up(board)  # before these rows are replaced
    written = [board / "systems" / f"{submission.card.system}.yaml"]
    public = {
        k: v for k, v in asdict(submission.card).items() if k not in ("task", "task_version", "manifest", *MEASURED)
    }
    write_text(written[0], dump_yaml(public))
    results.mkdir(parents=True, exist_ok=True)
    stitched = scored.with_name(f"{scored.stem}{STITCHED}.csv")
    for csv in (scored, stitched):
        for path in (csv, csv.with_suffix(".run.yaml")):
            if path.exists():
                shutil.copyfile(path, results / path.name)
                written.append(results / path.name)
            else:
                (results / path.name).unlink(missing_ok=True)
    entered = [results / path.name for path in (scored, stitched) if path.exists()]
    written += [keep(board, rows) for rows in entered]
    written += [path for path in caught_up if path not in written]
    return Entered(submission.card, task, tuple(read_rows(scored)), tuple(findings.flags), tuple(written))


def _must_be_pinned(examples: ExampleSet) -> None:
    """Refuse songs of the suite that were built with other extractors than those of all published rows."""
    if {music_of(excerpt.dataset) for excerpt in examples.manifest.excerpts} != {MUSIC[0]}:
        return
    pinned = chosen_for(MUSIC[0])
    for kind, name in examples.extractors.items():
        if name != pinned[kind]:
            raise BenchError(
                f"{examples.folder / 'build.yaml'}: {kind} were found by {name}, those of the published board by "
                f"{pinned[kind]}; build the examples into another --out, without --extractor"
            )


def proposal(card: Card, task: Task, rows: Sequence[Row], flags: Sequence[str], written: Sequence[Path]) -> Proposal:
    """Write the text of a pull request: the submission, its scores, its flags and its files.

    Args:
        card: The submission's card.
        task: The task that it answers.
        rows: Its rows.
        flags: Flags of `bench check`.
        written: The files, relative to the clone's folder.
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
    """Return the shown columns as lines of a Markdown table, the ranking column first."""
    measured = next(iter(readings(rows).values()), {})
    lines = ["| column | value and 95 % interval | songs |", "|---|---|---|"]
    for column in in_order(task, columns_of(task)):
        if column.is_shown and column.name in measured:
            reading = measured[column.name]
            row = reading.whole
            number = "—" if isnan(row.value) else f"{row.value:.3g}"
            span = "" if isnan(row.low) else f" [{row.low:.3g}, {row.high:.3g}]"
            state = "" if row.state == "ok" else f" ({row.state})"
            head = f"{column.name} {f'({column.unit}) ' if column.unit else ''}{ARROWS[column.direction]}"
            lines.append(f"| {escape(head)} | {number}{span}{escape(state)} | {reading.n_songs} |")
    return lines
