"""A data set of tones and clicks behind the protocol, known to the registry as `tiny-set` while a test runs."""

import numpy as np

from bench import plugins
from bench.audio import Audio
from bench.errors import UnknownName
from bench.manifest import Excerpt, Manifest
from bench.symbols import Beats, Chords

NAME, RATE, TRACK_S = "tiny-set", 16000, 24.0


class TinySet:
    """Four songs to train on, two to validate with and two to test; stems, chords and beats are known, notes are not."""

    def __init__(self, without=()):
        self.without, self.read_parts = set(without), []

    def select(self, manifest=None):
        split = (manifest or f"{NAME}-test").removeprefix(f"{NAME}-")
        if split not in ("train", "validation", "test"):
            raise UnknownName(
                f"manifest of {NAME}", str(manifest), [f"{NAME}-{s}" for s in ("train", "validation", "test")]
            )
        n = 4 if split == "train" else 2
        return Manifest(
            f"{NAME}-{split}", tuple(Excerpt(f"{split}-{k}", NAME, f"{split}-{k}", 1.0 + k, 15.0) for k in range(n))
        )

    def read(self, excerpt, what):
        self.read_parts.append(what)
        if what in self.without:
            return None
        if what == "chords":
            return Chords(np.array([[0.0, excerpt.duration_s]]), ("C:maj",))
        if what == "beats":
            return Beats(np.arange(0, excerpt.duration_s, 0.5), np.arange(round(excerpt.duration_s * 2)) % 4 + 1)
        if what not in ("mix", "drums", "bass", "other"):
            return None
        stems = self._stems(excerpt.track)
        sound = sum(stems.values()) if what == "mix" else stems[what]
        return Audio(sound.astype(np.float32), RATE).cut(excerpt.start_s, excerpt.start_s + excerpt.duration_s)

    @staticmethod
    def _stems(track):
        at = np.arange(round(TRACK_S * RATE)) / RATE
        rng = np.random.default_rng(sum(track.encode()))
        hz = 110 * 2 ** (int(rng.integers(12)) / 12)
        return {
            "drums": rng.normal(0, 0.25, len(at)) * np.exp(-(at % 0.5) * 40),
            "bass": 0.15 * np.sin(2 * np.pi * hz * at),
            "other": 0.1 * np.sin(6 * np.pi * hz * at),
        }


def register(monkeypatch, dataset):
    """Let the registry know `dataset` as `tiny-set`."""
    names, builder = plugins.names, plugins.builder
    monkeypatch.setattr(plugins, "names", lambda kind: names(kind) + ([NAME] if kind == "datasets" else []))
    monkeypatch.setattr(
        plugins, "builder", lambda kind, name: (lambda: dataset) if name == NAME else builder(kind, name)
    )
    return dataset
