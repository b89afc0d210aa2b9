"""Requirements on every extractor: type, finite values within the sound, silence, odd lengths, repeatability."""

import os
from dataclasses import fields
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.symbols import Beats, Chords, Frames, Notes
from tests.extractors.known_sounds import groove

RESULTS: dict[str, type] = {
    "drums": Audio,
    "onsets": Beats,
    "beats": Beats,
    "chords": Chords,
    "notes": Notes,
    "chroma": Frames,
    "embedding": Frames,
}
MADMOM = [name for name in plugins.names("extractors") if name.startswith("madmom")]
WEIGHTED = [name for name in plugins.names("extractors") if plugins.weights_of("extractors", name)]
"""Tested in the same way by their own tests, on small random models."""
NAMES = [name for name in plugins.names("extractors") if name not in (*MADMOM, *WEIGHTED)] + [
    pytest.param(name, marks=pytest.mark.madmom) for name in MADMOM
]


@pytest.fixture(scope="module", params=NAMES)
def extractor(request: pytest.FixtureRequest) -> Any:
    name = request.param
    if name in MADMOM and find_spec("madmom") is None and os.environ.get("STEERBENCH_REQUIRE_MADMOM") != "1":
        pytest.skip("madmom is not installed; bench setup madmom")
    return plugins.load("extractors", name)


def content(result: Any) -> list[Any]:
    return [np.asarray(getattr(result, field.name)) for field in fields(result)]


def check_well_formed(result: Any, kind: str, audio: Audio) -> None:
    """Check type, shape, range and order of what an extractor returned."""
    assert type(result) is RESULTS[kind]
    for values in content(result):
        assert values.dtype.kind in "USO" or np.isfinite(values).all()
    end = audio.duration_s
    if isinstance(result, Audio):
        assert result.samples.shape == (1, audio.n_samples)
        assert result.sample_rate == audio.sample_rate
    elif isinstance(result, Frames):
        assert result.values.ndim == 2 and result.values.dtype == np.float64
        if kind == "embedding":  # whole windows, which may last longer than their hop
            assert 1 <= len(result.values) <= max(1, end * result.rate_hz)
        else:
            assert abs(len(result.values) - end * result.rate_hz) <= max(1, result.rate_hz)
    elif isinstance(result, Beats):
        assert (np.diff(result.times_s) > 0).all()
        assert ((result.times_s >= 0) & (result.times_s <= end)).all()
        assert not len(result.positions) or result.positions.min() >= 1
    elif isinstance(result, Chords):
        starts, ends = result.intervals_s.T
        assert starts[0] == 0 and ends[-1] == end
        assert (starts[1:] == ends[:-1]).all() and (ends > starts).all()
        assert all(a != b for a, b in zip(result.labels, result.labels[1:], strict=False))
    else:
        onsets, offsets = result.intervals_s.T
        assert (np.diff(onsets) >= 0).all()
        assert ((onsets >= 0) & (offsets <= end) & (offsets - onsets <= 0.5 + 1e-9)).all()
        assert ((result.velocities >= 1) & (result.velocities <= 127)).all()
        assert ((result.pitches >= 21) & (result.pitches <= 108)).all()


@pytest.mark.parametrize("rate", [16000, 32000, 44100, 48000])
def test_the_result_is_well_formed_at_every_rate(extractor: Any, rate: int) -> None:
    audio, _ = groove(rate, 120, 2)
    check_well_formed(extractor.extract(audio), extractor.kind, audio)


@pytest.mark.parametrize("n_samples", [1, 3, 1600, 6000, 12800])
def test_short_sound_is_no_error(extractor: Any, n_samples: int) -> None:
    audio = Audio(groove(32000, 120, 1)[0].samples[:, :n_samples], 32000)
    check_well_formed(extractor.extract(audio), extractor.kind, audio)


@pytest.mark.parametrize("level", [0.0, 1e-6])
@pytest.mark.parametrize("duration_s", [0.05, 3.0])
def test_silence_gives_an_empty_result(extractor: Any, level: float, duration_s: float) -> None:
    n = round(duration_s * 32000)
    audio = Audio(level * np.random.default_rng(1).standard_normal(n).astype(np.float32), 32000)
    result = extractor.extract(audio)
    check_well_formed(result, extractor.kind, audio)
    if isinstance(result, Audio):
        assert not result.samples.any()
    elif isinstance(result, Chords):
        assert result.labels == ("N",)
    elif extractor.kind == "chroma":
        assert not result.values.any()
    elif extractor.kind == "embedding":
        np.testing.assert_allclose(result.values, result.values[:1].repeat(len(result.values), axis=0), atol=8)
    else:
        assert not len(result.intervals_s if isinstance(result, Notes) else result.times_s)


def test_audio_without_samples_is_no_error(extractor: Any) -> None:
    result = extractor.extract(Audio(np.zeros((1, 0), dtype=np.float32), 32000))
    assert type(result) is RESULTS[extractor.kind]
    assert all(not values.size for values in content(result) if values.ndim)


def test_stereo_is_analysed_as_the_mean_of_its_channels(extractor: Any) -> None:
    mono = groove(32000, 100, 2)[0]
    left = 0.5 * np.random.default_rng(3).standard_normal(mono.n_samples).astype(np.float32) ** 3 * 0.01
    stereo = Audio(np.stack([mono.mono + left, mono.mono - left]), 32000)
    for ours, theirs in zip(
        content(extractor.extract(stereo)), content(extractor.extract(Audio(stereo.mono, 32000))), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_same_sound_gives_the_same_bytes(extractor: Any) -> None:
    audio = groove(32000, 110, 2)[0]
    first, second = extractor.extract(audio), extractor.extract(audio)
    again = plugins.builder("extractors", extractor.identity.split(" ")[0])().extract(audio)
    for repeated in (second, again):
        for ours, theirs in zip(content(first), content(repeated), strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_extracting_does_not_change_the_input(extractor: Any) -> None:
    audio = groove(32000, 110, 1)[0]
    before = audio.sha256()
    extractor.extract(audio)
    assert audio.sha256() == before


def test_identity_names_plug_and_version_and_is_stable(extractor: Any) -> None:
    name = extractor.identity.split(" ")[0]
    assert name in plugins.names("extractors")
    assert extractor.identity.startswith(f"{name} v")
    assert plugins.load("extractors", name).identity == extractor.identity
    assert "0x" not in extractor.identity and "\n" not in extractor.identity


def test_parameters_change_the_identity() -> None:
    for name, option in [
        ("hpss", {"margin": 1.25}),
        ("onset-flux", {"rise_db": 7.5}),
        ("librosa-beats", {"prior_bpm": 99.0}),
        ("template-chords", {"no_chord": 0.123}),
        ("salience-notes", {"threshold": 0.123}),
    ]:
        changed, default = plugins.load("extractors", name, **option), plugins.load("extractors", name)
        assert changed.identity != default.identity
