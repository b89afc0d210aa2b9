"""A small run on disk: rows of sixteen songs, sounds of three, a hostile system among its systems."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.audio import Audio, write_audio
from bench.example import Control, Example, Request, Truth, masked, write_reference, write_request
from bench.formats import dump_yaml
from bench.manifest import Excerpt, Manifest
from bench.mask import Mask
from bench.paths import write_text
from bench.scores import WHOLE_SET, Row, write_rows
from bench.statistics import interval
from bench.symbols import Beats, Chords

NAN = float("nan")
TASK, MANIFEST, RATE, SECONDS = "inpaint-chords", "folder-small", 32000, 4.0
HOSTILE = "<img src=x onerror=alert(1)>'\"&"
SCRIPT = "</script><script>alert(2)</script><!-- \u2028 \u202e https://evil.example/x.js"
CONTROL, QUALITY = "chord-accuracy", "kad[musicnn]"
SYSTEMS = {"strong": 0.9, "weak": 0.3, HOSTILE: 0.6, "copy-control": 0.95, "oracle": 0.97, "silence": 0.0}
MANY = tuple(Excerpt(f"song-{k:02}", "folder", f"song-{k:02}", 0.0, SECONDS) for k in range(3))


@dataclass(frozen=True)
class Small:
    folder: Path
    manifest: Manifest

    @property
    def site(self):
        return self.folder / "site"

    def page(self, name="index.html"):
        return (self.site / name).read_text(encoding="utf-8")

    def csv(self, system, task=TASK):
        return self.folder / "results" / task / MANIFEST / f"{system}.csv"


def row(sha, system, metric, example, value, **changes):
    keys = {
        "task": TASK, "task_version": 1, "manifest": MANIFEST, "manifest_sha": sha, "system": system,
        "metric": metric, "identity": f"{metric} v1", "region": "hole", "example": example, "value": value, "low": NAN,
        "high": NAN, "n": 1.0, "n_requested": 16, "state": "ok", "chance": 0.05, "ceiling": 0.97,
    }  # fmt: skip
    return Row(**{**keys, **changes})


def measured(sha, system, metric, mean, **changes):
    values = mean + 0.02 * np.sin(np.arange(16))
    low, high = interval(values)
    rows = [row(sha, system, metric, f"song-{k:02}", float(v), **changes) for k, v in enumerate(values)]
    return [*rows, row(sha, system, metric, WHOLE_SET, float(values.mean()), low=low, high=high, n=16.0, **changes)]


def clicks(seconds=SECONDS, every=0.5, hz=880.0):
    """Return short clicks at known times of a track."""
    at = np.arange(round(seconds * RATE)) / RATE
    return Audio(0.5 * np.sin(2 * np.pi * hz * at) * np.exp(-(at % every) * 60), RATE)


def example(name, prompt=""):
    reference, mask = clicks(), Mask(((50, 125),), 200)
    chords = Chords(np.array([[0.0, 2.0], [2.0, 4.0]]), ("C:maj", "A:min7"))
    beats = Beats(np.arange(0, 4, 0.5), np.arange(8) % 4 + 1)
    control = Control("chords", chords, clicks(hz=220.0), beats)
    request = Request(name, TASK, 1, masked(reference, mask), mask, {"chords": control}, prompt, 1)
    return Example(request, reference, Truth(chords, beats))


def write_small(folder, sounds=True):
    """Write a run without a site; return it."""
    small = Small(folder, Manifest(MANIFEST, MANY))
    for system, mean in SYSTEMS.items():
        write_results(small, system, mean)
    if sounds:
        write_sounds(small)
    return small


def write_results(small, system, mean):
    sha = small.manifest.sha256
    rows = measured(sha, system, CONTROL, mean)
    rows.append(row(sha, system, QUALITY, WHOLE_SET, 10 * (1 - mean)))
    rows.append(row(sha, system, "context-lsd", WHOLE_SET, NAN, state="no-context"))
    write_rows(small.csv(system), rows)
    keys = {"bench": "0.1.0", "visibility": "public", "hardware": SCRIPT, "generation_rate": 1 + 10 * mean}
    write_text(small.csv(system).with_suffix(".run.yaml"), dump_yaml(keys))


def write_sounds(small):
    home = small.folder / "examples" / TASK / MANIFEST
    for excerpt in MANY:
        made = example(excerpt.id, prompt=SCRIPT)
        write_request(home / "requests", made.request)
        write_reference(home / "references", made)
        for system, mean in SYSTEMS.items():
            folder = small.folder / "submissions" / TASK / MANIFEST / system
            write_audio(folder / f"{excerpt.id}.wav", Audio(made.reference.samples * (0.2 + mean / 2), RATE))
    write_text(home / "index.csv", small.manifest.text)
    for system in SYSTEMS:
        folder = small.folder / "submissions" / TASK / MANIFEST / system
        card = {"system": "strong", "task": TASK, "task_version": 1, "manifest": MANIFEST, "notes": SCRIPT}
        write_text(folder / "submission.yaml", dump_yaml({**card, "contact": HOSTILE, "keeps_phase": False}))
