"""Tests of whole pages: nothing leaves them, nothing foreign runs in them, the same bytes every time."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from bench.site.folder import MOST_BYTES
from bench.site.present import board_of, check, present
from tests.site.small import HOSTILE, MANIFEST, SCRIPT, TASK, write_small

PLAYER = f"listen/{TASK}/{MANIFEST}/song-00.html"
PAGES = ["index.html", "systems.html", PLAYER]


class Reader(HTMLParser):
    """A parsed page: elements with attributes, all text, scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text, self.inline, self.inside = [], "", {"script": [], "style": []}, ("", {})
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = (tag, dict(attrs))

    def handle_endtag(self, tag):
        self.inside = ("", {})

    def handle_data(self, text):
        tag, attrs = self.inside
        if tag in self.inline and attrs.get("type") != "application/json":
            self.inline[tag].append(text)
        elif tag not in self.inline:
            self.text += text

    def policy(self):
        (found,) = [a["content"] for _, a in self.elements if a.get("http-equiv") == "Content-Security-Policy"]
        return dict(part.split(" ", 1) for part in found.split("; "))


def source(inside):
    return f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_names_every_script_and_style_and_nothing_else(small, name):
    page = Reader(small.page(name))
    policy = page.policy()
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    assert policy["style-src"].split() == [source(style) for style in page.inline["style"]]
    assert policy["script-src"].split() == ([source(code) for code in page.inline["script"]] or ["'none'"])
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize("name", PAGES)
def test_pages_load_nothing(small, name):
    page = Reader(small.page(name))
    for _, attrs in page.elements:
        assert not {key for key in attrs if key.startswith("on") or key in ("style", "srcset", "action", "ping")}
        assert attrs.get("src", "data:").startswith("data:")
        assert not re.match(r"[a-z]+:|//", attrs.get("href", "").replace("data:,", ""))
    for code in (*page.inline["script"], *page.inline["style"]):
        assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|innerHTML|eval\(", code)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_existing_files(small, name):
    for _, attrs in Reader(small.page(name)).elements:
        target = attrs.get("href", "#")
        if not target.startswith(("#", "data:")):
            path = (small.site / name).parent / unquote(target.partition("#")[0])
            assert path.is_file()


@pytest.mark.parametrize(
    ("name", "foreign"), [("index.html", HOSTILE), ("systems.html", HOSTILE), (PLAYER, HOSTILE), (PLAYER, "alert(2)")]
)
def test_text_of_submitters_is_escaped(small, name, foreign):
    raw = small.page(name)
    page = Reader(raw)
    assert foreign in page.text
    assert not [attrs for tag, attrs in page.elements if tag == "img" and attrs["src"] == "x"]
    assert "<img src=x" not in raw
    assert "\u202e" not in raw
    assert len(page.inline["script"]) == (name != "systems.html")


def test_cards_show_all_text_and_false_claims(small):
    text = Reader(small.page("systems.html")).text
    assert "</script><script>alert(2)</script>" in text
    assert "keeps phaseno" in text.replace("\n", "")


@pytest.mark.parametrize("name", PAGES)
def test_pages_have_a_language_a_title_and_a_main_part(small, name):
    page = Reader(small.page(name))
    tags = [tag for tag, _ in page.elements]
    assert ("html", {"lang": "en"}) in page.elements
    assert tags.count("h1") == tags.count("main") == 1
    assert re.search(r"<title>[^<]+</title>\n<style>", small.page(name))
    assert all("alt" in attrs for tag, attrs in page.elements if tag == "img")


def test_writing_again_gives_the_same_bytes(small):
    before = {path: path.read_bytes() for path in sorted(small.site.rglob("*.html"))}
    present(small.folder)
    assert {path: path.read_bytes() for path in sorted(small.site.rglob("*.html"))} == before
    assert sum(map(len, before.values())) < MOST_BYTES


def test_the_date_of_provenance_changes_nothing(small):
    path = small.csv("weak").with_suffix(".run.yaml")
    kept = path.read_text()
    path.write_text(kept + "date: '2031-01-01'\nseconds: {score: 12.5}\n")
    assert check(small.folder) == []
    path.write_text(kept)


def test_a_player_page_contains_its_sounds(small):
    (block,) = re.findall(r'<script type="application/json" id="sounds">(.*?)</script>', small.page(PLAYER))
    sounds = json.loads(block)
    assert sounds["duration"] == 4.0
    assert sounds["holes"] == [[1.0, 2.5]]
    assert len(sounds["tracks"]) == 3 + 4
    assert all(base64.b64decode(track).startswith(b"OggS") for track in sounds["tracks"])


def test_without_sounds_the_page_says_how_to_get_them(tmp_path):
    run = write_small(tmp_path, sounds=False)
    said = present(run.folder)
    assert said.n_players == 0
    assert "bench report --html" in run.page()
    assert "listen/" not in run.page()
    assert board_of(run.folder).cards == {}
    assert SCRIPT not in run.page()
