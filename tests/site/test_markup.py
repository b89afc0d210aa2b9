"""Tests of bench.site.markup."""

import json
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.site.markup import document, json_block, prose, text
from tests.site.small import SCRIPT


@given(st.text())
def test_text_marks_nothing_up(foreign):
    assert not set(text(foreign)) & set("<>\"'\n\r\x00\u202e\u2028")


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=300))
def test_text_reads_as_it_was(foreign):
    assert unescape(text(foreign)) == foreign


def test_long_text_is_cut():
    assert text("a" * 1000) == "a" * 400 + "…"


@pytest.mark.parametrize("foreign", [SCRIPT, "<!--<script>", "\u2029", "&lt;"])
def test_json_cannot_end_its_block(foreign):
    block = json_block("x", {"y": foreign})
    inside = block.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert not set(inside) & set("<>&\u2028\u2029")
    assert json.loads(inside) == {"y": foreign}


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="JSON compliant"):
        json_block("x", float("nan"))


def test_prose_is_marked_up():
    assert prose("**a** `b<c`\n  *d*") == "<strong>a</strong> <code>b&lt;c</code> <em>d</em>"


def test_a_title_is_text():
    assert "<title>&lt;b&gt;</title>" in document("<b>", "")
