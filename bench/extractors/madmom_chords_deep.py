"""Chords (maj, min, N) by madmom's deep chroma and conditional random field (needs `bench setup madmom`)."""

from importlib import metadata

import numpy as np

from bench.audio import Audio, is_silent
from bench.music.durations import tiled
from bench.runtime.worker import shared
from bench.symbols import Chords

RESTRICTED = "models CC BY-NC-SA 4.0, non-commercial"
_MODULE = "bench.extractors._madmom_worker"
_RATE = 44100
_LEAST_S = 0.2
_MISSING = (
    "madmom-chords-deep needs madmom; get it with `bench setup madmom` (models CC BY-NC-SA 4.0, non-commercial); "
    "template-chords runs without it"
)


class MadmomChordsDeep:
    """Chroma by a neural network, decoded by a conditional random field, in a worker process.

    Korzeniowski and Widmer, Feature learning for chord recognition: the deep chroma extractor (ISMIR 2016).
    """

    kind = "chords"

    def __init__(self) -> None:
        """Check that madmom is installed; the worker starts at the first extraction."""
        self._worker = shared(_MODULE, "madmom", _MISSING)
        self.identity = f"madmom-chords-deep v1 (madmom {metadata.version('madmom')}, CC BY-NC-SA models)"

    def extract(self, audio: Audio) -> Chords:
        """Return chords from 0 to the sound's end without gaps; `N` throughout for silence or under 0.2 s."""
        if is_silent(audio.mono) or audio.duration_s < _LEAST_S:
            return tiled(np.zeros(0), [], audio.duration_s)
        sound = Audio(audio.mono, audio.sample_rate).resampled(_RATE)
        starts_s, labels = self._worker.ask("chords-deep", sound.mono)
        return tiled(starts_s, labels, audio.duration_s)


def build() -> MadmomChordsDeep:
    """Return the extractor; raises `MissingComponent` if madmom is not installed."""
    return MadmomChordsDeep()
