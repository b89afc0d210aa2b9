"""Page: a listening test as one self-contained file, in which systems have codes instead of names."""

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
from bench.site.markup import package_file, page
from bench.site.sounds import FINE, Track, gains_db, louder, opus

AROUND_S = 2.0
"""Seconds of context in a loop on either side of a hole."""


def sounds_of(example: Example, plan: Plan, outputs: Mapping[str, Audio]) -> dict[str, Any]:
    """Return all sounds of an example at equal loudness, in the form that the page's scripts read.

    Args:
        example: The example.
        plan: The test.
        outputs: The output of every system.
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
    """Return the loops in seconds: every hole with its context, then the whole; only the whole if they are equal."""
    whole = example.reference.duration_s
    around = [[max(0.0, a - AROUND_S), min(whole, b + AROUND_S)] for a, b in example.request.mask.holes_s]
    return [*(loop for loop in around if loop != [0.0, whole]), [0.0, whole]]


def listening_page(plan: Plan, sounds: Sequence[dict[str, Any]]) -> str:
    """Return the page.

    Args:
        plan: The test.
        sounds: What `sounds_of` gives for every example, in the plan's order.
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
    style = package_file("style.css") + package_file("listen.css", "listening")
    codes = [package_file(name, "listening") for name in ("loop.js", "sitting.js", "versions.js", "listen.js")]
    return page("listen.html", style, codes, answers_to="'self'", is_ab=is_ab, test=test, sounds=sounds)
