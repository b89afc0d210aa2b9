"""Beats by librosa's dynamic programming at several tempi, bars of four by harmony and bass (no weights)."""

from importlib.metadata import version

import librosa
import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio, is_silent
from bench.music.metre import FEATURE_RATE, log_bands, onset_strength
from bench.runtime.locks import compiling
from bench.symbols import Beats, Floats

VERSION = 1
_BEATS_PER_BAR = 4
_SLOWEST_BPM, _FASTEST_BPM = 60.0, 160.0
_FEWEST_BEATS = 4
_N_PEAKS, _N_FAMILIES = 5, 2
_FAMILY = (1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2)
_SAME_TEMPO = 1.03
_BASS_BANDS = 8
_NEAR = 6
"""A beat's strength is the maximum within this many frames of 5 ms on either side."""
_ON, _BETWEEN, _BAR = 1.2, 0.55, 0.9
"""Weights of the strength on beats, half-way between beats, and of the bar; fitted to synthetic training songs."""


class LibrosaBeats:
    """The best of several candidate beat tracks.

    Candidate tempi are peaks of the autocorrelation of the onset strength (summed over lags of 1, 2 and 4 beats) and
    their usual errors (2/3, 3/4, 4/3, ...). For each tempo there are two tracks: beats by Ellis (Beat tracking by
    dynamic programming, JNMR 2007) as in librosa, and the same half a beat later. A track's score adds the onset
    strength on and between its beats; how much chroma changes and bass onsets concentrate on one beat in four, which
    also gives the downbeats; and a log-normal tempo prior.
    """

    kind = "beats"

    def __init__(self, prior_bpm: float, octaves: float, tightness: float, harmony: float) -> None:
        """Take the tempo prior (centre, deviation in octaves), librosa's tightness, the weight of chroma to bass."""
        self.prior_bpm, self.octaves, self.tightness, self.harmony = prior_bpm, octaves, tightness, harmony
        self._chroma = plugins.load("extractors", "cqt-chroma")
        self.identity = (
            f"librosa-beats v{VERSION} (prior {prior_bpm:g} bpm, {octaves:g} octaves, tightness {tightness:g}, "
            f"harmony {harmony:g}, librosa {version('librosa')})"
        )

    def extract(self, audio: Audio) -> Beats:
        """Return beats with positions 1 to 4; none for silence or if fewer than four beats fit."""
        sound = audio.mono
        if is_silent(sound):
            return Beats()
        bands = log_bands(sound, audio.sample_rate)
        strength, bass = onset_strength(bands), onset_strength(bands[:, :_BASS_BANDS])
        if strength.max() <= 0:
            return Beats()
        chroma = self._chroma.extract(audio)
        best, beats = -np.inf, Beats()
        for bpm in _tempi(strength):
            for times in self._tracks(strength, bpm, audio.duration_s):
                novelty = _standard(_change(chroma.values, chroma.rate_hz, times))
                bars = self.harmony * novelty + _standard(_at(bass, times))
                phases = [bars[k::_BEATS_PER_BAR].mean() for k in range(_BEATS_PER_BAR)]
                score = self._log_prior(bpm) + _clarity(strength, times) + _BAR * max(phases)
                if score > best:
                    first = int(np.argmax(phases))
                    best, beats = score, Beats(times, (np.arange(len(times)) - first) % _BEATS_PER_BAR + 1)
        return beats

    def _tracks(self, strength: Floats, bpm: float, end_s: float) -> list[Floats]:
        """Return the beats at this tempo and those half-way between them, without tracks of too few beats."""
        with compiling("beats"):
            _, frames = librosa.beat.beat_track(
                onset_envelope=strength, sr=FEATURE_RATE, hop_length=1, bpm=bpm, tightness=self.tightness, trim=False
            )
        times = np.asarray(frames, dtype=np.float64) / FEATURE_RATE
        later = times + np.diff(times, append=times[-1:] + 60 / bpm) / 2
        both = (times[times < end_s], later[later < end_s])
        return [track for track in both if len(track) >= _FEWEST_BEATS]

    def _log_prior(self, bpm: float) -> float:
        return -0.5 * float(np.log2(bpm / self.prior_bpm) / self.octaves) ** 2


def build(
    prior_bpm: float = 118.0, octaves: float = 0.33, tightness: float = 400.0, harmony: float = 2.0
) -> LibrosaBeats:
    """Return the beat tracker; the defaults were fitted to synthetic training songs."""
    return LibrosaBeats(prior_bpm, octaves, tightness, harmony)


def _tempi(strength: Floats) -> list[float]:
    """Return candidate tempi in beats per minute, ascending, without duplicates."""
    centred, n = strength - strength.mean(), len(strength)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(centred, 2 * n)) ** 2)[:n] / np.arange(n, 0, -1)
    bpm = np.geomspace(_SLOWEST_BPM, _FASTEST_BPM, 400)
    score = np.zeros(len(bpm))
    for multiple in (1, 2, 4):
        lags = multiple * 60 * FEATURE_RATE / bpm
        # At lags near the clip's length too few samples overlap.
        score += np.where(lags < 0.75 * n, np.interp(lags, np.arange(n), correlation), 0.0)
    inner = np.flatnonzero((score[1:-1] >= score[:-2]) & (score[1:-1] >= score[2:])) + 1
    peaks = bpm[inner[np.argsort(-score[inner], kind="stable")][:_N_PEAKS]]
    family = np.outer(peaks[:_N_FAMILIES], _FAMILY).reshape(-1)
    candidates = np.sort(np.concatenate([peaks, family]))
    tempi: list[float] = []
    for one in candidates[(candidates >= _SLOWEST_BPM) & (candidates <= _FASTEST_BPM)]:
        if not tempi or one > _SAME_TEMPO * tempi[-1]:
            tempi.append(float(one))
    return tempi


def _clarity(strength: Floats, times: Floats) -> float:
    """Return the weighted strength on the beats and half-way between, in standard deviations of the strength."""
    between = (times[1:] + times[:-1]) / 2
    weighted = _ON * _at(strength, times).mean() + _BETWEEN * _at(strength, between).mean()
    return float(weighted / strength.std())


def _at(strength: Floats, times: Floats) -> Floats:
    """Return the highest strength within 30 ms of each time."""
    frames = (times * FEATURE_RATE).astype(np.int64).clip(0, len(strength) - 1)
    padded = np.pad(strength, _NEAR)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEAR + 1)
    highest: Floats = windows[frames].max(axis=1)
    return highest


def _change(chroma: Floats, rate_hz: float, times: Floats) -> Floats:
    """Return 1 - cosine between the chroma of the beat before and of the beat after each time."""
    period = float(np.median(np.diff(times)))
    total = np.concatenate([np.zeros((1, 12)), np.cumsum(chroma, axis=0)])
    edges: npt.NDArray[np.int64] = np.rint((times[:, None] + period * np.array([-1, 0, 1])) * rate_hz).astype(np.int64)
    sums = total[edges.clip(0, len(chroma))]
    before, after = sums[:, 1] - sums[:, 0], sums[:, 2] - sums[:, 1]
    size = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    product = np.sum(before * after, axis=1)
    change: Floats = np.where(size > 0, 1 - product / np.where(size > 0, size, 1.0), 0.0)
    return change


def _standard(values: Floats) -> Floats:
    """Return the values with mean 0 and standard deviation 1; only centred if they are all equal."""
    deviation = float(values.std())
    centred: Floats = values - values.mean()
    return centred / deviation if deviation > 0 else centred
