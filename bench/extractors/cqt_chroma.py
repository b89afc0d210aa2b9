"""Chroma of a constant-Q transform, tuning fixed, not normalised (docs/design.md, section 11)."""

from importlib.metadata import version

import librosa
import numpy as np

from bench.audio import Audio, is_silent
from bench.music.constant_q import cqt
from bench.runtime.locks import import_librosa
from bench.symbols import Frames

VERSION = 1
RATE = 22050
HOP = 512


class CqtChroma:
    """Magnitude per pitch class, from C.

    `librosa.feature.chroma_cqt` at 22,050 Hz: hop 512, 36 bins per octave, 7 octaves from C1, no normalisation. The
    tuning is fixed at 0, so that an output out of tune stays out of tune. The metric centres the frames, not this plug.

    It analyses each hole without its context: its lowest filters last 1.6 s and would carry the harmony of the context
    into the hole, where white noise then scored 0.17 in holes of 1 to 3 s.
    """

    kind = "chroma"
    context_s = 0.0
    identity = (
        f"cqt-chroma v{VERSION} (hole alone, 22050 Hz, hop 512, 36 bins, 7 octaves, tuning 0, "
        f"librosa {version('librosa')})"
    )

    def extract(self, audio: Audio) -> Frames:
        """Return values (1 + n // 512, 12) >= 0 at 22050/512 Hz, n = samples at 22,050 Hz; zero for silence."""
        sound = Audio(audio.mono, audio.sample_rate).resampled(RATE).mono
        n_frames = 1 + len(sound) // HOP if len(sound) else 0
        if is_silent(sound):
            return Frames(np.zeros((n_frames, 12)), RATE / HOP)
        import_librosa()
        bins = np.abs(cqt(sound, RATE, HOP, float(librosa.note_to_hz("C1")), 7 * 36, 36))
        chroma = librosa.feature.chroma_cqt(
            C=bins, sr=RATE, hop_length=HOP, bins_per_octave=36, n_octaves=7, tuning=0.0, norm=None
        )
        return Frames(np.asarray(chroma.T, dtype=np.float64), RATE / HOP)


def build() -> CqtChroma:
    """Return the extractor; it has no options, because scores depend on it."""
    return CqtChroma()
