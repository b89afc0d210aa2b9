"""Chromium without a window, on the pages of a small run; skipped without one unless it is required."""

import os
import shutil
from importlib.util import find_spec

import pytest

from bench.site.present import present
from tests.site.small import write_small

REQUIRED = os.environ.get("STEERBENCH_REQUIRE_BROWSER") == "1"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
IS_HERE = bool(CHROMIUM and DRIVER and find_spec("selenium"))

SPY = """
window.spied = {starts: [], ramps: [], alerts: 0, refused: []};
window.alert = () => { window.spied.alerts += 1; };
document.addEventListener("securitypolicyviolation", (event) => window.spied.refused.push(event.violatedDirective));
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, offset) {
  window.spied.starts.push({when, offset, length: this.buffer.length, rate: this.buffer.sampleRate});
  return start.call(this, when, offset);
};
const ramp = AudioParam.prototype.linearRampToValueAtTime;
AudioParam.prototype.linearRampToValueAtTime = function (value, end) {
  window.spied.ramps.push({value, end, asked: window.spied.asked});
  return ramp.call(this, value, end);
};
"""


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    found = write_small(tmp_path_factory.mktemp("run"))
    present(found.folder)
    return found


@pytest.fixture(scope="session")
def chromium():
    if not IS_HERE and not REQUIRED:
        pytest.skip("needs Chromium, chromedriver and selenium: tox -e browser")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in ("headless=new", "no-sandbox", "hide-scrollbars", "autoplay-policy=no-user-gesture-required"):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SPY})
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """The browser, its window as wide as a desk's and its logs empty."""
    resize(chromium, 1280)
    for log in ("browser", "performance"):
        chromium.get_log(log)
    return chromium


def resize(driver, width):
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
