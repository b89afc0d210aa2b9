"""Commands about listening tests: make a test, serve it, import its ratings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bench.cli.output import RUNS, AsJson, reports_errors, say, show
from bench.errors import BenchError


class _MakesByDefault(TyperGroup):
    """Reads `bench listen RUN` as `bench listen make RUN`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert `make` before an argument that is not a command."""
        known = {*self.commands, *ctx.help_option_names}
        return list(super().parse_args(ctx, args if not args or args[0] in known else ["make", *args]))


listen_app = typer.Typer(
    cls=_MakesByDefault,
    no_args_is_help=True,
    help="""Listening tests: `bench listen RUN --task T` makes a page to hand out, `import` reads the ratings.

    Example: bench listen runs --task inpaint-drums --seed 1
    """,
)
Names = Annotated[list[str] | None, typer.Option("--systems", help="Systems to compare; repeatable, or with commas.")]


@listen_app.command("make")
@reports_errors
def make(
    run: Annotated[Path, typer.Argument(help="The run whose outputs are compared.")],
    task: Annotated[str, typer.Option("--task", "-t", help="Name of a task; see `bench list tasks`.")],
    form: Annotated[
        str, typer.Option("--form", help="mushra: rate from 0 to 100; ab: choose the better of two.")
    ] = "mushra",
    axes: Annotated[
        list[str] | None, typer.Option("--axes", help="transition, adherence, quality; repeatable, or with commas.")
    ] = None,
    n_examples: Annotated[int, typer.Option("--examples", help="Number of examples, of different songs.")] = 8,
    systems: Names = None,
    manifest: Annotated[
        str | None,
        typer.Option("--manifest", help="Manifest of the examples, if the run has several; the newest if not given."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of codes and orders; random if not given.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder of the test; RUN/listen/TASK-FORM if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a listening test: a page to hand out and the key to keep.

    Example: bench listen runs --task inpaint-drums --systems air-mini,retrieval --examples 8
    """
    from dataclasses import asdict

    from bench.cli.resolve import examples_of
    from bench.listening.make import listen
    from bench.runtime.layout import Layout
    from bench.task import load_task

    loaded = load_task(task)
    examples = examples_of(loaded, Layout(run).examples(task, manifest) if manifest else None, None, run)
    made = listen(run, examples, form, _split(axes), n_examples, _split(systems), seed, to)
    show(asdict(made), as_json, lambda: "\n".join(made.lines))


@listen_app.command("serve")
@reports_errors
def serve(
    folder: Annotated[Path, typer.Argument(help="Folder of a test made by `bench listen`.")],
    port: Annotated[int, typer.Option("--port", help="Port; 0 chooses a free one.", min=0, max=65535)] = 8000,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; only this machine can connect to 127.0.0.1.")
    ] = "127.0.0.1",
) -> None:
    """Serve a listening test and store its ratings in FOLDER/ratings, until Ctrl-C.

    Example: bench listen serve runs/listen/inpaint-drums-mushra
    """
    from bench.listening.make import server_of

    with server_of(folder, host, port) as server:
        say(f"{server.url}  give each listener a number: {server.url}#p=0, {server.url}#p=1, …")
        say(f"ratings are stored in {server.ratings}; stop with Ctrl-C")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")


@listen_app.command("import")
@reports_errors
def import_(
    what: Annotated[list[Path], typer.Argument(help="Folder of the test, files of ratings, or folders of them.")],
    key: Annotated[
        Path | None, typer.Option("--key", help="The test's key.json; the folder's own if not given.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder of the run.")] = RUNS,
    as_json: AsJson = False,
) -> None:
    """Import ratings, screen the listeners, and write the results beside the run's scores.

    Example: bench listen import runs/listen/inpaint-drums-mushra --out runs
    """
    from bench.listening.make import KEY, RATINGS
    from bench.listening.verdicts import bring, payload, terminal

    folder = what[0]
    if key is None and not (folder / KEY).is_file():
        raise BenchError(f"{folder}: has no {KEY}; name the key that `bench listen` wrote with --key")
    paths = [path / RATINGS if (path / KEY).is_file() else path for path in what]
    result = bring(paths, key or folder / KEY, out)
    show(payload(result), as_json, lambda: terminal(result))


def _split(names: Sequence[str] | None) -> list[str] | None:
    parts = [name.strip() for entry in names or () for name in entry.split(",") if name.strip()]
    return parts or None
