"""Effects of a recording: equaliser, reverb and saturation, drawn at random."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.signal import oaconvolve

Sound = npt.NDArray[np.float32]
_SLOPE_DB, _BELLS, _BELL_DB = 1.5, 3, 8.0
_LOW_PASS_SHARE, _REVERB_SHARE, _SATURATED_SHARE = 0.12, 0.5, 0.2
_REVERB_DB, _DECAY_S = (-26.0, -8.0), (0.1, 1.2)


@dataclass(frozen=True)
class Effects:
    """Settings of one channel.

    Attributes:
        response: Seed of the equaliser's curve; its values are drawn from it for any number of bins.
        decay_s: Time in which the reverb falls by 60 dB; 0 for none.
        reverb_db: Level of the reverb relative to the dry sound.
        drive: Gain in front of tanh, in units of the sound's RMS; 0 for no saturation.
        sign: 1, or -1 for inverted polarity.
    """

    response: int
    decay_s: float = 0.0
    reverb_db: float = 0.0
    drive: float = 0.0
    sign: int = 1

    def apply(self, sound: Sound, sample_rate: int) -> Sound:
        """Return the sound (n,) with these effects, at its RMS but for what saturation takes; silence stays silence."""
        level = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
        if level == 0:
            return sound
        n = scipy.fft.next_fast_len(len(sound) + 2048, real=True)
        hz = np.fft.rfftfreq(n, 1 / sample_rate)
        wet = scipy.fft.irfft(scipy.fft.rfft(sound, n) * _curve(self.response, hz), n)[: len(sound)].astype(np.float32)
        if self.decay_s:
            wet = wet + _reverb(wet, self.decay_s, self.reverb_db, sample_rate, self.response)
        wet *= np.float32(level / max(float(np.sqrt(np.mean(np.square(wet, dtype=np.float64)))), 1e-9))
        if self.drive:
            scale = np.float32(self.drive / level)
            wet = np.tanh(wet * scale) / scale
        return np.asarray(wet * np.float32(self.sign), dtype=np.float32)


def draw(rng: np.random.Generator) -> Effects:
    """Draw the effects of a channel."""
    has_reverb, is_saturated = rng.random() < _REVERB_SHARE, rng.random() < _SATURATED_SHARE
    return Effects(
        int(rng.integers(2**31)),
        float(np.exp(rng.uniform(*np.log(_DECAY_S)))) if has_reverb else 0.0,
        float(rng.uniform(*_REVERB_DB)),
        float(rng.uniform(0.1, 0.8)) if is_saturated else 0.0,
        int(rng.choice([-1, 1])),
    )


def _curve(seed: int, hz: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return gains: a slope, up to three bells, and now and then a low-pass."""
    rng = np.random.default_rng(seed)
    octaves = np.log2(np.maximum(hz, 30.0) / 1000.0)
    gain_db = rng.uniform(-_SLOPE_DB, _SLOPE_DB) * octaves
    for _ in range(int(rng.integers(_BELLS + 1))):
        centre, width = rng.uniform(-4, 3.5), rng.uniform(0.3, 1.5)
        gain_db += rng.uniform(-_BELL_DB, _BELL_DB) * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
    if rng.random() < _LOW_PASS_SHARE:
        gain_db -= 24 * np.maximum(octaves - rng.uniform(1.5, 3.5), 0)
    return np.asarray(10 ** (gain_db / 20), dtype=np.float32)


def _reverb(sound: Sound, decay_s: float, level_db: float, sample_rate: int, seed: int) -> Sound:
    """Return the sound convolved with noise that decays exponentially, at a level relative to it."""
    n = round(decay_s * sample_rate)
    times = np.arange(n) / sample_rate
    noise = np.random.default_rng([seed, 1]).standard_normal(n) * np.exp(-6.9 * times / decay_s)
    noise[: round(0.005 * sample_rate)] = 0  # what is earlier is part of the dry sound
    noise *= 10 ** (level_db / 20) / np.sqrt(np.sum(noise**2))
    return np.asarray(oaconvolve(sound, noise.astype(np.float32))[: len(sound)], dtype=np.float32)
