"""Beats by librosa's dynamic programming, downbeats by harmony and bass (4/4; no weights)."""

from importlib.metadata import version

import librosa
import numpy as np
import numpy.typing as npt

from bench import plugins
from bench.audio import Audio, is_silent
from bench.metre import FEATURE_RATE, log_bands, onset_strength
from bench.symbols import Beats, Floats

VERSION = 1
_BEATS_PER_BAR = 4
_SLOWEST_BPM, _FASTEST_BPM = 60.0, 160.0
_LEAST_S = 1.0
_BASS_BANDS = 8


class LibrosaBeats:
    """A tempo from the autocorrelation of the onset strength, beats by Ellis's dynamic programming, bars of four.

    Tempo: the lag between 60 and 160 bpm whose comb (1, 2 and 4 beats) is highest, weighted by a log-normal prior
    around `prior_bpm`. Beats: Ellis, Beat tracking by dynamic programming (JNMR 2007), as in librosa. Downbeats: of
    the four phases the one where chroma changes and the bass strikes most.
    """

    kind = "beats"

    def __init__(self, prior_bpm: float, octaves: float, tightness: float, harmony: float) -> None:
        """Take the prior (centre and deviation), librosa's tightness and the weight of harmony against bass."""
        self.prior_bpm, self.octaves, self.tightness, self.harmony = prior_bpm, octaves, tightness, harmony
        self._chroma = plugins.load("extractors", "cqt-chroma")
        self.identity = (
            f"librosa-beats v{VERSION} (prior {prior_bpm:g} bpm, {octaves:g} octaves, tightness {tightness:g}, "
            f"harmony {harmony:g}, librosa {version('librosa')})"
        )

    def extract(self, audio: Audio) -> Beats:
        """Return beats with positions 1-4; none for silence or sound under a second."""
        sound = audio.mono
        if audio.duration_s < _LEAST_S or is_silent(sound):
            return Beats()
        bands = log_bands(sound, audio.sample_rate)
        strength = onset_strength(bands)
        if strength.max() <= 0:
            return Beats()
        frames = self._beats(strength)
        times = frames / FEATURE_RATE
        if len(times) < 2:
            return Beats()
        first = self._first_downbeat(audio, times, onset_strength(bands[:, :_BASS_BANDS]))
        return Beats(times, (np.arange(len(times)) - first) % _BEATS_PER_BAR + 1)

    def _beats(self, strength: Floats) -> npt.NDArray[np.int64]:
        _, frames = librosa.beat.beat_track(
            onset_envelope=strength,
            sr=FEATURE_RATE,
            hop_length=1,
            bpm=self._tempo(strength),
            tightness=self.tightness,
            trim=False,
        )
        return np.asarray(frames, dtype=np.int64)

    def _tempo(self, strength: Floats) -> float:
        """Return beats per minute."""
        centred = strength - strength.mean()
        n = len(centred)
        spectrum = np.fft.rfft(centred, 2 * n)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:n] / np.arange(n, 0, -1)
        correlation /= max(correlation[0], 1e-12)
        bpm = np.geomspace(_SLOWEST_BPM, _FASTEST_BPM, 400)
        lags = 60 * FEATURE_RATE / bpm
        score = np.zeros(len(bpm))
        for multiple in (1, 2, 4):
            reach = multiple * lags
            heard = np.interp(reach, np.arange(n), correlation)
            score += np.where(reach < 0.75 * n, heard, 0.0)
        prior = np.exp(-0.5 * (np.log2(bpm / self.prior_bpm) / self.octaves) ** 2)
        return float(bpm[np.argmax(np.maximum(score, 0) * prior)])

    def _first_downbeat(self, audio: Audio, times: Floats, bass: Floats) -> int:
        """Return the index, 0 to 3, of the first beat that begins a bar."""
        chroma = self._chroma.extract(audio)
        novelty = _change(chroma.values, chroma.rate_hz, times)
        struck = np.array([bass[max(int(t * FEATURE_RATE) - 6, 0) : int(t * FEATURE_RATE) + 7].max() for t in times])
        score = self.harmony * _standard(novelty) + _standard(struck)
        phases = [score[k::_BEATS_PER_BAR].mean() if k < len(score) else -np.inf for k in range(_BEATS_PER_BAR)]
        return int(np.argmax(phases))


def build(
    prior_bpm: float = 105.0, octaves: float = 0.5, tightness: float = 400.0, harmony: float = 2.0
) -> LibrosaBeats:
    """Build the tracker."""
    return LibrosaBeats(prior_bpm, octaves, tightness, harmony)


def _change(chroma: Floats, rate_hz: float, times: Floats) -> Floats:
    """Return how far the chroma of the beat before lies from that of the beat after each time (1 - cosine)."""
    period = float(np.median(np.diff(times)))
    novelty = np.zeros(len(times))
    for k, time in enumerate(times):
        before, at, after = (max(round((time + s * period) * rate_hz), 0) for s in (-1, 0, 1))
        a, b = chroma[before:at].sum(axis=0), chroma[at:after].sum(axis=0)
        size = float(np.linalg.norm(a) * np.linalg.norm(b))
        novelty[k] = 1 - float(a @ b) / size if size > 0 else 0.0
    return novelty


def _standard(values: Floats) -> Floats:
    """Return the values less their mean, in units of their deviation."""
    deviation = float(values.std())
    centred: Floats = values - values.mean()
    return centred / deviation if deviation > 0 else centred
