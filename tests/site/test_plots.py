"""Tests of bench.site.plots and bench.site.scales."""

import re
from dataclasses import replace
from itertools import combinations

import pytest

from bench.board.tables import Cell
from bench.site.board import Speed
from bench.site.plots import _free, strip, trade_off
from bench.site.present import board_of
from bench.site.scales import Scale, ratios, short, spanning
from tests.site.small import HOSTILE


@pytest.fixture
def sheet(small):
    return board_of(small.folder).sheets[0]


def test_a_scale_maps_its_ends_and_holds_the_numbers_between():
    scale = Scale(0.0, 2.0, 100.0, 300.0)
    assert [scale.at(value) for value in (0, 0.5, 2, 5, -1)] == [100, 150, 300, 300, 100]
    assert scale.holds(2.0)
    assert not scale.holds(2.1)
    assert Scale(1, 100, 0, 10, is_log=True).at(10) == pytest.approx(5)


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (Scale(0.32, 1.04, 0, 1), [0.4, 0.6, 0.8, 1.0]),
        (Scale(-70.0, 5.0, 0, 1), [-60, -40, -20, 0]),
        (Scale(1.5, 30.0, 0, 1, is_log=True), [2, 5, 10, 20]),
    ],
)
def test_ticks_are_round(scale, ticks):
    assert scale.ticks == pytest.approx(ticks)


def test_a_scale_of_one_value_has_a_margin_and_without_values_there_is_none():
    assert spanning([0.0], 0, 1).low < 0 < spanning([0.0], 0, 1).high
    assert spanning([float("nan"), float("inf"), 1e300], 0, 1) is None
    assert ratios([0.0, -1.0, float("inf")], 0, 1) is None
    assert short(-0.5) == "−0.5"


def test_a_strip_has_a_dot_per_song_a_bar_and_an_interval(sheet):
    column = sheet.table.columns[0]
    plot = strip(sheet, column)
    dots = re.findall(r'class="dots ?(?:faint)?" d="([^"]+)"', plot)
    assert [line.count("M") for line in dots[:3]] == [16, 16, 16]
    assert plot.count('class="mean') == 4
    assert "&lt;img src=x" in plot
    assert HOSTILE not in plot


def test_values_outside_the_axis_are_arrows(sheet):
    assert "‹" in strip(sheet, sheet.table.columns[0])


def test_a_column_without_numbers_has_no_strip(sheet):
    entries = tuple(replace(e, cells={n: Cell(float("nan")) for n in e.cells}) for e in sheet.table.entries)
    empty = replace(sheet, table=replace(sheet.table, entries=entries))
    assert strip(empty, sheet.table.columns[0]) == ""
    assert trade_off(empty, sheet.table.columns[0]) == ""


def test_known_speeds_are_plotted(sheet):
    column = sheet.table.columns[0]
    assert trade_off(sheet, column).count("<circle") == 3
    assert "5.05 seconds per second on" not in trade_off(sheet, column)
    assert trade_off(replace(sheet, speeds={"strong": Speed(3.0)}), column) == ""
    odd = {**sheet.speeds, "weak": Speed(float("inf")), HOSTILE: Speed(float("nan"))}
    assert trade_off(replace(sheet, speeds=odd), column) == ""


def test_better_is_up_for_every_direction(sheet):
    for column in sheet.table.columns[:2]:
        points = re.findall(
            r"<title>(\w+)?[^<]*</title><circle cx=\"[\d.]+\" cy=\"([\d.]+)\"", trade_off(sheet, column)
        )
        heights = {name: float(y) for name, y in points}
        assert heights["strong"] < heights["weak"]


def test_names_do_not_overlap():
    taken = []
    for k in range(6):
        taken.append(_free(200.0, 100.0 + 2 * k, 100.0, taken)[2])
    for a, b in combinations(taken, 2):
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
