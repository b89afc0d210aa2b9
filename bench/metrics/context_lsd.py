"""How much of the given context was changed: log-spectral distance outside the holes, in dB."""

import numpy as np
import numpy.typing as npt
from scipy.signal import get_window

from bench.audio import Samples
from bench.example import Example
from bench.protocols import Column, Heard, Measurement, Metric, Vectors, undefined

SIZE, HOP, MARGIN_S, RANGE_DB = 2048, 512, 0.05, 80.0


class ContextLsd:
    """Mean over context frames of the RMS over bins of the difference in dB of STFT power (2048/512, Hann).

    Both powers are floored 80 dB under the maximum of the reference's context frames. Frames whose window comes within
    50 ms of a hole are left out. 0 means that the context was returned unchanged. It is undefined without context or
    if the reference's context is silent.
    """

    columns: tuple[Column, ...] = (Column("context-lsd", "dB", "lower", "context", RANGE_DB),)
    identity = "context-lsd/1 stft=2048/512 floor=80dB margin=50ms"

    def measure(self, example: Example, heard: Heard) -> dict[str, Measurement]:
        """Return the column; n = frames."""
        rate = example.reference.sample_rate
        near, reach = example.request.mask.inside(rate), round(MARGIN_S * rate)
        for start_s, end_s in example.request.mask.holes_s:
            near[max(round(start_s * rate) - reach, 0) : round(end_s * rate) + reach] = True
        starts = np.arange(0, len(near) - SIZE + 1, HOP)
        counts = np.concatenate([[0], np.cumsum(near)])
        starts = starts[counts[starts + SIZE] - counts[starts] == 0]
        if not len(starts):
            return {"context-lsd": undefined("no-context")}
        reference, output = (_power(x, starts) for x in (example.reference.mono, heard.output.mono))
        if reference.max() <= 0:
            return {"context-lsd": undefined()}
        floor = reference.max() * 10 ** (-RANGE_DB / 10)
        gap = 10 * np.log10(np.maximum(reference, floor)) - 10 * np.log10(np.maximum(output, floor))
        return {"context-lsd": Measurement(float(np.sqrt(np.mean(gap**2, axis=1)).mean()), len(starts))}


def _power(sound: Samples, starts: npt.NDArray[np.int64]) -> Vectors:
    frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float64), SIZE)[starts]
    return np.asarray(np.abs(np.fft.rfft(frames * get_window("hann", SIZE), axis=1)) ** 2)


def build() -> Metric:
    """Return the metric."""
    return ContextLsd()
