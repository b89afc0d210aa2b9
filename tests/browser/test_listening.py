"""A round of a listening test in a browser, from the page to the table."""

import json
import threading
import time
from io import StringIO
from urllib.parse import unquote

import pytest
from rich.console import Console

from bench.board import report
from bench.listening.key import ANCHOR, REFERENCE, read_key
from bench.listening.make import server_of
from bench.listening.plan import Plan
from bench.listening.verdicts import bring, terminal
from bench.manifest import Excerpt
from bench.scores import WHOLE_SET
from tests.browser.conftest import resize
from tests.browser.test_site import all_of, keys, one, until
from tests.listening.answers import answered
from tests.listening.conftest import SYSTEMS, made_from, write_run
from tests.listening.test_design import sitting
from tests.site import small
from tests.site.small import HOSTILE, SECONDS

pytestmark = pytest.mark.browser

HOME, END, PAGE_UP, TAB, ENTER = "\ue011", "\ue010", "\ue00e", "\ue004", "\ue007"
WORTH = {REFERENCE: END, ANCHOR: HOME, SYSTEMS[0]: HOME + 4 * PAGE_UP, SYSTEMS[1]: HOME + 7 * PAGE_UP}
VALUES = {REFERENCE: 100, ANCHOR: 0, SYSTEMS[0]: 40, SYSTEMS[1]: 70}
PARTICIPANT = 5


@pytest.fixture(scope="module")
def eight_songs(tmp_path_factory):
    """A run of as many songs as an interval needs."""
    with pytest.MonkeyPatch.context() as patch:
        names = [f"song-{k:02}" for k in range(8)]
        patch.setattr(small, "MANY", tuple(Excerpt(n, "folder", n, 0.0, SECONDS) for n in names))
        return write_run(tmp_path_factory.mktemp("run")).folder


@pytest.fixture(scope="module")
def mushra(eight_songs, tmp_path_factory):
    return made_from(eight_songs, tmp_path_factory.mktemp("mushra"), n_examples=8, axes=["quality"])


@pytest.fixture(scope="module")
def ab(eight_songs, tmp_path_factory):
    return made_from(eight_songs, tmp_path_factory.mktemp("ab"), form="ab", n_examples=8, axes=["transition"])


@pytest.fixture
def page(browser, tmp_path):
    """The browser with nothing kept, which puts downloads into the test's folder."""
    browser.get("data:,")
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": "file://", "storageTypes": "all"})
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path / "downloads")}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    for log in ("browser", "performance"):
        browser.get_log(log)
    return browser


def opened(browser, made, participant=PARTICIPANT):
    browser.get("data:,")
    browser.get(f"file://{made.page}#p={participant}")
    return browser


def begin(browser, heard_s=None):
    """Begin or go on; with `heard_s` versions need less than a second of playing."""
    if heard_s is not None:
        browser.execute_script(f"Sitting.HEARD_S = {heard_s}")
    one(browser, "#begin button").click()
    ready(browser)


def ready(browser):
    until(browser, lambda: one(browser, "#play").is_enabled() or one(browser, "#end").is_displayed())


def status(browser):
    return one(browser, "#status").text


def listen(browser, place):
    keys(browser, str((place + 1) % 10))
    slider = all_of(browser, "#stimuli input")[place]
    until(browser, slider.is_enabled)


def rate(browser, trial, order):
    """Listen to every version and rate it, by keys alone."""
    for place, code in enumerate(order):
        listen(browser, place)
        until(browser, lambda: browser.execute_script("return document.activeElement.type") == "range")
        keys(browser, *WORTH[trial.stimuli[code]])


def order_of(made, participant=PARTICIPANT):
    return list(sitting(Plan(read_key(made.key), {}), participant))


def downloaded(browser, tmp_path):
    until(browser, lambda: one(browser, "#download").is_displayed())
    one(browser, "#download").click()
    until(browser, lambda: list((tmp_path / "downloads").glob("*.json")))
    (file,) = (tmp_path / "downloads").glob("*.json")
    return file


def nothing_was_complained_of(browser, *places):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not unquote(url).startswith(("data:", "blob:", *places))] == []
    assert browser.get_log("browser") == []
    assert browser.execute_script("return window.spied.refused") == []


def printed(found):
    out = StringIO()
    Console(file=out, width=220).print(terminal(found))
    return out.getvalue()


def test_a_whole_round_ends_as_intervals_in_the_table(page, mushra, eight_songs, tmp_path):
    opened(page, mushra)
    begin(page, heard_s=0.15)
    for place, (trial, order) in enumerate(order_of(mushra)):
        assert one(page, "#count").text == f"{place + 1} of 8"
        rate(page, trial, order)
        assert status(page) == ""
        keys(page, ENTER)
        ready(page)
    file = downloaded(page, tmp_path)
    nothing_was_complained_of(page, f"file://{mushra.page}")
    key = read_key(mushra.key)
    given = json.loads(file.read_text())["ratings"]
    assert given == {t.code: {c: VALUES[what] for c, what in t.stimuli.items()} for t in key.trials}
    (file.parent / "careless.json").write_bytes(answered(key, dict.fromkeys(VALUES, 50), participant=6))
    found = bring([file.parent], mushra.key, eight_songs)
    shown = printed(found)
    assert "1 of 2 listeners kept" in shown
    assert "left out: rated all stimuli of every trial alike" in shown
    assert "[40.0, 40.0]" in shown
    (table,) = report.tables_of(eight_songs)
    cells = {entry.system: entry.cells.get("listen-quality") for entry in table.entries}
    assert (cells["weak"].value, cells["weak"].low, cells["weak"].high) == (40, 40, 40)
    assert cells[HOSTILE].value == 70


def test_a_round_of_comparisons_through_the_server(page, ab, eight_songs):
    with server_of(ab.page.parent.parent, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            page.get("data:,")
            page.get(f"{server.url}#p={PARTICIPANT}")
            begin(page, heard_s=0.1)
            for trial, order in order_of(ab):
                compare(page, trial, order)
            one(page, "#send").click()
            until(page, lambda: "arrived" in one(page, "#end-status").text)
        finally:
            server.shutdown()
            thread.join()
    nothing_was_complained_of(page, server.url)
    assert not one(page, "#send").is_enabled()
    (file,) = server.ratings.iterdir()
    assert f"-{PARTICIPANT:06d}-" in file.name
    found = bring([server.ratings], ab.key, eight_songs)
    shares = {r.system: (r.value, r.low) for r in found.rows if r.example == WHOLE_SET}
    assert shares == {SYSTEMS[0]: (0, 0), SYSTEMS[1]: (1, 1)}
    assert "prefer-transition" in printed(found)


def compare(browser, trial, order):
    answers = all_of(browser, "[name=answer]")
    assert [a.get_attribute("value") for a in answers] == [order[0], "same", order[1]]
    assert not any(a.is_enabled() for a in answers)
    for key in "12":
        until(browser, lambda key=key: played(browser, key))
    until(browser, answers[0].is_enabled)
    better = max(order, key=lambda code: VALUES[trial.stimuli[code]])
    answers[[order[0], "same", order[1]].index(better)].click()
    one(browser, "#next").click()
    ready(browser)


def played(browser, key):
    keys(browser, key)
    time.sleep(0.2)
    return f"{'AB'[int(key) - 1]}" not in status(browser).partition(":")[2]


def test_nothing_can_be_rated_before_it_was_played_for_a_second(page, mushra):
    opened(page, mushra)
    begin(page)
    sliders = all_of(page, "#stimuli input")
    assert not any(slider.is_enabled() for slider in sliders)
    assert status(page) == "Still to be played: 1, 2, 3, 4."
    keys(page, "2")
    time.sleep(0.4)
    assert not sliders[1].is_enabled()
    until(page, sliders[1].is_enabled)
    assert [slider.is_enabled() for slider in sliders] == [False, True, False, False]
    assert status(page) == "Still to be played: 1, 3, 4."


def test_nobody_goes_on_with_something_unrated(page, mushra):
    opened(page, mushra)
    begin(page, heard_s=0.1)
    for act in (lambda: keys(page, ENTER), lambda: one(page, "#next").click()):
        act()
        assert one(page, "#count").text == "1 of 8"
    trial, order = order_of(mushra)[0]
    rate(page, trial, order[:3])
    listen(page, 3)
    assert one(page, "#next").get_attribute("aria-disabled") == "true"
    assert status(page) == "Still to be rated: 4."
    one(page, "#next").click()
    assert one(page, "#count").text == "1 of 8"


def test_a_reload_loses_nothing(page, mushra):
    opened(page, mushra)
    begin(page, heard_s=0.1)
    trial, order = order_of(mushra)[0]
    rate(page, trial, order)
    keys(page, ENTER)
    ready(page)
    second, order = order_of(mushra)[1]
    rate(page, second, order[:2])
    page.refresh()
    assert "You started this test before" in one(page, "#intro-status").text
    begin(page, heard_s=0.1)
    assert one(page, "#count").text == "2 of 8"
    shown = [value.text for value in all_of(page, ".value")]
    assert shown == [*(str(VALUES[second.stimuli[code]]) for code in order[:2]), "–", "–"]
    one(page, "#back").click()
    ready(page)
    assert "–" not in [value.text for value in all_of(page, ".value")]


def test_a_browser_that_keeps_nothing_is_named_and_works(page, mushra):
    opened(page, mushra)
    page.execute_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    begin(page, heard_s=0.1)
    trial, order = order_of(mushra)[0]
    rate(page, trial, order)
    assert "keeps nothing" in status(page)
    keys(page, ENTER)
    ready(page)
    assert one(page, "#count").text == "2 of 8"
    page.execute_script("window.addEventListener('beforeunload', (e) => e.stopImmediatePropagation(), true);")


def test_switching_keeps_the_place_and_versions_start_at_one_instant(page, mushra):
    opened(page, mushra)
    begin(page)
    keys(page, "r")
    until(page, lambda: one(page, "#play").text == "Pause")
    starts = page.execute_script("return spied.starts")
    assert len(starts) == 6
    assert len({(s["when"], s["offset"], s["length"]) for s in starts}) == 1
    assert starts[0]["length"] / starts[0]["rate"] == pytest.approx(SECONDS + 0.4, abs=0.001)
    page.execute_script("spied.ramps = []")
    keys(page, "3")
    ramps = page.execute_script("return spied.ramps")
    assert sorted(ramp["value"] for ramp in ramps) == [0] * 5 + [1]
    assert len(page.execute_script("return spied.starts")) == 6
    keys(page, " ")
    until(page, lambda: one(page, "#play").text == "Play")


def test_it_loops(page, mushra):
    opened(page, mushra)
    begin(page)
    one(page, "#play").click()
    until(page, lambda: float(one(page, "#position").get_attribute("value")) > SECONDS - 0.5)
    until(page, lambda: float(one(page, "#position").get_attribute("value")) < 1)
    assert one(page, "#play").text == "Pause"


@pytest.mark.parametrize("form", ["mushra", "ab"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_screen_scrolls_sideways(page, request, form, width):
    resize(page, width)
    opened(page, request.getfixturevalue(form))
    for section in ("#intro", "#trial"):
        assert one(page, section).is_displayed()
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        if section == "#intro":
            begin(page)
    small_ones = [b.size["height"] for b in all_of(page, "#trial button") if b.is_displayed() and b.size["height"] < 35]
    assert small_ones == []


def test_what_has_the_focus_is_seen_and_all_can_be_reached(page, mushra):
    opened(page, mushra)
    begin(page)
    names = set()
    for _ in range(9):
        keys(page, TAB)
        names.add(page.execute_script("return document.activeElement.id || document.activeElement.className"))
        assert page.execute_script("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert {"play", "position", "choose", "next"} <= names


def test_without_a_number_in_the_link_one_is_asked_for(page, mushra):
    page.get("data:,")
    page.get(f"file://{mushra.page}")
    one(page, "#begin button").click()
    assert one(page, "#intro").is_displayed()
    one(page, "#participant").send_keys("12")
    begin(page)
    assert one(page, "#trial").is_displayed()
