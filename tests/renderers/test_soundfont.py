"""The sampler: pitch, length, envelope, and damaged fonts."""

import struct
from pathlib import Path

import numpy as np
import pytest

from bench import plugins
from bench.audio import rms
from bench.errors import BenchError, MissingComponent
from bench.renderers import soundfont as module
from bench.symbols import Notes

RATE = 32000


@pytest.fixture(scope="module")
def piano():
    return plugins.load("renderers", "soundfont")


def note(start=0.0, end=1.0, pitch=69, velocity=100, program=0) -> Notes:
    return Notes(np.array([[start, end]]), [pitch], [velocity], [program])


def frequency(samples: np.ndarray, near_hz: float) -> float:
    """The strongest partial within a semitone of a frequency, by a zero-padded spectrum."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 20))
    hz = np.fft.rfftfreq(1 << 20, 1 / RATE)
    near = (hz > near_hz * 0.95) & (hz < near_hz * 1.05)
    return float(hz[near][np.argmax(spectrum[near])])


@pytest.mark.parametrize(
    ("program", "pitch"), [(0, 69), (0, 45), (4, 57), (24, 64), (33, 40), (48, 60), (73, 76), (80, 72)]
)
def test_notes_sound_at_their_pitch(piano, program: int, pitch: int) -> None:
    samples = piano.render(note(pitch=pitch, program=program), 1.0, RATE).mono[RATE // 10 :]
    wanted = 440 * 2 ** ((pitch - 69) / 12)
    assert 1200 * abs(np.log2(frequency(samples, wanted) / wanted)) < 6


@pytest.mark.parametrize("rate", [16000, 32000, 44100])
@pytest.mark.parametrize("duration_s", [0.013, 1.0, 2.5])
def test_length_is_exact_and_no_notes_are_silence(piano, rate: int, duration_s: float) -> None:
    nothing = Notes(np.zeros((0, 2)), [], [], [])
    assert piano.render(note(), duration_s, rate).samples.shape == (1, round(duration_s * rate))
    assert not piano.render(nothing, duration_s, rate).samples.any()


def test_the_same_notes_give_the_same_bytes_in_any_order(piano) -> None:
    notes = Notes(np.array([[0.0, 0.5], [0.2, 0.9], [0.2, 0.4]]), [60, 64, 38], [90, 80, 100], [0, 48, 128])
    first = piano.render(notes, 1.5, RATE).samples
    again = plugins.load("renderers", "soundfont").render(notes.where(np.array([2, 0, 1])), 1.5, RATE).samples
    assert first.tobytes() == again.tobytes()


def test_notes_add_up(piano) -> None:
    one, other = note(pitch=60), note(start=0.3, pitch=67)
    both = piano.render(Notes.joined([one, other]), 1.5, RATE).samples
    apart = piano.render(one, 1.5, RATE).samples + piano.render(other, 1.5, RATE).samples
    assert np.allclose(both, apart, atol=1e-6)


def test_louder_velocities_are_louder(piano) -> None:
    levels = [rms(piano.render(note(velocity=v), 1.0, RATE).samples) for v in (20, 60, 100, 127)]
    assert levels == sorted(levels) and levels[-1] > 4 * levels[0] > 0


def test_a_note_begins_at_its_onset_and_ends_after_its_release(piano) -> None:
    samples = piano.render(note(0.5, 1.0, program=48), 3.0, RATE).mono
    assert not samples[: RATE // 2].any()
    assert rms(samples[round(0.7 * RATE) : RATE]) > 20 * rms(samples[round(2.6 * RATE) :])


def test_percussion_rings_out_whatever_its_length(piano) -> None:
    short, long = (piano.render(note(0, end, 49, program=128), 1.0, RATE).samples for end in (0.01, 0.9))
    assert rms(short) == pytest.approx(rms(long)) and rms(short) > 0.005


def test_an_absent_program_falls_back_and_a_late_note_is_left_out(piano) -> None:
    assert rms(piano.render(note(5.0, 6.0), 1.0, RATE).samples) == 0
    assert piano.font.regions(127)


def test_the_identity_names_the_font(piano) -> None:
    assert "TimGM6mb.sf2 sha256:" in piano.identity


def test_another_default_font_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "TimGM6mb.sf2"
    other.write_bytes(tiny_font())
    monkeypatch.setattr(module, "_default_font", lambda: other)
    with pytest.raises(MissingComponent, match=r"is not the TimGM6mb\.sf2 that the songs are locked to"):
        module.build()
    assert module.build(str(other)).identity.startswith("soundfont/")


def test_without_pretty_midi_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingComponent, match="pip install 'pretty_midi"):
        module.build()


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def tiny_font(loop=(100, 200), end=400, gens=((54, 1),), instrument=0, rate=44100) -> bytes:
    """One preset of one looped sine: 100 samples a period at 44,100 Hz, root key 69."""
    sine = (20000 * np.sin(2 * np.pi * np.arange(500) / 100)).astype("<i2").tobytes()
    packed = b"".join(struct.pack("<Hh", *gen) for gen in (*gens, *(() if 53 in dict(gens) else ((53, 0),))))
    tables = {
        b"phdr": b"".join(struct.pack("<20sHHH12s", n, 0, 0, k, b"") for k, n in enumerate((b"one", b"EOP"))),
        b"pbag": struct.pack("<HHHH", 0, 0, 1, 0),
        b"pmod": b"\0" * 10,
        b"pgen": struct.pack("<HhHh", 41, instrument, 0, 0),
        b"inst": b"".join(struct.pack("<20sH", n, k) for k, n in enumerate((b"one", b"EOI"))),
        b"ibag": struct.pack("<HHHH", 0, 0, len(packed) // 4, 0),
        b"imod": b"\0" * 10,
        b"igen": packed + struct.pack("<Hh", 0, 0),
        b"shdr": struct.pack("<20sIIIIIBbHH", b"sine", 0, end, *loop, rate, 69, 0, 0, 1)
        + struct.pack("<20s26x", b"EOS"),
    }
    pdta = chunk(b"LIST", b"pdta" + b"".join(chunk(name, content) for name, content in tables.items()))
    body = b"sfbk" + chunk(b"LIST", b"INFO") + chunk(b"LIST", b"sdta" + chunk(b"smpl", sine)) + pdta
    return chunk(b"RIFF", body)


def test_a_font_of_one_looped_sine_plays_that_sine(tmp_path: Path) -> None:
    path = tmp_path / "sine.sf2"
    path.write_bytes(tiny_font())
    samples = module.build(str(path)).render(note(end=2.0), 2.0, RATE).mono[1000:-1000]
    assert frequency(samples, 441) == pytest.approx(441, abs=0.2)
    octave = module.build(str(path)).render(note(end=2.0, pitch=81), 2.0, RATE).mono[1000:-1000]
    assert frequency(octave, 882) == pytest.approx(882, abs=0.4)
    assert rms(samples) == pytest.approx(0.5 * (100 / 127) ** 2 * 20000 / 32768 / np.sqrt(2), rel=0.02)


def test_a_font_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = tiny_font()
    path = tmp_path / "cut.sf2"
    for end in np.linspace(0, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:end])
        with pytest.raises(BenchError, match=r"cut\.sf2"):
            module.build(str(path)).render(note(), 0.1, RATE)


@pytest.mark.parametrize("end", [0, 10**6])
def test_samples_outside_the_memory_are_refused(tmp_path: Path, end: int) -> None:
    path = tmp_path / "odd.sf2"
    path.write_bytes(tiny_font(end=end))
    with pytest.raises(BenchError, match=r"odd\.sf2: preset 0 of bank 0 is damaged"):
        module.build(str(path)).render(note(), 0.1, RATE)


@pytest.mark.parametrize(
    "damage",
    [
        {"gens": ((54, 1), (56, 30000))},
        {"gens": ((54, 1), (51, 32767))},
        {"gens": ((54, 1), (48, -32768))},
        {"gens": ((54, 1), (53, -1))},
        {"gens": ((54, 1), (53, 1))},
        {"instrument": -1},
        {"instrument": 1},
        {"rate": 0},
    ],
)
@pytest.mark.parametrize("pitch", [0, 69, 127])
def test_values_out_of_range_are_refused(tmp_path: Path, damage, pitch: int) -> None:
    path = tmp_path / "odd.sf2"
    path.write_bytes(tiny_font(**damage))
    with pytest.raises(BenchError, match=r"odd\.sf2: preset 0 of bank 0 is damaged"):
        module.build(str(path)).render(note(pitch=pitch), 0.1, RATE)


def test_the_cache_is_bounded_and_dropping_entries_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pitches = np.arange(40, 80)
    starts = 0.05 * np.arange(40)
    notes = Notes(np.stack([starts, starts + 0.3], axis=1), pitches, np.full(40, 90), np.tile([0, 33, 48, 128], 10))
    roomy = plugins.load("renderers", "soundfont")
    wanted = roomy.render(notes, 3.0, RATE).samples
    assert roomy._kept_bytes > 4 * 2**20
    monkeypatch.setattr(module, "KEPT_BYTES", 4 * 2**20)
    tight = plugins.load("renderers", "soundfont")
    for _ in range(2):
        assert tight.render(notes, 3.0, RATE).samples.tobytes() == wanted.tobytes()
        held = sum(array.nbytes for arrays in tight._kept.values() for array in arrays)
        assert held == tight._kept_bytes <= 4 * 2**20


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"none\.sf2: cannot be read"):
        module.build(str(tmp_path / "none.sf2"))
