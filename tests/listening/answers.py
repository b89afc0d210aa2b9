"""A small test and the answers of listeners to it."""

import json

import numpy as np

from bench.listening.key import ANCHOR, REFERENCE, Key, Trial

SHA = "ab" * 32


def key_of(
    form="mushra", axes=("quality",), n=10, systems=("good", "bad"), task="inpaint-chords", sha=SHA, name="song-{:02}"
):
    trials = []
    for axis in axes:
        for k in range(n):
            example = name.format(k)
            codes = {kind: f"s{k:02}{place}" for place, kind in enumerate([*systems, REFERENCE, ANCHOR])}
            screens = [list(codes)] if form == "mushra" else [list(systems), [REFERENCE, ANCHOR]]
            for place, kinds in enumerate(screens):
                trials.append(Trial(f"{axis[:2]}{k:02}{place}", example, axis, {codes[kind]: kind for kind in kinds}))
    return Key(form, task, 1, "folder-small", sha, 3, tuple(trials))


def answered(key, means, participant=0, spread=0.0, **changes):
    """Return a listener's file: every stimulus has its rating in `means`, plus noise up to `spread`."""
    rng = np.random.default_rng(participant)
    ratings = {}
    for trial in key.trials:
        values = {
            c: float(np.clip(means[what] + spread * rng.standard_normal(), 0, 100)) for c, what in trial.stimuli.items()
        }
        if key.form == "ab":
            best = max(values, key=values.get)
            ratings[trial.code] = "same" if len(set(values.values())) == 1 else best
        else:
            ratings[trial.code] = values
    keys = {
        "format": "steerbench-listening/1", "test": key.test, "form": key.form, "participant": participant,
        "seconds": 600, "ratings": ratings,
    }  # fmt: skip
    return json.dumps({**keys, **changes}).encode()


HONEST = {"good": 80, "bad": 40, REFERENCE: 98, ANCHOR: 10}
