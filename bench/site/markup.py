"""Markup: rendering of page templates, and escaping of foreign text in them.

Every page contains its style and scripts, and names their hashes in its Content-Security-Policy: a browser runs nothing
else and loads nothing from elsewhere. The policy forbids `style` attributes too, so positions are SVG attributes.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from bench.paths import PACKAGE
from bench.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

LIMIT = 400
"""Most characters of a foreign text that are shown."""


def text(foreign: object, limit: int = LIMIT) -> Markup:
    """Return foreign text escaped for an element or a quoted attribute: one line, no invisible characters, cut."""
    shown = printable(str(foreign))
    return escape(shown[:limit] + "…" * (len(shown) > limit))


def prose(markdown: str) -> Markup:
    """Return one of our own sentences as HTML; `code`, *emphasis* and **strong** are Markdown."""
    shown = str(escape(" ".join(markdown.split())))
    for mark, tag in ((r"`([^`]+)`", "code"), (r"\*\*([^*]+)\*\*", "strong"), (r"\*([^*]+)\*", "em")):
        shown = re.sub(mark, rf"<{tag}>\1</{tag}>", shown)
    return Markup(shown)  # noqa: S704 - escaped above; the tags are ours


def package_file(name: str, folder: str = "site") -> Markup:
    """Return the text of a style or script file of this package."""
    return Markup((PACKAGE / folder / name).read_text(encoding="utf-8"))  # noqa: S704 - a file of ours


@cache
def environment() -> "Environment":
    """Return the environment of all templates; every printed value passes through `text`, unless it is markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader([PACKAGE / folder / "templates" for folder in ("site", "listening")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else text(value),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(text=text, prose=prose)
    made.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return made


def render(template: str, **values: Any) -> str:
    """Render a template; a missing value is an error."""
    return environment().get_template(template).render(values)


def document(template: str, root: str = "", scripts: Sequence[str] = (), **values: Any) -> str:
    """Return a page of the site.

    Args:
        template: Its template, which extends `document.html`.
        root: Path from the page to the site's folder, ending with a slash unless empty.
        scripts: Names of script files of this package that run in it.
        values: Values for the template.
    """
    codes = [package_file(name) for name in scripts]
    return page(template, package_file("style.css"), codes, root=root, **values)


def page(template: str, style: Markup, codes: Sequence[Markup], answers_to: str = "", **values: Any) -> str:
    """Return a whole page.

    Args:
        template: Its template, which extends `page.html`.
        style: The style sheet.
        codes: The scripts that run in it.
        answers_to: Where its scripts may send data, in the form of the policy's `connect-src`; nowhere when empty.
        values: Values for the template.
    """
    policy = "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src {_source(style)}",
            f"script-src {' '.join(map(_source, codes)) or chr(39) + 'none' + chr(39)}",
            *([f"connect-src {answers_to}"] if answers_to else []),
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    # The policy is our own text, and longer than the limit of `text`.
    return render(template, policy=Markup(policy), style=style, codes=codes, **values)  # noqa: S704


def _source(inside: str) -> str:
    """Return the hash by which a policy names an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"
