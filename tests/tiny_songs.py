"""Songs for trainers that need no composing: tones and clicks, where `bench.training.streams` looks for finished tracks."""

from functools import partial
from pathlib import Path

import numpy as np

from bench.training import streams

DURATION_S, RATE = 26.0, 32000
TRACKS = ("train-0001", "train-0002", "validation-0001")


def write_songs(folder: Path) -> Path:
    """Write every part of every track below `folder`/streams, the mix being the sum of its stems; return `folder`.

    `folder`/streams-synthetic, where trainers on remixed stems look, is the same folder.
    """
    n = round(DURATION_S * RATE)
    at = np.arange(n) / RATE
    for seed, track in enumerate(TRACKS):
        rng = np.random.default_rng(seed)
        beat = at % 0.5
        pitch = 110 * 2 ** (rng.integers(0, 12, round(DURATION_S)) / 12)
        hz = np.repeat(pitch, RATE)[:n]
        sounds = {
            "drums": rng.normal(0, 0.25, n) * np.exp(-beat * 40),
            "bass": 0.15 * np.sin(2 * np.pi * np.cumsum(hz) / RATE),
            "other": 0.1 * np.sin(2 * np.pi * np.cumsum(3 * hz) / RATE),
            "chords": 0.14 * np.sin(2 * np.pi * np.cumsum(2 * hz) / RATE),
            "piano": 0.14 * np.sin(2 * np.pi * np.cumsum(4 * hz) / RATE) * np.exp(-beat * 5),
        }
        sounds["mix"] = sounds["drums"] + sounds["bass"] + sounds["other"]
        (folder / "streams" / track).mkdir(parents=True)
        for part, sound in sounds.items():
            whole = np.clip(np.rint(sound * 32767), -32767, 32767).astype(np.int16)
            np.save(folder / "streams" / track / f"{part}.npy", whole)
    (folder / "streams-synthetic").symlink_to(folder / "streams")
    return folder


def use_songs(monkeypatch) -> None:
    """Let trainers take tracks as long as these."""
    monkeypatch.setattr(streams, "prepare", partial(streams.prepare, duration_s=DURATION_S))
