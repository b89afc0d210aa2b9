"""Notes of several instruments by a published network, Basic Pitch, whose weights are part of the installation."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from bench import plugins
from bench.audio import Audio, is_silent
from bench.errors import BenchError
from bench.music.durations import held
from bench.runtime.tensors import read_tensors
from bench.runtime.weights import sha256_of, shipped
from bench.symbols import Notes

VERSION = 1
RATE, HOP, WINDOW, FRAMES = 22050, 256, 43844, 172
LOWEST_PITCH = 21
MARGIN = 15
"""Frames at either end of a window whose outputs are not used; windows overlap by twice as many."""
_AFTER = 6
"""Frames from an onset on in which its note has to sound."""
_TOGETHER = 2
"""Frames up to which two notes begin together."""
_AT_ONCE = 8

Sound = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]


class BasicPitch:
    """A note begins where the network's onset output peaks above `onset` and its note output then reaches `frame`.

    Bittner et al., A lightweight instrument-agnostic model for polyphonic note transcription and multipitch estimation
    (ICASSP 2022): constant-Q levels of 2 s, stacked at harmonics, and 16,782 trained parameters. The package's windows
    are kept; its tracking of frames and its notes without onset are not. A note that begins with the one an octave
    below is often the latter's second partial; it counts only if its probability is `octave` of the lower one's or
    more. The drums are removed first by an extractor of drums.
    """

    kind = "notes"

    def __init__(self, path: Path, onset: float, frame: float, octave: float, separator: str) -> None:
        """Take the weight file, which is read at its first use, the thresholds and the separator (empty for none)."""
        self._path, self.onset, self.frame, self.octave = path, onset, frame, octave
        self._drums = plugins.load("extractors", separator) if separator else None
        without = f" without {self._drums.identity}" if self._drums else ""
        numbers = f"onset {onset:g}, frame {frame:g}, octave {octave:g}"
        self.identity = f"basic-pitch v{VERSION} (sha256 {sha256_of(path)[:12]}, {numbers}){without}"

    @cached_property
    def _network(self) -> Any:
        from bench.extractors.basic_pitch import network

        try:
            return network.of(read_tensors(self._path))
        except (KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BenchError(f"{self._path}: does not hold Basic Pitch ({reason}); get it again") from error

    def extract(self, audio: Audio) -> Notes:
        """Return notes sorted by onset and pitch; none for silence.

        A note lasts until the next onset of its pitch, at most 0.5 s (docs/design.md, section 7). Velocity follows the
        onset's probability, 40 to 110.

        Raises:
            BenchError: the weight file is damaged.
        """
        if is_silent(audio.mono):
            return held(np.zeros(0), np.zeros(0), 0, 0.0)
        rest = audio.mono - self._drums.extract(audio).mono if self._drums else audio.mono
        onsets, notes, times_s = self.probabilities(Audio(rest, audio.sample_rate).resampled(RATE).mono)
        frames, pitches = np.nonzero(begun(onsets, notes, self.onset, self.frame, self.octave))
        velocities = (40 + 70 * onsets[frames, pitches]).round()
        return held(np.maximum(times_s[frames], 0.0), pitches + LOWEST_PITCH, velocities, audio.duration_s)

    def probabilities(self, sound: Sound) -> tuple[Plane, Plane, npt.NDArray[np.float64]]:
        """Return the network's onsets and notes (n_frames, 88) of sound at 22,050 Hz, and the frames' times in seconds.

        Frame k of a window is centred on its sample 256 k. The first window begins `MARGIN` frames before the sound.
        The first used frame of a window follows the last one of the window before it by 68 samples instead of 256.
        """
        import torch

        stride, kept = WINDOW - 2 * MARGIN * HOP, slice(MARGIN, FRAMES - MARGIN)
        padded = np.pad(sound, (MARGIN * HOP, WINDOW))
        starts = np.arange(0, max(len(sound), 1), stride)
        onsets, notes = [], []
        with torch.inference_mode():
            for k in range(0, len(starts), _AT_ONCE):
                windows = np.stack([padded[start : start + WINDOW] for start in starts[k : k + _AT_ONCE]])
                made = self._network(torch.from_numpy(windows.astype(np.float32)))
                onsets.append(made[0].numpy()[:, kept])
                notes.append(made[1].numpy()[:, kept])
        samples = starts[:, None] + HOP * np.arange(FRAMES - 2 * MARGIN)
        inside = samples.reshape(-1) < len(sound)
        planes = [np.concatenate(parts).reshape(-1, parts[0].shape[-1])[inside] for parts in (onsets, notes)]
        return planes[0], planes[1], samples.reshape(-1)[inside] / RATE


def begun(onsets: Plane, notes: Plane, onset: float, frame: float, octave: float) -> npt.NDArray[np.bool_]:
    """Return where notes begin, (n_frames, 88): the first frame of a peak over time of at least `onset`.

    The note's probability has to reach `frame` in that frame or one of the five after it. If a note begins an octave
    below at most two frames away, its highest probability in these frames has to be at least `octave` of the other's.
    """
    before = np.pad(onsets, ((1, 0), (0, 0)))[:-1]
    after = np.pad(onsets, ((0, 1), (0, 0)))[1:]
    strengths = scipy.ndimage.maximum_filter1d(notes, _AFTER, axis=0, origin=-(_AFTER // 2), mode="constant")
    begins = (onsets > before) & (onsets >= after) & (onsets >= onset) & (strengths >= frame)
    near = scipy.ndimage.maximum_filter1d(np.where(begins, strengths, 0), 2 * _TOGETHER + 1, axis=0, mode="constant")
    below = np.pad(near, ((0, 0), (12, 0)))[:, : near.shape[1]]
    return np.asarray(begins & (strengths >= octave * below))


def build(onset: float = 0.6, frame: float = 0.4, octave: float = 0.7, separator: str = "sep-mini") -> BasicPitch:
    """Return the transcriber; raises `MissingComponent` if its weight file is missing."""
    path = shipped("basic-pitch", "basic-pitch", instead="salience-notes", has_recipe=False)
    return BasicPitch(path, onset, frame, octave, separator)
