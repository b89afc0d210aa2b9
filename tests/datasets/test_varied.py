"""The data set varied: its kits, its voice, its locked songs, and what is said without its Debian packages."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench import plugins
from bench.datasets.varied import fluid, kits, sources, stems, voice
from bench.errors import MissingComponent, UnknownName
from bench.manifest import Excerpt, read_manifest
from bench.paths import home
from bench.symbols import DRUM_PROGRAM, Beats, Chords, Notes
from bench.upkeep.setup import CORPUS, installed

needs_packages = pytest.mark.skipif(not installed("corpus"), reason="the Debian packages of `bench setup corpus`")
RATE = kits.RATE
KIT = """<drumkit_info xmlns="http://www.hydrogen-music.org/drumkit"><instrumentList>
<instrument><name>Kick</name><volume>1</volume><gain>1</gain>
  <layer><filename>soft.wav</filename><min>0</min><max>0.5</max><gain>1</gain></layer>
  <layer><filename>loud.wav</filename><min>0.5</min><max>1</max><gain>0.5</gain></layer></instrument>
<instrument><name>Snare Rock</name><volume>0.5</volume><filename>soft.wav</filename></instrument>
<instrument><name>Open HH</name><layer><filename>long.wav</filename><min>0</min><max>1</max></layer></instrument>
<instrument><name>Cowbell</name><layer><filename>lacking.wav</filename></layer></instrument>
<instrument><name>Zap 1</name><layer><filename>soft.wav</filename></layer></instrument>
</instrumentList></drumkit_info>"""


@pytest.fixture
def kit(tmp_path: Path):
    (tmp_path / "drumkit.xml").write_text(KIT, encoding="utf-8")
    for name, value, seconds in (("soft", 0.1, 0.1), ("loud", 0.4, 0.1), ("long", 0.2, 2.0)):
        soundfile.write(tmp_path / f"{name}.wav", np.full(round(seconds * RATE), value), RATE, subtype="FLOAT")
    return kits.hydrogen(tmp_path, 1)


def strokes(*rows: tuple[float, int, int]) -> Notes:
    times, keys, velocities = zip(*rows, strict=True)
    intervals = np.stack([times, np.array(times) + 0.1], axis=1)
    return Notes(intervals, np.array(keys), np.array(velocities), np.full(len(rows), DRUM_PROGRAM))


def test_instruments_stand_for_keys_and_those_without_a_sound_are_left_out(kit) -> None:
    assert sorted(kit) == [36, 38, 46]
    assert [hit.softest for hit in kit[36]] == [0.0, 0.5]


def test_the_velocity_picks_the_layer_and_the_level(kit) -> None:
    sound = kits.play(strokes((0.0, 36, 127), (0.5, 36, 40), (1.0, 38, 127)), kit, 1.5)
    assert sound.shape == (round(1.5 * RATE),)
    assert sound[100] == pytest.approx(0.4 * 0.5)
    assert sound[RATE // 2 + 100] == pytest.approx(0.1 * (40 / 127) ** 1.5)
    assert sound[RATE + 100] == pytest.approx(0.1 * 0.5)


def test_a_closed_hi_hat_ends_an_open_one(kit) -> None:
    free, choked = (kits.play(strokes((0.0, 46, 127), *more), kit, 2.0) for more in ([], [(0.5, 44, 1)]))
    assert free[RATE] == pytest.approx(0.2) and abs(choked[RATE]) < 0.01


def test_a_key_that_a_kit_lacks_is_played_by_another_or_not_at_all(kit) -> None:
    assert kits.key_in(kit, 37) == 38 and kits.key_in(kit, 42) is None and kits.key_in(kit, 49) == 46
    band = stems.Band(None, "synthetic", sources.FONTS["train"][0], 0)
    assert len(stems.playable(strokes((0.0, 36, 90), (0.1, 3, 90)), band, 1)) == 1


def test_synthetic_kits_sound_and_differ() -> None:
    one, other = kits.synthetic(1), kits.synthetic(2)
    assert sorted(one) == sorted(other) and all(np.abs(hit.sound).max() > 0.01 for [hit] in one.values())
    assert not np.array_equal(one[38][0].sound[:500], other[38][0].sound[:500])
    assert np.array_equal(kits.synthetic(1)[36][0].sound, one[36][0].sound)


@pytest.mark.parametrize("pitch", [48, 60, 72])
def test_the_voice_sings_the_pitch(pitch: int) -> None:
    sound = voice.sing(Notes(np.array([[0.2, 2.2]]), np.array([pitch]), np.array([100])), 3.0, 4)
    assert sound.shape == (3 * RATE,) and not sound[: RATE // 20].any()
    spectrum = np.abs(np.fft.rfft(sound[RATE : 2 * RATE] * np.hanning(RATE)))
    hz = 440 * 2 ** ((pitch - 69) / 12)
    # The energy near the first ten harmonics against that half-way between them; vibrato is half a semitone at most.
    near = sum(spectrum[int(k * hz * 0.96) : int(k * hz * 1.04) + 1].max() for k in range(1, 11))
    between = sum(spectrum[int((k + 0.5) * hz)] for k in range(1, 11))
    assert near > 5 * between


def test_no_test_source_plays_in_another_split() -> None:
    test_fonts, test_kits = {font.path for font in sources.FONTS["test"]}, set(sources.KITS["test"])
    for split in ("train", "validation"):
        assert not test_fonts & {font.path for font in sources.FONTS[split]} and not test_kits & set(
            sources.KITS[split]
        )
    assert not set(sources.KITS["train"]) & set(sources.KITS["validation"])
    for split in ("train", "validation", "test"):
        bands = [stems.band_of(split, seed) for seed in range(200)]
        assert {band.kit for band in bands} - {"", "synthetic"} == set(sources.KITS[split])
        assert {band.font for band in bands} - {None} <= set(sources.FONTS[split])


def test_without_the_packages_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FOLDER", tmp_path)
    with pytest.raises(MissingComponent, match=r"missing; the data set varied .* `bench setup corpus`"):
        plugins.load("datasets", "varied")


def test_every_listed_source_is_of_a_listed_package() -> None:
    folders = {str(Path(package.file).parent) for package in CORPUS}
    for split in ("train", "validation", "test"):
        for font in sources.FONTS[split]:
            assert str(font.file.parent) in folders


def test_the_locked_manifest_has_48_songs_of_its_own_form() -> None:
    manifest = read_manifest(home("data_manifests") / "varied" / "varied-test.csv")
    assert [e.track for e in manifest.excerpts] == [f"test-{k:04d}" for k in range(1, 49)]
    assert {e.dataset for e in manifest.excerpts} == {"varied"} and {e.duration_s for e in manifest.excerpts} == {15.0}


@needs_packages
def test_other_names_are_refused() -> None:
    dataset = plugins.load("datasets", "varied")
    with pytest.raises(UnknownName, match="varied-train-100"):
        dataset.select("varied-trian-2")
    with pytest.raises(UnknownName, match="train-0001"):
        dataset.song("song-0001")


@needs_packages
def test_an_excerpt_has_sound_stems_and_truth() -> None:
    dataset = plugins.load("datasets", "varied")
    [excerpt] = [e for e in dataset.select("varied-test").excerpts if e.track == "test-0001"]
    parts = {what: dataset.read(excerpt, what) for what in ("mix", "drums", "bass", "other", "other-drums")}
    assert all(audio.n_samples == 15 * audio.sample_rate for audio in parts.values())
    assert np.abs(parts["mix"].mono).max() > 0.05 and parts["drums"].mono.any() and parts["other-drums"].mono.any()
    assert isinstance(dataset.read(excerpt, "chords"), Chords) and isinstance(dataset.read(excerpt, "beats"), Beats)
    notes = dataset.read(excerpt, "notes")
    assert (notes.programs == DRUM_PROGRAM).any() and (notes.programs != DRUM_PROGRAM).any()


@needs_packages
def test_the_locked_scores_and_sources_agree() -> None:
    assert plugins.load("datasets", "varied").verify() == []


@needs_packages
def test_the_stems_sum_to_the_mix_and_are_a_function_of_the_name() -> None:
    one, other = (plugins.load("datasets", "varied") for _ in range(2))
    total = sum(one.stem("validation-0004", stem).mono for stem in ("drums", "bass", "piano", "other"))
    np.testing.assert_allclose(total, one.stem("validation-0004", "mix").mono, atol=1e-6)
    excerpt = Excerpt("x", "varied", "validation-0004", 10.0, 2.0)
    assert np.array_equal(one.read(excerpt, "mix").mono, other.read(excerpt, "mix").mono)


@needs_packages
def test_fluidsynth_plays_the_note_at_its_time() -> None:
    note = Notes(np.array([[0.5, 1.5]]), np.array([69]), np.array([100]), np.array([73]))
    sound = fluid.play(note, sources.FONTS["train"][0].file, 2.0, RATE)
    assert sound.shape == (2 * RATE,) and np.abs(sound[: round(0.49 * RATE)]).max() < 1e-4
    spectrum = np.abs(np.fft.rfft(sound[round(0.8 * RATE) : round(1.3 * RATE)]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=6)


def test_a_missing_or_failing_fluidsynth_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = Notes(np.array([[0.5, 1.5]]), np.array([69]), np.array([100]))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingComponent, match="bench setup corpus"):
        fluid.play(note, tmp_path / "a.sf2", 1.0, RATE)
    program = tmp_path / "fluidsynth"
    program.write_text("#!/bin/sh\necho no such font >&2\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(fluid.BenchError, match=r"fluidsynth .*a\.sf2: failed \(no such font\)"):
        fluid.play(note, tmp_path / "a.sf2", 1.0, RATE)
