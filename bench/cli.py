"""The command line: parse, call one verb, print. Every verb imports its own, so that `bench list` is instant."""

import math
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bench.arguments import (
    AudioFolder,
    Choice,
    DatasetName,
    Device,
    Examples,
    Handed,
    Limit,
    Metrics,
    Out,
    Salt,
    TaskName,
    Workers,
)
from bench.cli_data import data_app
from bench.cli_listen import listen_app
from bench.errors import BenchError, CheckFailed
from bench.executor import bound_threads
from bench.terminal import RUNS, AsJson
from bench.terminal import mended as _mended
from bench.terminal import show as _print

app = typer.Typer(
    name="bench",
    help="SteerBench: a benchmark for steerable music editing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
app.add_typer(listen_app, name="listen")


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 1 or 2, never a traceback."""
    bound_threads()
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


@app.command("list")
@_mended
def list_(
    kind: Annotated[
        str | None, typer.Argument(help="tasks, models, datasets, metrics, extractors or renderers.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what can be named.

    Example: bench list tasks
    """
    from bench.list import listing

    found = listing(kind)

    def text() -> str:
        width = max((len(name) for names in found.values() for name in names), default=0)
        blocks = [
            f"{one}\n" + "\n".join(f"  {name:{width}}  {about}" for name, about in names.items())
            for one, names in found.items()
        ]
        return "\n\n".join(blocks)

    _print(found, as_json, text)


@app.command()
@_mended
def run(
    task: Annotated[list[str], typer.Option("--task", "-t", help="A task's name, or all; repeatable.")],
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="A model; repeatable.")] = None,
    dataset: DatasetName = None,
    audio: AudioFolder = None,
    salt: Salt = None,
    limit: Limit = None,
    device: Device = "auto",
    workers: Workers = 1,
    extractor: Choice = None,
    metric: Metrics = None,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Build, generate, score and report, resuming what is done. `--task all` runs every task.

    Example: bench run --task inpaint-drums

    Example: bench run --task inpaint-chords --task inpaint-piano --model air-mini
    """
    from bench import report
    from bench.build import source_of
    from bench.options import known_device, known_models, setting_of
    from bench.run import run as run_task
    from bench.task import load_task, task_names

    known_device(device)
    known_models(model)
    tables, setting = [], setting_of(out, workers, extractor, limit, metric, device)
    names = task_names() if "all" in task else dict.fromkeys(task)
    for loaded in [load_task(name) for name in names]:
        source = source_of(dataset, audio, salt, loaded)
        tables += report.tables_of(run_task(loaded, source, model or (), setting, partial(typer.echo, err=True)))
    report.publish(out)
    _print(report.payload(tables), as_json, lambda: report.terminal(tables))


@app.command()
@_mended
def build(
    task: TaskName,
    dataset: DatasetName = None,
    audio: AudioFolder = None,
    salt: Salt = None,
    limit: Limit = None,
    workers: Workers = 1,
    extractor: Choice = None,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Make requests (hand these out) and references (keep these).

    Example: bench build --task inpaint-chords --dataset synthetic-test --out runs
    """
    from bench.build import build as build_task
    from bench.build import source_of
    from bench.layout import exclusive
    from bench.leaks import scan
    from bench.options import setting_of
    from bench.task import load_task

    loaded, setting = load_task(task), setting_of(out, workers, extractor, limit)
    source = source_of(dataset, audio, salt, loaded)
    with exclusive(out):
        examples = build_task(loaded, source, setting.layout, setting.executor, setting.extractors, limit)
    leaks = scan(examples.folder / "requests", examples.folder / "references")
    found = {
        "folder": str(examples.folder),
        "requests": str(examples.folder / "requests"),
        "references": str(examples.folder / "references"),
        "manifest": examples.manifest.name,
        "n": len(examples.ids),
        "leaks": leaks,
    }
    for line in leaks:
        typer.echo(f"leak? {line}", err=True)
    _print(found, as_json, lambda: f"{found['n']} examples of {task} on {found['manifest']} in {found['folder']}")


@app.command()
@_mended
def generate(
    task: TaskName,
    model: Annotated[str, typer.Option("--model", "-m", help="A model's name; `bench list models`.")],
    requests: Annotated[
        Path | None, typer.Option("--requests", help="An examples folder that `bench build` made.")
    ] = None,
    device: Device = "auto",
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Let a model answer a task's requests, into a submission folder.

    Example: bench generate --task inpaint-drums --model retrieval
    """
    from bench.cache import Cache
    from bench.generate import generate as answer
    from bench.layout import Layout, exclusive
    from bench.options import examples_of, known_device, known_models
    from bench.task import load_task

    loaded = load_task(task)
    known_device(device)
    known_models([model])
    layout = Layout(out)
    with exclusive(out):
        examples = examples_of(loaded, requests, None, out)
        folder = layout.submission(task, examples.manifest.name, model)
        submission = answer(examples, model, folder, Cache(layout.cache), device=device)
    found = {"folder": str(folder), "n": len(examples.ids), "failed": submission.failures}
    _print(found, as_json, lambda: f"{found['n']} outputs of {model} in {folder}; failed: {len(submission.failures)}")


@app.command()
@_mended
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
    from bench.archive import opened
    from bench.check import Findings
    from bench.check import check as look_over
    from bench.options import requests_of, task_of

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
        _print(payload, True, str)
        raise typer.Exit(0 if is_ok else 1)
    found.raise_if_any(folder, strict)
    said = "ok" if requests else "ok so far: only with --requests is it known whether an output is missing"
    _print(payload, False, lambda: "\n".join([said, *(f"  flag: {flag}" for flag in found.flags)]))


@app.command()
@_mended
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
    from bench import report
    from bench.archive import opened
    from bench.check import check as look_over
    from bench.layout import exclusive
    from bench.options import examples_of, setting_of, task_of
    from bench.run import score_into

    with opened(folder) as here:
        loaded, setting = task_of(here, task), setting_of(out, workers, extractor, None, metric)
        with exclusive(out):
            made = examples_of(loaded, examples, here, out)
            submission, found = look_over(here, loaded, made)
            found.raise_if_any(folder)
            path = score_into(submission, made, setting, must_agree=not overwrite)  # type: ignore[arg-type]
    for flag in found.flags:
        typer.echo(f"flag: {flag}", err=True)
    tables = report.tables_of(path.parent)
    _print(report.payload(tables), as_json, lambda: report.terminal(tables))


@app.command()
@_mended
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

    from bench import present, report
    from bench.archive import opened
    from bench.layout import exclusive
    from bench.options import examples_of, setting_of, task_of
    from bench.submit import submit as enter

    with opened(folder) as here:
        loaded, setting = task_of(here, None), setting_of(out, workers, None, None)
        with exclusive(out):
            entered = enter(here, loaded, examples_of(loaded, examples, here, out), setting)
    pages = [report.publish(), *present.refresh()]
    text = entered.proposal(pages)
    written = [str(path) for path in (*entered.written, *pages)]
    found = {"written": written, "flags": entered.flags, "pull_request": asdict(text)}
    _print(found, as_json, lambda: f"written, ready for a pull request, which may say:\n\n{text}")


@app.command("report")
@_mended
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

    from bench import history, present, report

    if check and (run or html or whole or sounds):
        raise BenchError("--check looks at the published board as it stands and writes nothing; give it alone")
    if check:
        if differences := report.check() + present.check() or history.check():
            raise CheckFailed("leaderboard/ is out of step:\n" + "\n".join(f"  {line}" for line in differences))
        _print({"ok": True}, as_json, lambda: "the pages of leaderboard/ agree with leaderboard/results")
        return
    folder = report.folder_of(run, published, out)
    if html:
        made = present.present(folder, sounds, whole)
        _print(asdict(made), as_json, lambda: "\n".join(made.lines))
        return
    if whole or sounds:
        raise BenchError("--all and --sounds say what a site holds; give --html with them")
    tables = report.tables_of(folder)
    _print(report.payload(tables), as_json, lambda: report.terminal(tables))


@app.command()
@_mended
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

    from bench import boards
    from bench import compare as systems
    from bench.report import folder_of

    if boards.are_boards(first, second):
        changes = boards.between(first, second, task)
        _print([asdict(one) for one in changes], as_json, lambda: boards.grids(changes, first, second))
        if check:
            boards.must_hold(changes)
        return
    if check:
        raise BenchError("--check looks for the rows of one board in another; give two boards or folders")
    found = systems.compare(folder_of(None, published, out), first, second, task)
    _print([asdict(one) for one in found], as_json, lambda: systems.grids(found, first, second))


@app.command()
@_mended
def look(
    example: Annotated[str, typer.Argument(help="An example's id.")],
    task: TaskName,
    examples: Examples = None,
    png: Annotated[Path | None, typer.Option("--png", help="Where to write the picture.")] = None,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Draw an example: reference, masked, control and every system's output.

    Example: bench look test-0001 --task inpaint-drums
    """
    from bench.layout import Layout
    from bench.look import look as draw
    from bench.options import examples_of
    from bench.task import load_task

    made = examples_of(load_task(task), examples, None, out)
    submissions = Layout(out).submission(task, made.manifest.name, "any").parent
    path = draw(made, example, submissions, png or out / "looks" / task / made.manifest.name / f"{example}.png")
    _print({"png": str(path)}, as_json, lambda: str(path))


@app.command()
@_mended
def doctor(
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only this task; exit 1 if it is not ready.")] = None,
    dataset: DatasetName = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="A model; repeatable.")] = None,
    device: Device = "auto",
    noise_floor: Annotated[
        bool, typer.Option("--noise-floor", help="Measure the extractors on synthetic truth.")
    ] = False,
    limit: Limit = None,
    extractor: Choice = None,
    as_json: AsJson = False,
) -> None:
    """Say what is installed, what each task lacks to be run as asked, and how to get it.

    Example: bench doctor --task inpaint-drums --dataset synthetic --model air-mini

    Example: bench doctor --noise-floor --limit 4
    """
    from bench.options import extractors_of, known_models

    if noise_floor:
        from bench.noise_floor import noise_floor as measure

        rows = measure(dataset, limit, extractors_of(extractor)["drums"])
        _print(rows, as_json, lambda: "\n".join("  ".join(f"{k}={v}" for k, v in row.items()) for row in rows))
        return
    from dataclasses import asdict

    from bench.doctor import Asked, examine, tables

    known_models(model)
    found = examine(task, Asked(extractors_of(extractor), dataset, tuple(model or ()), device))
    _print([asdict(one) for one in found], as_json, lambda: tables(found))
    if task and not all(one.is_ready for one in found):
        raise typer.Exit(1)


@app.command()
@_mended
def setup(
    name: Annotated[str, typer.Argument(help="A component or the weights of a model; `bench doctor` lists them.")],
    as_json: AsJson = False,
) -> None:
    """Build an optional component the way that works, or fetch the weights of a model.

    Example: bench setup madmom
    """
    from bench.setup import setup as install

    said = install(name)
    _print({"said": said}, as_json, lambda: said)


@app.command()
@_mended
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name; `bench list recipes`.")],
    budget: Annotated[str | None, typer.Option("--budget", help="One of the recipe's; its first if not given.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Train on this data set's train split.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="In place of the recipe's own.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Where songs, checkpoints and weights lie.")] = RUNS / "train",
    device: Device = "auto",
    workers: Workers = 1,
    minutes: Annotated[float, typer.Option("--minutes", help="Stop after so long; the next call goes on.")] = math.inf,
    as_json: AsJson = False,
) -> None:
    """Train a weight file by its recipe, going on from the last checkpoint, and write its card.

    Example: bench train air-aligned-mini-drums
    """
    from dataclasses import asdict

    from bench.train import train as run_recipe

    seconds = 60 * minutes
    made = run_recipe(recipe, budget, out, dataset=dataset, seed=seed, device=device, workers=workers, seconds=seconds)
    scores = ", ".join(f"{name} {value:.4f}" for name, value in made.validation.items())
    said = f"{made.recipe} ({made.budget}): step {made.step} of {made.steps}, validation {scores or 'not yet'}"
    end = f"weights and card in {made.path.parent}" if made.is_done else "call again to go on"
    _print({**asdict(made), "is_done": made.is_done}, as_json, lambda: f"{said}; {end}")


if __name__ == "__main__":
    main()
