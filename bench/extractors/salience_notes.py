"""Notes of several instruments by non-negative matrix factorisation with harmonic templates (no weights)."""

from importlib.metadata import version

import librosa
import numpy as np
import numpy.typing as npt
import scipy.ndimage

from bench import plugins
from bench.audio import Audio, is_silent
from bench.music.constant_q import cqt
from bench.music.durations import held
from bench.symbols import Floats, Notes

VERSION = 1
_RATE, _HOP = 22050, 256
_BINS_PER_OCTAVE, _N_BINS = 36, 288
_LOWEST_PITCH, _N_PITCHES = 21, 88
_DECAYS = (0.4, 0.6, 0.8)
_PARTIALS, _WIDTH = 12, 0.8
_NOISE_WIDTH, _NOISE_STEP = 12, 24
_ITERATIONS = 30
_RISE, _GAP = 3, 4
_SHYNESS = 0.45
"""Exponent by which a rise counts less beside a stronger one; fitted to synthetic training songs."""

Plane = npt.NDArray[np.float32]


class SalienceNotes:
    """Notes begin where the activation of a pitch rises.

    The drums are removed by the drum separator. The constant-Q magnitudes of the rest (36 bins per octave from A0, 8
    octaves, hop 256 at 22,050 Hz), compressed by a power, are decomposed by 30 multiplicative updates of the
    Kullback-Leibler divergence (Lee and Seung 2001; for music Smaragdis and Brown, WASPAA 2003) with fixed templates:
    88 pitches in three timbres of 12 partials, and broad templates for sound without pitch. A note begins where the
    rise of a pitch's activation peaks above `threshold`, in units of the 90th percentile over time of the strongest
    activation. A rise beside a stronger one counts less.
    """

    kind = "notes"

    def __init__(self, threshold: float, compression: float) -> None:
        """Take the threshold of rises and the power that compresses magnitudes."""
        self.threshold, self.compression = threshold, compression
        self._drums = plugins.load("extractors", "hpss")
        self._templates = _dictionary()
        self.identity = (
            f"salience-notes v{VERSION} (threshold {threshold:g}, compression {compression:g}, "
            f"librosa {version('librosa')}) without {self._drums.identity}"
        )

    def extract(self, audio: Audio) -> Notes:
        """Return notes sorted by onset and pitch; none for silence.

        A note lasts until the next onset of its pitch, at most 0.5 s (docs/design.md, section 7). Velocity follows
        the height of the rise, 40 to 110.
        """
        if is_silent(audio.mono):
            return held(np.zeros(0), np.zeros(0), 0, 0.0)
        harmonic = Audio(audio.mono - self._drums.extract(audio).mono, audio.sample_rate).resampled(_RATE).mono
        rises = _rises(self._activations(harmonic))
        pitches, frames = np.nonzero(_peaks(rises, self.threshold))
        heights = rises[pitches, frames]
        velocities = (40 + 70 * heights / heights.max(initial=1.0)).round()
        return held(frames.astype(np.float64) * _HOP / _RATE, pitches + _LOWEST_PITCH, velocities, audio.duration_s)

    def _activations(self, sound: npt.NDArray[np.float32]) -> Plane:
        """Return the activation of each pitch, shape (88, n_frames)."""
        lowest_hz = float(librosa.midi_to_hz(_LOWEST_PITCH))
        spectrum = cqt(sound, _RATE, _HOP, lowest_hz, _N_BINS, _BINS_PER_OCTAVE)
        magnitudes = np.abs(spectrum).astype(np.float32) ** np.float32(self.compression)
        weights = self._templates
        activations = np.full((weights.shape[1], magnitudes.shape[1]), magnitudes.mean() + 1e-9, dtype=np.float32)
        for _ in range(_ITERATIONS):
            activations *= weights.T @ (magnitudes / (weights @ activations + np.float32(1e-9)))
        n_timbres = len(_DECAYS) * _N_PITCHES
        return np.asarray(activations[:n_timbres].reshape(len(_DECAYS), _N_PITCHES, -1).sum(axis=0), dtype=np.float32)


def build(threshold: float = 0.155, compression: float = 0.5) -> SalienceNotes:
    """Return the transcriber."""
    return SalienceNotes(threshold, compression)


def _dictionary() -> Plane:
    """Return the templates as columns of sum 1, shape (288 bins, 3 timbres x 88 pitches + broad ones)."""
    bins = np.arange(_N_BINS)
    columns = []
    for decay in _DECAYS:
        for pitch in range(_N_PITCHES):
            partials = np.arange(1, _PARTIALS + 1)
            centres = 3 * pitch + _BINS_PER_OCTAVE * np.log2(partials)
            shapes = np.exp(-0.5 * ((bins[:, None] - centres) / _WIDTH) ** 2)
            columns.append(shapes @ decay ** (partials - 1.0))
    columns += [np.exp(-0.5 * ((bins - c) / _NOISE_WIDTH) ** 2) for c in range(0, _N_BINS + 1, _NOISE_STEP)]
    templates = np.array(columns).T
    return np.asarray(templates / templates.sum(axis=0), dtype=np.float32)


def _rises(activations: Plane) -> Floats:
    """Return the rise of each activation around each frame, relative to the clip's strong activations."""
    smooth = scipy.ndimage.uniform_filter1d(activations, 3, axis=1)
    scale = float(np.percentile(smooth.max(axis=0), 90))
    padded = np.pad(smooth.astype(np.float64), ((0, 0), (_RISE, _RISE)), mode="edge")
    rises: Floats = padded[:, 2 * _RISE :] - padded[:, : -2 * _RISE]
    # A note that sounds in the first frame has risen from 0.
    rises[:, 0] = smooth[:, 0]
    rises /= max(scale, 1e-12)
    return rises


def _peaks(rises: Floats, threshold: float) -> npt.NDArray[np.bool_]:
    is_peak = rises == scipy.ndimage.maximum_filter1d(rises, 2 * _GAP + 1, axis=1)
    strongest = scipy.ndimage.maximum_filter1d(rises.max(axis=0), _RISE + 2)
    share = np.clip(rises / np.maximum(strongest, 1e-12), 0.0, 1.0)
    return np.asarray(is_peak & (rises * share**_SHYNESS > threshold))
