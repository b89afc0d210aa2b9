"""Terminal: what all verbs of the command line share: errors in one line, JSON or text, the folder of runs."""

import json
import math
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import BenchError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
RUNS = Path("runs")


def mended(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn our own errors into one line on stderr and their exit code."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BenchError as error:
            from bench.text import printable

            typer.echo("bench: " + printable(str(error), keep="\n"), err=True)
            raise typer.Exit(error.exit_code) from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            typer.echo(
                f"bench: {where}{error.strerror or error}; check the path, its permissions and free space", err=True
            )
            raise typer.Exit(2) from error

    return call


def show(value: Any, as_json: bool, text: Callable[[], Any]) -> None:
    """Print a value as JSON, or what `text` makes of it: text, or something for rich."""
    if as_json:
        typer.echo(json.dumps(plain(value), indent=2, default=str))
        return
    shown = text()
    if isinstance(shown, str):
        typer.echo(shown)
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 220)
    for part in shown if isinstance(shown, list) else [shown]:
        console.print(part)


def plain(value: Any) -> Any:
    """Replace NaN and infinity by null: JSON has neither."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
