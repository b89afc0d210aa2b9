"""Tests of bench.site.tables and bench.site.index."""

from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

from bench.board.page import head, lines, markdown
from bench.site.index import index_page
from bench.site.present import board_of
from bench.site.tables import bare
from tests.site.small import HOSTILE, SYSTEMS


class Cells(HTMLParser):
    """The text of every cell, line by line, with the keys it is sorted by."""

    def __init__(self, page):
        super().__init__()
        self.lines, self.keys, self.is_open = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.lines.append([])
            self.keys.append([])
        if tag in ("td", "th"):
            self.lines[-1].append("")
            self.keys[-1].append(dict(attrs).get("data-key"))
            self.is_open = True

    def handle_endtag(self, tag):
        self.is_open = self.is_open and tag not in ("td", "th")

    def handle_data(self, text):
        if self.is_open:
            self.lines[-1][-1] += text


def sheet(small):
    return board_of(small.folder).sheets[0]


def test_cells_are_those_of_the_markdown_page(small):
    table = sheet(small).table
    found = Cells(index_page(board_of(small.folder), {})).lines
    wanted = [head(table)] + [cells if kind != "title" else [cells[1], ""] for kind, cells in lines(table)]
    assert found == wanted
    page = unescape(markdown([table])).replace("**", "")
    for cells in found[1:]:
        if len(cells) > 2:
            assert " | ".join(cells) in page


def test_keys_sort_by_value_and_leave_gaps_empty(small):
    cells = Cells(index_page(board_of(small.folder), {}))
    rows = {
        line[1].partition(" (")[0]: keys for line, keys in zip(cells.lines, cells.keys, strict=True) if len(line) > 2
    }
    entries = {entry.system: entry for entry in sheet(small).table.entries}
    assert set(SYSTEMS) <= set(rows) | {HOSTILE}
    assert float(rows["strong"][2]) == entries["strong"].cells["chord-accuracy"].value
    assert rows["strong"][0] == "1"
    assert rows["oracle"][0] == ""
    assert rows["chance"] == [""] * len(rows["strong"])


def test_systems_link_to_their_cards_unless_their_names_are_unusual(small):
    page = index_page(board_of(small.folder), {})
    assert '<a href="systems.html#system-strong">strong</a>' in page
    assert "systems.html#system-&lt;" not in page
    assert bare("air-mini-stitched") == "air-mini"


def test_rows_of_another_manifest_are_marked_as_out_of_date(small):
    board = board_of(small.folder)
    assert 'class="board"' in index_page(board, {})
    old = replace(board, sheets=(replace(board.sheets[0], is_current=False),))
    assert 'class="board old"' in index_page(old, {})
    assert "Out of date" in index_page(old, {})


def test_rows_of_every_system_are_linked(small):
    page = index_page(board_of(small.folder), {})
    assert 'href="../results/inpaint-chords/folder-small/strong.csv"' in page
    assert 'href="../results/inpaint-chords/folder-small/%3Cimg%20src%3Dx' in page


def test_examples_are_linked_once_per_task_and_manifest(small):
    board = board_of(small.folder)
    twice = replace(board, sheets=board.sheets * 2)
    page = index_page(twice, {board.sheets[0].place: ["song-00", "song-01"]})
    assert page.count('href="listen/inpaint-chords/folder-small/song-01.html"') == 1


def test_an_empty_board_says_so(small):
    page = index_page(replace(board_of(small.folder), sheets=(), is_published=True), {})
    assert "No rows yet." in page
    assert "<h1>The published board</h1>" in page
