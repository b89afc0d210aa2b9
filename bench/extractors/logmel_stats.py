"""Embedding without weights: mean and deviation of log-mel bands and of their slopes, in windows of 1 s."""

from importlib.metadata import version

import librosa
import numpy as np
import numpy.typing as npt

from bench.audio import Audio
from bench.music.loudness import at_loudness
from bench.runtime.locks import import_librosa
from bench.symbols import Floats, Frames

VERSION = 1
RATE = 32000
_N_FFT, _HOP, _BANDS = 1024, 320, 48
_WINDOW, _STRIDE = 100, 50
"""In frames of 10 ms: windows of 1 s, hop 0.5 s."""
_FLOOR = 1e-10
_DELTA = 2

Sound = npt.NDArray[np.float64]


class LogmelStats:
    """Four statistics of 48 bands, d = 192: mean and standard deviation of the level, then of its slope.

    Loudness is set to -23 LUFS (ITU-R BS.1770-4; by RMS for sound shorter than its 0.4 s block). Levels are those of 48
    mel bands of 0 to 16 kHz (Slaney's scale and area normalisation) of the power spectrum (Hann 1024, hop 320 at 32
    kHz), in dB with a floor of -100 dB; the slope is the linear regression over 2 frames on either side, in dB per
    frame. The metric standardises the values on a reference set, not this plug.
    """

    kind = "embedding"
    is_standardised = True
    identity = (
        f"logmel-stats v{VERSION} (32 kHz, 48 bands, 1 s windows, hop 0.5 s, -23 LUFS, librosa {version('librosa')}, "
        f"pyloudnorm {version('pyloudnorm')})"
    )

    def __init__(self) -> None:
        """Compute the mel filters."""
        import_librosa()
        self._filters = librosa.filters.mel(sr=RATE, n_fft=_N_FFT, n_mels=_BANDS, fmin=0.0, fmax=RATE / 2)

    def extract(self, audio: Audio) -> Frames:
        """Return values (n_windows, 192) at 2 Hz.

        n_windows = 1 + (duration - 1 s) // 0.5 s, at least 1: sound under a second gives one shorter window, empty
        sound none. Silence gives windows at the floor.
        """
        sound = Audio(audio.mono, audio.sample_rate).resampled(RATE).mono.astype(np.float64)
        if not len(sound):
            return Frames(np.zeros((0, 4 * _BANDS)), RATE / (_HOP * _STRIDE))
        levels = self._levels_db(at_loudness(sound, RATE))
        both = np.concatenate([levels, _slope(levels)], axis=1)
        n_windows = max(1 + (len(sound) // _HOP - _WINDOW) // _STRIDE, 1)
        windows = [both[k * _STRIDE : k * _STRIDE + _WINDOW] for k in range(n_windows)]
        values = np.array([np.concatenate([w.mean(axis=0), w.std(axis=0)]) for w in windows])
        order = np.arange(4 * _BANDS).reshape(2, 2, _BANDS).swapaxes(0, 1).reshape(-1)
        return Frames(values[:, order], RATE / (_HOP * _STRIDE))

    def _levels_db(self, sound: Sound) -> Floats:
        """Return (n_frames, 48), frame k centred on sample k * hop + hop / 2."""
        n_frames = max(len(sound) // _HOP, 1)
        padded = np.pad(sound, ((_N_FFT - _HOP) // 2, _N_FFT))
        frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP][:n_frames]
        power = np.abs(np.fft.rfft(frames * np.hanning(_N_FFT + 1)[:-1], axis=1)) ** 2
        levels: Floats = 10 * np.log10(np.maximum(power @ self._filters.T.astype(np.float64), _FLOOR))
        return levels


def build() -> LogmelStats:
    """Return the extractor; it has no options, because scores depend on it."""
    return LogmelStats()


def _slope(levels: Floats) -> Floats:
    """Return the regression slope over +-2 frames, the ends repeated."""
    padded = np.pad(levels, ((_DELTA, _DELTA), (0, 0)), mode="edge")
    n = len(levels)
    steps = range(-_DELTA, _DELTA + 1)
    total = np.sum([k * padded[_DELTA + k : _DELTA + k + n] for k in steps], axis=0)
    slope: Floats = total / sum(k * k for k in steps)
    return slope
