"""Beats and downbeats by madmom's recurrent network and bar model (needs `bench setup madmom`)."""

from importlib import metadata

import numpy as np

from bench.audio import Audio, is_silent
from bench.runtime.worker import shared
from bench.symbols import Beats

RESTRICTED = "models CC BY-NC-SA 4.0, non-commercial"
_MODULE = "bench.extractors._madmom_worker"
_RATE = 44100
_LEAST_S = 0.2
_MISSING = (
    "madmom-beats needs madmom; get it with `bench setup madmom` (models CC BY-NC-SA 4.0, non-commercial); "
    "librosa-beats runs without it"
)


class MadmomBeats:
    """Activations by recurrent networks, decoded by a hidden Markov model of bars of 3 or 4 beats, in a worker process.

    Boeck, Krebs and Widmer, Joint beat and downbeat tracking with recurrent neural networks (ISMIR 2016).
    """

    kind = "beats"

    def __init__(self) -> None:
        """Check that madmom is installed; the worker starts at the first extraction."""
        self._worker = shared(_MODULE, "madmom", _MISSING)
        self.identity = f"madmom-beats v1 (madmom {metadata.version('madmom')}, CC BY-NC-SA models)"

    def extract(self, audio: Audio) -> Beats:
        """Return beats with positions in the bar; none for silence or under 0.2 s."""
        if is_silent(audio.mono) or audio.duration_s < _LEAST_S:
            return Beats()
        sound = Audio(audio.mono, audio.sample_rate).resampled(_RATE)
        beats = self._worker.ask("beats", sound.mono)
        beats = beats[beats[:, 0] < audio.duration_s]
        return Beats(beats[:, 0], beats[:, 1].astype(np.int64))


def build() -> MadmomBeats:
    """Return the extractor; raises `MissingComponent` if madmom is not installed."""
    return MadmomBeats()
