"""The command line of scores: check and score a submission, put it on the board, show and compare boards."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Choice, Examples, Handed, Metrics, Out, Workers
from bench.cli.output import RUNS, AsJson, mended, say, show
from bench.errors import BenchError, CheckFailed


@mended
def check(
    folder: Handed,
    task: Annotated[str | None, typer.Option("--task", "-t", help="The task; the card's when not given.")] = None,
    requests: Annotated[Path | None, typer.Option("--requests", help="The requests that it answers.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what is otherwise only flagged.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report every problem of a submission at once.

    Example: bench check my-outputs --task inpaint-drums
    """
    from bench.checking.archive import opened
    from bench.checking.check import Findings
    from bench.checking.check import check as look_over
    from bench.cli.resolve import requests_of, task_of

    try:
        with opened(folder) as here:
            loaded = task_of(here, task, requests)
            examples = requests_of(loaded, requests) if requests else None
            _, found = look_over(here, loaded, examples)
    except CheckFailed as error:
        if not as_json:
            raise
        found = Findings([str(error)])
    is_ok = not found.problems and not (strict and found.flags)
    payload = {"ok": is_ok, "problems": found.problems, "flags": found.flags}
    if as_json:
        show(payload, True, str)
        raise typer.Exit(0 if is_ok else 1)
    found.raise_if_any(folder, strict)
    said = "ok" if requests else "ok so far: only with --requests is it known whether an output is missing"
    show(payload, False, lambda: "\n".join([said, *(f"  flag: {flag}" for flag in found.flags)]))


@mended
def score(
    folder: Handed,
    task: Annotated[str | None, typer.Option("--task", "-t", help="The task; the card's when not given.")] = None,
    examples: Examples = None,
    workers: Workers = 1,
    extractor: Choice = None,
    metric: Metrics = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace rows that rest on other extractors or versions.")
    ] = False,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Check a submission and score it; audio in, numbers out.

    Example: bench score my-outputs
    """
    from bench.board import report
    from bench.checking.archive import opened
    from bench.checking.check import check as look_over
    from bench.cli.resolve import examples_of, setting_of, task_of
    from bench.runtime.locks import exclusive
    from bench.scoring.results import score_into

    with opened(folder) as here:
        loaded, setting = task_of(here, task), setting_of(out, workers, extractor, None, metric)
        with exclusive(out):
            made = examples_of(loaded, examples, here, out)
            submission, found = look_over(here, loaded, made)
            found.raise_if_any(folder)
            path = score_into(submission, made, setting, must_agree=not overwrite)  # type: ignore[arg-type]
    for flag in found.flags:
        say(f"flag: {flag}", err=True)
    tables = report.tables_of(path.parent)
    show(report.payload(tables), as_json, lambda: report.terminal(tables))


@mended
def submit(
    folder: Handed,
    examples: Examples = None,
    workers: Workers = 1,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Put a submission onto the published board, and print the text of the pull request that brings it there.

    Example: bench submit runs/submissions/inpaint-drums/synthetic-test/retrieval
    """
    from dataclasses import asdict

    from bench.board import report
    from bench.board.submit import submit as enter
    from bench.checking.archive import opened
    from bench.cli.resolve import examples_of, setting_of, task_of
    from bench.runtime.locks import exclusive
    from bench.site import present

    with opened(folder) as here:
        loaded, setting = task_of(here, None), setting_of(out, workers, None, None)
        with exclusive(out):
            entered = enter(here, loaded, examples_of(loaded, examples, here, out), setting)
    pages = [report.publish(), *present.refresh()]
    text = entered.proposal(pages)
    written = [str(path) for path in (*entered.written, *pages)]
    found = {"written": written, "flags": entered.flags, "pull_request": asdict(text)}
    show(found, as_json, lambda: f"written, ready for a pull request, which may say:\n\n{text}")


@mended
def report_(
    run: Annotated[
        Path | None, typer.Argument(help="A run's folder or a results folder; the newest under --out.")
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="The published board.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Write a static site with players into site/ there.")] = False,
    whole: Annotated[bool, typer.Option("--all", help="With --html: every example and system, of any size.")] = False,
    sounds: Annotated[
        Path | None, typer.Option("--sounds", help="With --html: the run whose sounds are played, if another.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fail if the published pages and rows are out of step.")
    ] = False,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Print the leaderboard of a run, or the published board; or write it as pages to look at and listen to.

    Example: bench report --html runs
    """
    from dataclasses import asdict

    from bench.board import audit, history, report
    from bench.site import present

    if check and (run or html or whole or sounds):
        raise BenchError("--check looks at the published board as it stands and writes nothing; give it alone")
    if check:
        if differences := audit.audit() + present.check() or history.stale_histories():
            raise CheckFailed("leaderboard/ is out of step:\n" + "\n".join(f"  {line}" for line in differences))
        show({"ok": True}, as_json, lambda: "the pages of leaderboard/ agree with leaderboard/results")
        return
    folder = report.folder_of(run, published, out)
    if html:
        made = present.present(folder, sounds, whole)
        show(asdict(made), as_json, lambda: "\n".join(made.lines))
        return
    if whole or sounds:
        raise BenchError("--all and --sounds say what a site holds; give --html with them")
    tables = report.tables_of(folder)
    show(report.payload(tables), as_json, lambda: report.terminal(tables))


@mended
def compare(
    first: Annotated[str, typer.Argument(help="A system (NAME, RUN:NAME) or a board (FOLDER, board, board@REV).")],
    second: Annotated[str, typer.Argument(help="Another of the same kind.")],
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only this task.")] = None,
    published: Annotated[bool, typer.Option("--published", help="NAMEs are those of the published board.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Two boards: exit 1 unless the first has every row of the second.")
    ] = False,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Compare two systems, or two boards row by row: paired differences, intervals and corrected p-values.

    A FOLDER is a run's, its results, or a checkout's leaderboard/; REV is a git revision of the clone.

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
        raise BenchError("--check looks for the rows of one board in another; give two boards or folders")
    found = systems.compare(folder_of(None, published, out), first, second, task)
    show([asdict(one) for one in found], as_json, lambda: systems.grids(found, first, second))
