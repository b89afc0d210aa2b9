"""The command `bench` and its subcommands. Each imports what it needs when it runs, so that `bench list` is fast."""

import sys
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.board import check, compare, report_, score, submit
from bench.cli.data import data_app
from bench.cli.listen import listen_app
from bench.cli.options import (
    AudioFolder,
    Choice,
    DatasetName,
    Device,
    Examples,
    Limit,
    Metrics,
    Out,
    Salt,
    TaskName,
    Workers,
)
from bench.cli.output import RUNS, AsJson, fit_streams, reports_errors, say, show
from bench.cli.setup import doctor, setup, train
from bench.cli.upkeep import convert_app, expectations, fingerprint, lock
from bench.runtime.executor import bound_threads
from bench.runtime.home import settle

app = typer.Typer(
    name="bench",
    help="SteerBench: a benchmark for steerable music editing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
app.add_typer(listen_app, name="listen")
app.add_typer(convert_app, name="convert")


def main() -> None:
    """Run the command line; a user's mistake gives one line and exit code 1 or 2, never a traceback."""
    bound_threads()
    fit_streams()
    if line := settle():
        say(f"bench: {line}", err=True)
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


@app.command("list")
@reports_errors
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="tasks, models, datasets, metrics, extractors, renderers, trainers or recipes; all if not given."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, plugs and recipes by name, each with a description.

    Example: bench list tasks
    """
    from bench.upkeep.listing import listing

    by_kind = listing(kind)

    def text() -> str:
        width = max((len(name) for names in by_kind.values() for name in names), default=0)
        blocks = [
            f"{one}\n" + "\n".join(f"  {name:{width}}  {about}" for name, about in names.items())
            for one, names in by_kind.items()
        ]
        return "\n\n".join(blocks)

    show(by_kind, as_json, text)


@app.command()
@reports_errors
def run(
    task: Annotated[list[str], typer.Option("--task", "-t", help="Name of a task, or all; repeatable.")],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Name of a model; repeatable; the default ones if not given."),
    ] = None,
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
    """Build, generate, score and report; what is already done is kept. `--task all` runs every task.

    Example: bench run --task inpaint-drums

    Example: bench run --task inpaint-chords --task inpaint-piano --model air-mini
    """
    from bench.board import report
    from bench.cli.resolve import known_device, known_models, setting_of
    from bench.pipeline.run import run as run_task
    from bench.pipeline.source import source_of
    from bench.task import load_task, task_names

    known_device(device)
    known_models(model)
    tables, setting = [], setting_of(out, workers, extractor, limit, metric, device)
    once = cache(partial(say, err=True))  # tasks of one run repeat what they took
    names = task_names() if "all" in task else dict.fromkeys(task)
    for loaded in [load_task(name) for name in names]:
        source = source_of(dataset, audio, salt, loaded)
        tables += report.tables_of(run_task(loaded, source, model or (), setting, once))
    report.publish(out)
    show(report.payload(tables), as_json, lambda: report.terminal(tables))


@app.command()
@reports_errors
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
    """Build requests (to hand out) and references (to keep) for a task.

    Example: bench build --task inpaint-chords --dataset synthetic-test --out runs
    """
    from bench.cli.resolve import setting_of
    from bench.pipeline.build import build as build_task
    from bench.pipeline.leaks import scan
    from bench.pipeline.source import source_of
    from bench.runtime.locks import exclusive
    from bench.task import load_task

    loaded, setting = load_task(task), setting_of(out, workers, extractor, limit)
    source = source_of(dataset, audio, salt, loaded)
    with exclusive(out):
        means = (setting.layout, setting.executor, setting.asked, limit, partial(say, err=True))
        examples = build_task(loaded, source, *means)
    leaks = scan(examples.folder / "requests", examples.folder / "references")
    built = {
        "folder": str(examples.folder),
        "requests": str(examples.folder / "requests"),
        "references": str(examples.folder / "references"),
        "manifest": examples.manifest.name,
        "n": len(examples.ids),
        "leaks": leaks,
    }
    for line in leaks:
        say(f"leak? {line}", err=True)
    show(built, as_json, lambda: f"{built['n']} examples of {task} on {built['manifest']} in {built['folder']}")


@app.command()
@reports_errors
def generate(
    task: TaskName,
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model; see `bench list models`.")],
    requests: Annotated[
        Path | None,
        typer.Option("--requests", help="Examples made by `bench build`; the newest of the run if not given."),
    ] = None,
    device: Device = "auto",
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Let a model answer the requests of a task, and write a submission folder.

    Example: bench generate --task inpaint-drums --model retrieval
    """
    from bench.cli.resolve import examples_of, known_device, known_models
    from bench.pipeline.generate import generate as answer
    from bench.runtime.cache import Cache
    from bench.runtime.layout import Layout
    from bench.runtime.locks import exclusive
    from bench.task import load_task

    loaded = load_task(task)
    known_device(device)
    known_models([model])
    layout = Layout(out)
    with exclusive(out):
        examples = examples_of(loaded, requests, None, out)
        folder = layout.submission(task, examples.manifest.name, model)
        submission = answer(examples, model, folder, Cache(layout.cache), device=device)
    made = {"folder": str(folder), "n": len(examples.ids), "failed": submission.failures}
    show(made, as_json, lambda: f"{made['n']} outputs of {model} in {folder}; failed: {len(submission.failures)}")


for name, command in {"check": check, "score": score, "submit": submit, "report": report_, "compare": compare}.items():
    app.command(name)(command)


@app.command()
@reports_errors
def look(
    example: Annotated[str, typer.Argument(help="Id of an example.")],
    task: TaskName,
    examples: Examples = None,
    png: Annotated[
        Path | None, typer.Option("--png", help="File to write; OUT/looks/TASK/MANIFEST/ID.png if not given.")
    ] = None,
    out: Out = RUNS,
    as_json: AsJson = False,
) -> None:
    """Draw an example: reference, masked sound, controls and every system's output.

    Example: bench look test-0001 --task inpaint-drums
    """
    from bench.cli.resolve import examples_of
    from bench.pipeline.look import look as draw
    from bench.runtime.layout import Layout
    from bench.task import load_task

    made = examples_of(load_task(task), examples, None, out)
    submissions = Layout(out).submission(task, made.manifest.name, "any").parent
    path = draw(made, example, submissions, png or out / "looks" / task / made.manifest.name / f"{example}.png")
    show({"png": str(path)}, as_json, lambda: str(path))


for command in (doctor, setup, train, lock, expectations, fingerprint):
    app.command()(command)
