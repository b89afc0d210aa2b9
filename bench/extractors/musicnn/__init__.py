"""Embedding by a published music tagger, musicnn (Pons and Serra), whose weights are part of the installation."""

from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from bench.audio import Audio
from bench.errors import BenchError
from bench.music.loudness import at_loudness
from bench.runtime.locks import import_librosa
from bench.runtime.tensors import read_tensors
from bench.runtime.weights import sha256_of, shipped
from bench.symbols import Frames

VERSION = 1
RATE = 16000
BANDS, FRAMES, UNITS = 96, 187, 200
_N_FFT, _HOP = 512, 256
_STRIDE = 31
"""Frames of 16 ms between the starts of windows: 0.496 s."""
_AT_ONCE = 16

Sound = npt.NDArray[np.float64]


class Musicnn:
    """200 units per window of 187 frames (3 s): the layer before the tags, after ReLU and batch norm.

    Pons and Serra, musicnn: pre-trained convolutional neural networks for music audio tagging (ISMIR 2019, demo); the
    checkpoint MSD_musicnn, trained on 50 tags of the Million Song Dataset. The package calls this layer `penultimate`.
    Sound is set to -23 LUFS first (ITU-R BS.1770-4; by RMS for sound shorter than its 0.4 s block).
    """

    kind = "embedding"

    def __init__(self, path: Path) -> None:
        """Take the weight file; it is read at its first use."""
        self._path = path
        self.identity = (
            f"musicnn v{VERSION} (MSD_musicnn, {UNITS} units, 16 kHz, windows {FRAMES} frames of 16 ms, hop {_STRIDE}, "
            f"-23 LUFS, sha256 {sha256_of(path)[:12]}, librosa {version('librosa')}, "
            f"pyloudnorm {version('pyloudnorm')})"
        )

    @cached_property
    def _network(self) -> Any:
        from bench.extractors.musicnn import network

        try:
            return network.of(read_tensors(self._path))
        except (KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BenchError(f"{self._path}: does not hold musicnn ({reason}); get it again") from error

    def extract(self, audio: Audio) -> Frames:
        """Return values (n_windows, 200) at 2.016 Hz.

        n_windows = 1 + (n_frames - 187) // 31. Sound under 186 hops of 16 ms (2.976 s) is repeated to that length,
        which gives one window; empty sound gives none.

        Raises:
            BenchError: the weight file is damaged.
        """
        import torch

        rate_hz = RATE / (_HOP * _STRIDE)
        sound = Audio(audio.mono, audio.sample_rate).resampled(RATE).mono.astype(np.float64)
        if not len(sound):
            return Frames(np.zeros((0, UNITS)), rate_hz)
        least = (FRAMES - 1) * _HOP
        levels = log_mel(at_loudness(np.resize(sound, least) if len(sound) < least else sound, RATE))
        starts = np.arange(0, len(levels) - FRAMES + 1, _STRIDE)
        made = []
        with torch.inference_mode():
            for k in range(0, len(starts), _AT_ONCE):
                some = starts[k : k + _AT_ONCE]
                part = torch.from_numpy(levels[some[0] : some[-1] + FRAMES])
                made.append(self._network(part, (some - some[0]).tolist()).numpy())
        return Frames(np.concatenate(made).astype(np.float64), rate_hz)


def log_mel(sound: Sound) -> npt.NDArray[np.float32]:
    """Return the log-mel frames that the network was trained on.

    The original calls `librosa.feature.melspectrogram` of 2019 (0.7) with its defaults, which are written out here:
    power of a periodic Hann window of 512 samples, hop 256, centred frames with the sound mirrored at its ends; 96
    bands of 0 to 8 kHz on Slaney's scale with area normalisation. It keeps the power as numbers of 16 bits, and takes
    log10(10000 power + 1) of them, again in 16 bits. So does this; but where 10000 power exceeds 65504, the largest
    number of 16 bits, the original gets infinity and this gets the logarithm. Before the first rounding this computes
    in 64 bits and the original in 32: about one value in ten thousand is rounded to its other neighbour.

    Args:
        sound: (n,) at 16 kHz, n from 257.

    Returns:
        (1 + n // 256, 96).
    """
    import_librosa()
    power = librosa.feature.melspectrogram(
        y=sound, sr=RATE, n_fft=_N_FFT, hop_length=_HOP, n_mels=BANDS, window="hann", center=True, pad_mode="reflect",
        power=2.0, fmin=0.0, fmax=RATE / 2, htk=False, norm="slaney",
    ).T.astype(np.float16)  # fmt: skip
    with np.errstate(over="ignore"):
        levels = np.log10(np.float16(10000) * power + np.float16(1)).astype(np.float32)
    too_large = np.isinf(levels)
    levels[too_large] = np.log10(10000 * power[too_large].astype(np.float32) + 1)
    return levels


def build() -> Musicnn:
    """Return the embedding; raises `MissingComponent` if its weight file is missing."""
    return Musicnn(shipped("musicnn", "musicnn", instead="logmel-stats", has_recipe=False))
