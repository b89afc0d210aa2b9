"""Whether the spectrum jumps at the edges of a hole, relative to the music's own spectral flux."""

import librosa
import numpy as np

from bench.audio import Samples
from bench.example import Example
from bench.protocols import Column, Heard, Measurement, Metric, Vectors, undefined
from bench.runtime.locks import import_librosa

HOP_S, REACH_S, BANDS, RANGE_DB = 0.01, 0.04, 40, 80.0


class SeamJump:
    """Largest half-wave log-mel flux within 40 ms of an inner edge of a hole, output minus reference.

    The difference is divided by the interquartile range of the reference's flux over the excerpt and averaged over
    edges. 0 is the music's own flux; above 0 the output has a jump that the reference does not have. It is undefined
    without an inner edge, or where the reference's flux has no spread.
    """

    columns: tuple[Column, ...] = (Column("seam-jump", "IQR", "lower", "seam", 50.0),)
    identity = "seam-jump/1 hop=10ms reach=40ms bands=40"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return the column; n = edges."""
        rate, mask = example.reference.sample_rate, example.request.mask
        per_s = rate / round(HOP_S * rate)
        edges = [t * per_s for hole in mask.holes_s for t in hole if 0 < t < mask.n_frames / 50]
        if not edges:
            return {"seam-jump": undefined("no-seam")}
        reference, floor = _flux(example.reference.mono, rate, None)
        output, _ = _flux(heard.output.mono, rate, floor)
        low, high = np.percentile(reference, [25, 75])
        if high <= low:
            return {"seam-jump": undefined()}
        jumps = [_near(output, edge) - _near(reference, edge) for edge in edges]
        return {"seam-jump": Measurement(float(np.mean(jumps)) / float(high - low), len(edges))}


def _near(flux: Vectors, edge: float) -> float:
    """Return the largest flux around an edge, given in fractional frames (10 ms is 220.5 samples at 22,050 Hz)."""
    first, last = (round(edge + side * REACH_S / HOP_S) for side in (-1, 1))
    return float(flux[max(first, 0) : last + 1].max())


def _flux(sound: Samples, rate: int, floor: float | None) -> tuple[Vectors, float]:
    import_librosa()
    power = librosa.feature.melspectrogram(
        y=sound, sr=rate, n_fft=1024, hop_length=round(HOP_S * rate), n_mels=BANDS, fmax=min(16000, rate / 2)
    ).astype(np.float64)
    floor = max(float(power.max()) * 10 ** (-RANGE_DB / 10), 1e-12) if floor is None else floor
    log = 10 * np.log10(np.maximum(power, floor))
    return np.concatenate([[0.0], np.maximum(np.diff(log, axis=1), 0).mean(axis=0)]), floor


def build() -> Metric:
    """Return the metric."""
    return SeamJump()
