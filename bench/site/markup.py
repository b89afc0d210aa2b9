"""Markup: the templates of pages filled in, and foreign text made safe in them.

Every page carries its style and scripts inside it and names their hashes in its Content-Security-Policy: a browser runs
nothing else and asks nobody for anything. An attribute `style` would be refused too; positions are SVG attributes.
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
"""Characters of foreign text that are shown."""


def text(foreign: object, limit: int = LIMIT) -> Markup:
    """Return foreign text that stays text, in an element or a quoted attribute: one line, nothing invisible, cut."""
    shown = printable(str(foreign))
    return escape(shown[:limit] + "…" * (len(shown) > limit))


def prose(markdown: str) -> Markup:
    """Return a sentence of ours, whose `code`, *emphasis* and **weight** are Markdown, as HTML."""
    shown = str(escape(" ".join(markdown.split())))
    for mark, tag in ((r"`([^`]+)`", "code"), (r"\*\*([^*]+)\*\*", "strong"), (r"\*([^*]+)\*", "em")):
        shown = re.sub(mark, rf"<{tag}>\1</{tag}>", shown)
    return Markup(shown)  # noqa: S704 - escaped above; the tags are ours


def package_file(name: str, folder: str = "site") -> Markup:
    """Return the text of a style or script of a package of ours."""
    return Markup((PACKAGE / folder / name).read_text(encoding="utf-8"))  # noqa: S704 - a file of ours


@cache
def environment() -> "Environment":
    """Return the templates of all pages. Whatever they print goes through `text`, unless it is markup already."""
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
    """Return a template, filled in; a value that it names and that is not given is an error."""
    return environment().get_template(template).render(values)


def document(template: str, root: str = "", scripts: Sequence[str] = (), **values: Any) -> str:
    """Return a page of the site.

    Args:
        template: Its template, which extends `document.html`.
        root: Path from the page to the site's folder, with a slash behind it where it is not empty.
        scripts: Files of this package that run in it.
        values: What the template names.
    """
    codes = [package_file(name) for name in scripts]
    return page(template, package_file("style.css"), codes, root=root, **values)


def page(template: str, style: Markup, codes: Sequence[Markup], answers_to: str = "", **values: Any) -> str:
    """Return a whole page.

    Args:
        template: Its template, which extends `page.html`.
        style: The style sheet.
        codes: The scripts that run in it.
        answers_to: Where its scripts may send something, as a policy's `connect-src` names it; nowhere when empty.
        values: What the template names.
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
    # The policy is ours, and longer than foreign text may be.
    return render(template, policy=Markup(policy), style=style, codes=codes, **values)  # noqa: S704


def _source(inside: str) -> str:
    """Return how a policy names an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"
