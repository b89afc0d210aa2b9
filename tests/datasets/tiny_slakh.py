"""A miniature of Slakh2100: its layout and irregularities, with synthesised music."""

from pathlib import Path

import numpy as np
import pretty_midi
import soundfile

RATE, BEAT_S = 44100, 0.5
METADATA = """UUID: {song}
audio_dir: stems
lmd_midi_dir: lmd_matched/A/B/C/TRABC000000000000/{song}.mid
midi_dir: MIDI
normalization_factor: -13.0
normalized: true
overall_gain: 0.18270259567062658
stems:
{stems}target_peak: -1.0
"""
STEM = """  {name}:
    audio_rendered: {rendered}
    inst_class: {instrument}
    integrated_loudness: -13.0
    is_drum: {is_drum}
    midi_program_name: {instrument}
    midi_saved: true
    plugin_name: some_patch.nkm
    program_num: {program}
"""
STEMS = {"S00": ("Drums", 128), "S01": ("Bass", 33), "S02": ("Piano", 0), "S04": ("Strings (continued)", 48)}
"""There is no S03, and S05 has notes but no sound: both are common."""


def write_track(folder: Path, duration_s: float = 20.0, suffix: str = ".flac", beats_per_bar: int = 4) -> Path:
    """Write a track: drums on every beat, a bass on every bar, a piano in eighths, and strings from end to end."""
    (folder / "stems").mkdir(parents=True)
    (folder / "MIDI").mkdir()
    pitch_of = {"S00": 36, "S01": 36, "S02": 60 + int(folder.name[-1]), "S04": 67, "S05": 50}
    every = {"S00": BEAT_S, "S01": BEAT_S * beats_per_bar, "S02": BEAT_S / 2, "S04": duration_s, "S05": BEAT_S}
    lasts = {"S00": 0.1, "S01": 0.9, "S02": 0.2, "S04": duration_s, "S05": 0.2}
    mix, parts = np.zeros(round(duration_s * RATE)), {}
    for name, (instrument, program) in {**STEMS, "S05": ("Sound Effects", 122)}.items():
        part = pretty_midi.Instrument(0 if program == 128 else program, program == 128, name=instrument)
        onsets = np.arange(0, duration_s - 1e-9, every[name])
        part.notes = [pretty_midi.Note(100, pitch_of[name], t, min(t + lasts[name], duration_s)) for t in onsets]
        parts[name] = part
        _write_midi(folder / "MIDI" / f"{name}.mid", [part], beats_per_bar)
        if name in STEMS:
            sound = _sound(name, part, duration_s)
            soundfile.write(folder / "stems" / f"{name}{suffix}", sound, RATE, subtype="PCM_16")
            mix += sound
    soundfile.write(folder / f"mix{suffix}", mix, RATE, subtype="PCM_16")
    _write_midi(folder / "all_src.mid", list(parts.values()), beats_per_bar)
    said = "".join(
        STEM.format(
            name=name,
            instrument=instrument,
            program=program,
            rendered=str(name in STEMS).lower(),
            is_drum=str(program == 128).lower(),
        )
        for name, (instrument, program) in {**STEMS, "S05": ("Sound Effects", 122)}.items()
    )
    (folder / "metadata.yaml").write_text(METADATA.format(song=song_of(folder.name), stems=said))
    return folder


def song_of(track: str) -> str:
    """Return the 32 hex digits that name a track's song, never a number to YAML."""
    return f"{int(track[5:]):031x}f"


def write_slakh(root: Path) -> Path:
    """Write four tracks in the folders of the redux release, one of them as WAV, and a duplicate that it omits."""
    write_track(root / "test" / "Track01876")
    write_track(root / "test" / "Track01877", suffix=".wav", beats_per_bar=3)
    write_track(root / "validation" / "Track01501", 18.0)
    write_track(root / "train" / "Track00001", 18.0)
    write_track(root / "omitted" / "Track00049", 18.0)
    return root


def _sound(name: str, part: pretty_midi.Instrument, duration_s: float) -> np.ndarray:
    time_s, sound = np.arange(round(duration_s * RATE)) / RATE, np.zeros(round(duration_s * RATE))
    for note in part.notes:
        first, last = round(note.start * RATE), round(note.end * RATE)
        at = time_s[: last - first]
        wave = np.random.default_rng(1).normal(0, 0.5, len(at)) if name == "S00" else 0
        wave = wave + np.sin(2 * np.pi * 440 * 2 ** ((note.pitch - 69) / 12) * at) * (name != "S00")
        sound[first:last] += 0.1 * wave * np.exp(-at * (0 if name == "S04" else 3))
    return sound


def _write_midi(path: Path, parts: list, beats_per_bar: int) -> None:
    midi = pretty_midi.PrettyMIDI(initial_tempo=60 / BEAT_S)
    midi.time_signature_changes.append(pretty_midi.TimeSignature(beats_per_bar, 4, 0))
    midi.instruments = parts
    midi.write(str(path))
