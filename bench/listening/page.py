"""Page: a listening test as one file that asks nobody for anything, in which no system has a name."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from bench.audio import Audio
from bench.example import Example
from bench.listening.anchor import low_passed
from bench.listening.axes import AXES, LOW_PASS, MASKED
from bench.listening.key import REFERENCE
from bench.listening.plan import Plan
from bench.listening.ratings import FORMAT, SAME
from bench.site.markup import json_block, package_file, page, text
from bench.site.sounds import FINE, Track, gains_db, louder, opus

AROUND_S = 2.0
"""How much context a loop holds on either side of a hole."""
LABELS = ("Bad", "Poor", "Fair", "Good", "Excellent")
KEYS = (
    ("space", "play and pause"),
    ("r", "reference"),
    ("c", "control"),
    ("1 – 9, 0", "switch"),
    ("l", "loop"),
    ("Enter", "next"),
)
RATE = ("← →", "move a rating")


def heard_of(example: Example, plan: Plan, outputs: Mapping[str, Audio]) -> dict[str, Any]:
    """Return all sounds of an example, at one loudness, as the page's scripts read them.

    Args:
        example: The example.
        plan: The test.
        outputs: The sound of every system.
    """
    made = {REFERENCE: example.reference, LOW_PASS: low_passed(example.reference), MASKED: example.request.masked}
    sounds = plan.sounds[example.request.id]
    controls = {kind: control.audio for kind, control in example.request.controls.items()}
    opened = {"reference": example.reference, **controls}
    tracks = [Track(name, audio) for name, audio in opened.items()]
    tracks += [Track(code, {**made, **outputs}[kind]) for code, kind in sounds.items()]
    coded = [
        base64.b64encode(opus(louder(track.audio, gain), FINE)).decode()
        for track, gain in zip(tracks, gains_db(tracks), strict=True)
    ]
    return {
        "duration": example.reference.duration_s,
        "holes": [list(hole) for hole in example.request.mask.holes_s],
        "loops": loops(example),
        "open": [[name, sound] for name, sound in zip(opened, coded, strict=False)],
        "sounds": dict(zip(sounds, coded[len(opened) :], strict=True)),
    }


def loops(example: Example) -> list[list[float]]:
    """Return what is looped: every hole with its context, then the whole; the whole alone where that is all."""
    whole = example.reference.duration_s
    around = [[max(0.0, a - AROUND_S), min(whole, b + AROUND_S)] for a, b in example.request.mask.holes_s]
    return [*(loop for loop in around if loop != [0.0, whole]), [0.0, whole]]


def listening_page(plan: Plan, sounds: Sequence[dict[str, Any]]) -> str:
    """Return the page.

    Args:
        plan: The test.
        sounds: What `heard_of` gives for every example, in the plan's order.
    """
    key, places = plan.key, {name: place for place, name in enumerate(plan.sounds)}
    is_ab = key.form == "ab"
    test = {
        "format": FORMAT,
        "test": key.test,
        "form": key.form,
        "same": SAME,
        "axes": {
            axis: {"title": AXES[axis].title, "question": AXES[axis].preference if is_ab else AXES[axis].question}
            for axis in key.axes
        },
        "trials": [
            {"code": t.code, "example": places[t.example], "axis": t.axis, "stimuli": list(t.stimuli)}
            for t in key.trials
        ],
        "orders": plan.orders,
    }
    title = "Listening test"
    body = f"""<a class="skip" href="#main">Skip to the test</a>
<main id="main" class="test">
{_intro(plan, is_ab)}
{_trial(is_ab)}
{_end()}
</main>
{json_block("test", test)}
{"".join(json_block(f"example-{place}", one) for place, one in enumerate(sounds))}"""
    style = package_file("style.css") + package_file("listen.css", "listening")
    codes = [package_file(name, "listening") for name in ("loop.js", "sitting.js", "versions.js", "listen.js")]
    return page(title, body, style, codes, answers_to="'self'")


def _intro(plan: Plan, is_ab: bool) -> str:
    axes = [AXES[axis] for axis in plan.key.axes]
    asked = "".join(
        f"<li><strong>{text(axis.title)}.</strong> {text(axis.preference if is_ab else axis.question)}</li>"
        for axis in axes
    )
    task = (
        "Each screen plays two versions of the same music. Say which is better; <em>no difference</em> is an answer."
        if is_ab
        else "Each screen plays several versions of the same music. Rate every one from 0 to 100 against the "
        "reference. One of them may be the reference itself, which should get 100."
    )
    return f"""<section id="intro" aria-labelledby="intro-title">
<h1 id="intro-title">Listening test</h1>
<p>A stretch of every piece, marked on its time line, was made anew by machines. {task}</p>
<ul>{asked}</ul>
<p>Use headphones in a quiet place. Set the volume once, at the first screen, and leave it. You must have played a
version before you can judge it; switch between them as often as you like, the music goes on where it was.
There are {len(plan.key.trials)} screens. You can stop at any time: this browser keeps what you did.</p>
<form id="begin"><label for="participant">Your number, which whoever invited you told you</label>
<input id="participant" type="number" inputmode="numeric" min="0" max="999999" step="1" required>
<button type="submit" class="main">Begin</button></form>
<p id="intro-status" role="status"></p>
<noscript><p class="box">The test needs scripts, which this browser has turned off.</p></noscript>
</section>"""


def _trial(is_ab: bool) -> str:
    labels = "".join(f"<span>{label}</span>" for label in LABELS)
    scale = f'<div class="scale" aria-hidden="true"><span></span><div class="labels">{labels}</div><span></span></div>'
    shown = KEYS if is_ab else (*KEYS, RATE)
    keys = " · ".join(f"<kbd>{key}</kbd> {meaning}" for key, meaning in shown)
    return f"""<section id="trial" aria-labelledby="question" hidden>
<header class="progress"><span id="part"></span><span id="count"></span>
<progress id="done" max="1" value="0"></progress></header>
<h1 id="question" tabindex="-1"></h1>
<div class="deck"><button type="button" id="play" aria-keyshortcuts="Space" disabled>Play</button>
<div class="line"><svg id="holes" aria-hidden="true"></svg>
<input type="range" id="position" min="0" max="1" step="0.01" value="0" aria-label="Position in seconds"></div>
<output id="clock"></output></div>
<div class="openly" id="openly" role="group" aria-label="Reference and control"></div>
<div class="openly" id="loops" role="group" aria-label="What is looped"></div>
{"" if is_ab else scale}
<ol id="stimuli"></ol>
<p id="status" role="status"></p>
<div class="steps"><button type="button" id="back">Back</button>
<button type="button" id="next" class="main" aria-keyshortcuts="Enter">Next</button></div>
<p class="keys shortcuts">{keys}</p>
</section>"""


def _end() -> str:
    return """<section id="end" aria-labelledby="end-title" hidden>
<h1 id="end-title" tabindex="-1">Thank you</h1>
<p id="end-said"></p>
<div class="steps"><button type="button" id="again">Back</button>
<button type="button" id="send" class="main" hidden>Send</button>
<a id="download" class="main" download href="#">Download your ratings</a></div>
<p id="end-status" role="status"></p>
</section>"""
