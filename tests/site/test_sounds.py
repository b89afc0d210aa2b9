"""Tests of bench.site.sounds and bench.site.spectrogram."""

import io
import zlib

import numpy as np
import pytest
import soundfile

from bench.audio import Audio, write_audio
from bench.music.loudness import loudness
from bench.site.sounds import PEAK, RATE, Track, gains_db, louder, opus, tracks_of
from bench.site.spectrogram import HEIGHT, WIDTH, levels, picture, png
from tests.site.small import clicks, example


def noise(level, seconds=4.0):
    return Audio(level * np.random.default_rng(1).standard_normal(round(seconds * 32000)), 32000)


def decoded(stream):
    samples, rate = soundfile.read(io.BytesIO(stream))
    return Audio(samples.astype(np.float32), rate)


def test_gains_give_tracks_equal_loudness():
    tracks = [Track("a", noise(0.01)), Track("b", noise(0.1)), Track("c", clicks())]
    heard = [louder(track.audio, gain) for track, gain in zip(tracks, gains_db(tracks), strict=True)]
    levels_lufs = [loudness(audio) for audio in heard]
    assert max(levels_lufs) - min(levels_lufs) < 0.2
    assert max(np.abs(audio.mono).max() for audio in heard) <= PEAK + 1e-6


def test_silence_has_no_gain_and_near_silence_a_limited_one():
    gains = gains_db([Track("silence", Audio(np.zeros(32000), 32000)), Track("faint", noise(1e-4))])
    assert gains == [0.0, 30.0]


def test_opus_is_reproducible_and_as_long_as_the_sound():
    stream = opus(clicks())
    assert stream == opus(clicks())
    assert stream[14:18] == bytes(4)
    assert decoded(stream).n_samples == 4 * RATE


def test_opus_adds_no_delay():
    sound = clicks()
    heard, meant = decoded(opus(sound)).mono, sound.resampled(RATE).mono
    lags = np.arange(-200, 201)
    fits = [np.dot(meant[1000:-1000], np.roll(heard, -lag)[1000:-1000]) for lag in lags]
    assert abs(lags[int(np.argmax(fits))]) <= 48


def test_a_broken_output_is_named_and_the_others_are_played(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    write_audio(tmp_path / "short.wav", noise(0.1, 1.0))
    write_audio(tmp_path / "whole.wav", noise(0.1))
    outputs = [(name, tmp_path / f"{name}.wav") for name in ("text", "short", "whole", "missing")]
    tracks, troubles = tracks_of(example("song-00"), outputs)
    assert [track.name for track in tracks] == ["original", "masked", "control: chords", "whole"]
    assert [trouble.partition(":")[0] for trouble in troubles] == ["text", "short", "missing"]


def test_a_tone_is_a_dark_row():
    tone = Audio(0.5 * np.sin(2 * np.pi * 1000 * np.arange(64000) / 32000), 32000)
    level = levels(tone)
    assert level.shape == (HEIGHT, WIDTH)
    edges = np.geomspace(50, 14000, HEIGHT + 2)[1:-1][::-1]
    assert edges[level.mean(axis=1).argmax()] == pytest.approx(1000, rel=0.08)


def test_time_runs_along_the_picture():
    sound = np.zeros(64000)
    sound[32000:] = np.random.default_rng(0).standard_normal(32000)
    loud = levels(Audio(sound, 32000)).mean(axis=0) > -60
    assert abs(int(np.argmax(loud)) - WIDTH // 2) < WIDTH * 0.04


@pytest.mark.parametrize("n", [0, 10, 3000])
def test_short_sounds_have_pictures(n):
    assert np.isfinite(levels(Audio(np.zeros(n), 32000))).all()


def test_a_png_decodes_to_its_pixels():
    import matplotlib.image

    shades = np.array([[0, 1], [2, 1], [0, 0]], np.uint8)
    palette = np.array([[255, 255, 255], [0, 128, 0], [1, 2, 3]], np.uint8)
    read = matplotlib.image.imread(io.BytesIO(png(shades, palette)), format="png")
    assert np.array_equal(np.rint(read[..., :3] * 255).astype(np.uint8), palette[shades])


def test_louder_is_darker_and_pictures_are_small():
    level = levels(noise(0.1))
    image = picture(level, float(level.max()))
    assert len(image) < 80_000
    (start,) = [image.index(b"IDAT") + 4]
    shades = zlib.decompress(image[start : image.index(b"IEND") - 8])
    assert max(shades) == 23
