"""Output of all commands: errors in one line, JSON or text, and ASCII for characters that a stream cannot encode."""

import codecs
import io
import json
import math
import sys
import unicodedata
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import BenchError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
RUNS = Path("runs")
IN_ASCII = "steerbench-ascii"
"""Name of the error handler for characters that an encoding lacks."""
_TYPOGRAPHY = {
    **dict.fromkeys("‐‑‒–—−─━", "-"),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("‘’′", "'"),
    **dict.fromkeys("“”„″", '"'),
    **{"\xa0": " ", "±": "+-", "×": "x", "·": ".", "•": "*", "…": "...", "≤": "<=", "≥": ">=", "≈": "~", "µ": "u"},
    **{"→": "->", "←": "<-", "↑": "^", "↓": "v", "‹": "<", "›": ">", "«": "<<", "»": ">>", "°": " deg"},
}


def reports_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command: print a `BenchError` or `OSError` as one line on stderr and exit with its code."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BenchError as error:
            from bench.text import printable

            say("bench: " + printable(_decoded(str(error)), keep="\n"), err=True)
            raise typer.Exit(error.exit_code) from error
        except OSError as error:
            where = f"{_decoded(str(error.filename))}: " if error.filename else ""
            say(f"bench: {where}{error.strerror or error}; check the path, its permissions and free space", err=True)
            raise typer.Exit(2) from error

    return call


def fit_streams() -> None:
    """Let stdout and stderr replace characters that their encoding lacks by ASCII, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=IN_ASCII)


def print_utf8() -> None:
    """Let stdout write UTF-8, for output that is redirected to a file."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def say(text: str, err: bool = False) -> None:
    """Print a line; unlike typer's own function, it does not write UTF-8 to an ASCII stream."""
    print(text, file=sys.stderr if err else sys.stdout, flush=True)


def _decoded(text: str) -> str:
    """Return a message in which file names that the locale could not decode are decoded as UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate from a JSON file is not a file name
        return text


def in_ascii(text: str) -> str:
    """Return a text in ASCII: typographic characters replaced, accents removed, everything else escaped."""
    return "".join(c if c.isascii() else _TYPOGRAPHY.get(c) or _escaped(c) for c in text)


def _escaped(character: str) -> str:
    bare = "".join(part for part in unicodedata.normalize("NFD", character) if not unicodedata.combining(part))
    return bare if bare.isascii() else character.encode("ascii", "backslashreplace").decode("ascii")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return in_ascii(error.object[error.start : error.end]), error.end


codecs.register_error(IN_ASCII, _replaced)


def _fit(part: Any, encoding: str) -> None:
    """Replace characters that cannot be encoded before rich lays out the text, so that columns stay aligned."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if isinstance(part, Text):
        part.plain = part.plain.encode(encoding, IN_ASCII).decode(encoding)
    elif isinstance(part, Group):
        for inner in part.renderables:
            _fit(inner, encoding)
    elif isinstance(part, Table):
        cells = [cell for column in part.columns for cell in (column.header, *column.cells)]
        for held in (part.title, part.caption, *cells):
            _fit(held, encoding)


def show(value: Any, as_json: bool, text: Callable[[], Any]) -> None:
    """Print a value as JSON, or the result of `text`: a string or rich renderables."""
    if as_json:
        say(json.dumps(plain(value), indent=2, default=str))
        return
    shown = text()
    if isinstance(shown, str):
        say(shown)
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 220)
    for part in shown if isinstance(shown, list) else [shown]:
        _fit(part, console.encoding)
        console.print(part)


def plain(value: Any) -> Any:
    """Return a value for JSON, with NaN and infinity replaced by null."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
