"""Markup: whole pages, and foreign text made safe in them.

Every page carries its style and scripts inside it and names their hashes in its Content-Security-Policy: a browser runs
nothing else and asks nobody for anything. An attribute `style` would be refused too; positions are SVG attributes.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from typing import Any

from bench.paths import PACKAGE
from bench.text import printable

LIMIT = 400
"""Characters of foreign text that are shown."""
_IN_SCRIPTS = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def text(foreign: object, limit: int = LIMIT) -> str:
    """Return foreign text that stays text, in an element or a quoted attribute: one line, nothing invisible, cut."""
    shown = printable(str(foreign))
    return html.escape(shown[:limit] + "…" * (len(shown) > limit))


def prose(markdown: str) -> str:
    """Return a sentence of ours, whose `code`, *emphasis* and **weight** are Markdown, as HTML."""
    shown = html.escape(" ".join(markdown.split()), quote=False)
    for mark, tag in ((r"`([^`]+)`", "code"), (r"\*\*([^*]+)\*\*", "strong"), (r"\*([^*]+)\*", "em")):
        shown = re.sub(mark, rf"<{tag}>\1</{tag}>", shown)
    return shown


def json_block(name: str, value: Any) -> str:
    """Return values that a script of the page reads by the block's id; no string in them can end the block."""
    shown = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_IN_SCRIPTS)
    return f'<script type="application/json" id="{name}">{shown}</script>'


def package_file(name: str, folder: str = "site") -> str:
    """Return the text of a style or script of a package of ours."""
    return (PACKAGE / folder / name).read_text(encoding="utf-8")


def document(title: str, main: str, root: str = "", scripts: Sequence[str] = ()) -> str:
    """Return a whole page.

    Args:
        title: Its title, not escaped.
        main: What stands in `<main>`, markup.
        root: Path from the page to the site's folder, with a slash behind it where it is not empty.
        scripts: Files of this package that run in it.
    """
    body = f"""<a class="skip" href="#main">Skip to the content</a>
<header class="top"><nav aria-label="Pages"><a class="brand" href="{root}index.html">SteerBench</a>
<a href="{root}index.html">Tables</a> <a href="{root}systems.html">Systems</a></nav></header>
<main id="main">
{main}
</main>"""
    return page(title, body, package_file("style.css"), [package_file(name) for name in scripts])


def page(title: str, body: str, style: str, codes: Sequence[str], answers_to: str = "") -> str:
    """Return a whole page with what stands in `<body>`.

    Args:
        title: Its title, not escaped.
        body: Markup.
        style: The style sheet.
        codes: The scripts that run in it.
        answers_to: Where its scripts may send something, as a policy's `connect-src` names it; nowhere when empty.
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
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{text(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
{"".join(f"<script>{code}</script>" for code in codes)}
</body>
</html>
"""


def _source(inside: str) -> str:
    """Return how a policy names an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"
