"""Commands about scores: check and score a submission, put it on the board, show and compare boards."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Choice, Examples, Handed, Metrics, Out, Workers
from bench.cli.output import RUNS, AsJson, reports_errors, say, show
from bench.errors import BenchError, CheckFailed


@reports_errors
def check(
    folder: Handed,
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Name of the task; that of the card if not given.")
    ] = None,
    requests: Annotated[
        Path | None, typer.Option("--requests", help="The requests that the submission answers.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Treat flags as problems.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report all problems of a submission at once.

    Example: bench check my-outputs --task inpaint-drums
    """
    from bench.checking.archive import opened
    from bench.checking.check import Findings
    from bench.checking.check import check as check_submission
    from bench.cli.resolve import requests_of, task_of

    try:
        with opened(folder) as unpacked:
            loaded = task_of(unpacked, task, requests)
            examples = requests_of(loaded, requests) if requests else None
            _, findings = check_submission(unpacked, loaded, examples)
    except CheckFailed as error:
        if not as_json:
            raise
        findings = Findings([str(error)])
    is_ok = not findings.problems and not (strict and findings.flags)
    payload = {"ok": is_ok, "problems": findings.problems, "flags": findings.flags}
    if as_json:
        show(payload, True, str)
        raise typer.Exit(0 if is_ok else 1)
    findings.raise_if_any(folder, strict)
    verdict = "ok" if requests else "ok so far; give --requests to check whether outputs are missing"
    show(payload, False, lambda: "\n".join([verdict, *(f"  flag: {flag}" for flag in findings.flags)]))


@reports_errors
def score(
    folder: Handed,
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Name of the task; that of the card if not given.")
    ] = None,
    examples: Examples = None,
    workers: Workers = 1,
    extractor: Choice = None,
    metric: Metrics = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace rows made with other extractors or versions.")
    ] = False,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Check a submission and score it.

    Example: bench score my-outputs
    """
    from bench.board import report
    from bench.checking.archive import opened
    from bench.checking.check import check as check_submission
    from bench.cli.resolve import examples_of, setting_of, task_of
    from bench.runtime.locks import exclusive
    from bench.scoring.results import score_into

    with opened(folder) as unpacked:
        loaded, setting = task_of(unpacked, task), setting_of(out, workers, extractor, None, metric)
        with exclusive(out):
            answered = examples_of(loaded, examples, unpacked, out)
            submission, findings = check_submission(unpacked, loaded, answered)
            findings.raise_if_any(folder)
            path = score_into(submission, answered, setting, must_agree=not overwrite)  # type: ignore[arg-type]
    for flag in findings.flags:
        say(f"flag: {flag}", err=True)
    tables = report.tables_of(path.parent)
    show(report.payload(tables), as_json, lambda: report.terminal(tables))


@reports_errors
def submit(
    folder: Handed,
    examples: Examples = None,
    workers: Workers = 1,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Put a submission onto the published board, and print a text for the pull request.

    Example: bench submit runs/submissions/inpaint-drums/synthetic-test/retrieval
    """
    from dataclasses import asdict

    from bench.board import report
    from bench.board.submit import submit as enter
    from bench.checking.archive import opened
    from bench.cli.resolve import examples_of, setting_of, task_of
    from bench.runtime.locks import exclusive
    from bench.site import present

    with opened(folder) as unpacked:
        loaded, setting = task_of(unpacked, None), setting_of(out, workers, None, None)
        with exclusive(out):
            entered = enter(unpacked, loaded, examples_of(loaded, examples, unpacked, out), setting)
    pages = [report.publish(), *present.refresh()]
    text = entered.proposal(pages)
    written = [str(path) for path in (*entered.written, *pages)]
    payload = {"written": written, "flags": entered.flags, "pull_request": asdict(text)}
    show(payload, as_json, lambda: f"written; open a pull request with this text:\n\n{text}")


@reports_errors
def report_(
    run: Annotated[
        Path | None,
        typer.Argument(help="A run's folder or its results; if not given, that of --out, else the published board."),
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="Show the published board.")] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write a static site with players into its folder site/.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--all", help="With --html: write all examples and systems, of any size.")
    ] = False,
    sounds: Annotated[
        Path | None, typer.Option("--sounds", help="With --html: another run whose sounds are played.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if the published pages disagree with the rows.")
    ] = False,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Print the leaderboard of a run or the published board, or write it as a site with players.

    Example: bench report --html runs
    """
    from dataclasses import asdict

    from bench.board import audit, history, report
    from bench.site import present

    if check and (run or html or whole or sounds):
        raise BenchError("--check checks the published board and writes nothing; use it without other options")
    if check:
        if differences := audit.audit() + present.check() or history.stale_histories():
            raise CheckFailed(
                "the pages of leaderboard/ disagree with its rows:\n" + "\n".join(f"  {line}" for line in differences)
            )
        show({"ok": True}, as_json, lambda: "the pages of leaderboard/ agree with leaderboard/results")
        return
    folder = report.folder_of(run, published, out)
    if html:
        made = present.present(folder, sounds, whole)
        show(asdict(made), as_json, lambda: "\n".join(made.lines))
        return
    if whole or sounds:
        raise BenchError("--all and --sounds are options of a site; give --html too")
    tables = report.tables_of(folder)
    show(report.payload(tables), as_json, lambda: report.terminal(tables))


@reports_errors
def compare(
    first: Annotated[str, typer.Argument(help="A system (NAME, RUN:NAME) or a board (FOLDER, board, board@REV).")],
    second: Annotated[str, typer.Argument(help="Another system or board.")],
    task: Annotated[str | None, typer.Option("--task", "-t", help="Compare on this task only.")] = None,
    published: Annotated[bool, typer.Option("--published", help="A NAME is a system of the published board.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Two boards: exit with 1 unless the first has every row of the second.")
    ] = False,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Compare two systems, or two boards row by row: paired differences, intervals and corrected p-values.

    FOLDER is a run, its results, or leaderboard/ of a checkout; REV is a git revision of this clone.

    Example: bench compare retrieval loop-context --task inpaint-drums

    Example: bench compare runs:air-mini other-runs:air-mini

    Example: bench compare board@HEAD~20 board

    Example: bench compare ../checkout/leaderboard runs --check
    """
    from dataclasses import asdict

    from bench.board import boards, changes
    from bench.board import compare as systems
    from bench.board.report import folder_of

    if boards.are_boards(first, second):
        moved = changes.between(first, second, task)
        show([asdict(one) for one in moved], as_json, lambda: changes.grids(moved, first, second))
        if check:
            changes.must_hold(moved)
        return
    if check:
        raise BenchError("--check compares the rows of two boards; name two boards or folders")
    compared = systems.compare(folder_of(None, published, out), first, second, task)
    show([asdict(one) for one in compared], as_json, lambda: systems.grids(compared, first, second))
