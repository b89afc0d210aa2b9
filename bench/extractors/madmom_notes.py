"""Piano notes by madmom's recurrent network and peak picking (needs `bench setup madmom`)."""

from importlib import metadata

import numpy as np

from bench.audio import Audio, is_silent
from bench.music.durations import held
from bench.runtime.worker import shared
from bench.symbols import Notes

RESTRICTED = "models CC BY-NC-SA 4.0, non-commercial"
_MODULE = "bench.extractors._madmom_worker"
_RATE = 44100
_LEAST_S = 0.2
_VELOCITY = 80
_MISSING = (
    "madmom-notes needs madmom; get it with `bench setup madmom` (models CC BY-NC-SA 4.0, non-commercial); "
    "salience-notes runs without it"
)


class MadmomNotes:
    """Note onsets by a bidirectional recurrent network trained on piano, in a worker process.

    Boeck and Schedl, Polyphonic piano note transcription with recurrent neural networks (ICASSP 2012).
    """

    kind = "notes"

    def __init__(self) -> None:
        """Check that madmom is installed; the worker starts at the first extraction."""
        self._worker = shared(_MODULE, "madmom", _MISSING)
        self.identity = f"madmom-notes v1 (madmom {metadata.version('madmom')}, CC BY-NC-SA models)"

    def extract(self, audio: Audio) -> Notes:
        """Return notes sorted by onset and pitch, velocity 80; none for silence or under 0.2 s.

        madmom finds onsets only: a note lasts until the next of its pitch, at most 0.5 s (docs/design.md, section 7).
        """
        if is_silent(audio.mono) or audio.duration_s < _LEAST_S:
            return held(np.zeros(0), np.zeros(0), _VELOCITY, 0.0)
        sound = Audio(audio.mono, audio.sample_rate).resampled(_RATE)
        notes = self._worker.ask("notes", sound.mono)
        return held(notes[:, 0], notes[:, 1].astype(np.int64), _VELOCITY, audio.duration_s)


def build() -> MadmomNotes:
    """Return the extractor; raises `MissingComponent` if madmom is not installed."""
    return MadmomNotes()
