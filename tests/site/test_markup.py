"""Tests of bench.site.markup."""

import json
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup

from bench.site.markup import document, environment, prose, render, text
from tests.site.small import HOSTILE, SCRIPT

TEMPLATES = [name for name in environment().list_templates() if name.endswith(".html")]


def filled(source, **values):
    return environment().from_string(source).render(values)


@given(st.text())
def test_text_adds_no_markup(foreign):
    assert not set(text(foreign)) & set("<>\"'\n\r\x00\u202e\u2028")


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=300))
def test_escaped_text_reads_as_written(foreign):
    assert unescape(text(foreign)) == foreign


def test_long_text_is_cut():
    assert text("a" * 1000) == "a" * 400 + "…"


@pytest.mark.parametrize("foreign", [SCRIPT, "<!--<script>", "\u2029", "&lt;"])
def test_json_cannot_end_its_block(foreign):
    inside = filled("{{ x|tojson }}", x={"y": foreign})
    assert not set(inside) & set("<>&\u2028\u2029")
    assert json.loads(inside) == {"y": foreign}


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="JSON compliant"):
        filled("{{ x|tojson }}", x=float("nan"))


def test_prose_is_marked_up():
    assert prose("**a** `b<c`\n  *d*") == "<strong>a</strong> <code>b&lt;c</code> <em>d</em>"


def test_every_printed_value_is_escaped():
    safe = text(HOSTILE + SCRIPT)
    assert not set(safe) & set("<>\"'\u202e")
    assert filled("<a title='{{ x }}'>{% for y in [x] %}{{ y }}{% endfor %}</a>", x=HOSTILE + SCRIPT) == (
        Markup("<a title='{0}'>{0}</a>").format(safe)
    )
    assert filled("{{ x }}", x="a" * 1000) == "a" * 400 + "…"
    assert filled("{{ x|text(2000) }}", x="a" * 1000) == "a" * 1000


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_missing_value_is_an_error(name):
    environment().get_template(name)
    if name != "table.html":  # macros alone
        with pytest.raises(UndefinedError, match="is undefined"):
            render(name)


def test_no_template_marks_values_as_safe():
    for name in TEMPLATES:
        source, _, _ = environment().loader.get_source(environment(), name)
        assert not re.search(r"\|\s*safe|autoescape|Markup", source)


def test_a_card_that_runs_a_script_is_text():
    card = {"name": SCRIPT, "is_linked": False, "lines": {"notes": SCRIPT}, "histories": [(SCRIPT, [SCRIPT])]}
    page = document("systems.html", cards=[card])
    assert page.count("&lt;/script&gt;&lt;script&gt;alert(2)") == 4
    assert "<script" not in page
