"""The constant-Q transform is librosa's, bit for bit."""

import warnings

import librosa
import numpy as np
import pytest

from bench.music.constant_q import cqt


@pytest.mark.parametrize("n", [5000, 44_107, 22050 * 9])
@pytest.mark.parametrize(
    ("hop", "lowest", "n_bins", "per_octave"), [(512, 24, 252, 36), (256, 21, 288, 36), (512, 60, 30, 12)]
)
def test_it_is_librosas_bit_for_bit(n: int, hop: int, lowest: int, n_bins: int, per_octave: int) -> None:
    sound = (0.1 * np.random.default_rng(n).standard_normal(n)).astype(np.float32)
    hz = float(librosa.midi_to_hz(lowest))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = librosa.cqt(
            sound, sr=22050, hop_length=hop, fmin=hz, n_bins=n_bins, bins_per_octave=per_octave, tuning=0.0
        )
    assert np.array_equal(cqt(sound, 22050, hop, hz, n_bins, per_octave), wanted)


def test_cached_filters_are_not_modified_by_a_call() -> None:
    sound = np.sin(np.arange(22050) * 0.1).astype(np.float32)
    first = cqt(sound, 22050, 512, 32.7, 84, 12)
    cqt(0 * sound, 22050, 512, 32.7, 84, 12)
    assert np.array_equal(cqt(sound, 22050, 512, 32.7, 84, 12), first)
