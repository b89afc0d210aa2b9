"""FluidSynth: notes played by the program `fluidsynth` with a SoundFont."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.audio import read_audio
from bench.errors import BenchError, MissingComponent
from bench.symbols import DRUM_PROGRAM, Notes

TIMEOUT_S = 120.0
"""A song takes 2 s; some MIDI files made FluidSynth 2.3 write without end."""
_TICKS_PER_BEAT, _SHORTEST_S = 10000, 0.0002

Sound = npt.NDArray[np.float32]


def play(notes: Notes, font: Path, duration_s: float, sample_rate: int, kit: int | None = 0) -> Sound:
    """Return mono sound of round(duration_s * sample_rate) samples, without FluidSynth's reverb and chorus.

    Args:
        notes: Notes of any programs.
        font: An SF2 or SF3 file.
        duration_s: Seconds.
        sample_rate: Hz.
        kit: Program of the drum kit for notes of percussion; None if the font has it as an instrument, program 0.

    Raises:
        MissingComponent: the program is not installed.
        BenchError: it fails, or takes longer than two minutes.
    """
    n = round(duration_s * sample_rate)
    if not len(notes):
        return np.zeros(n, dtype=np.float32)
    with tempfile.TemporaryDirectory(prefix="fluid-") as folder:
        midi, wav = Path(folder, "notes.mid"), Path(folder, "sound.wav")
        _write(midi, notes, kit)
        command = ["fluidsynth", "-niq", "-R0", "-C0", f"-r{sample_rate}", "-Ofloat", "-Twav", f"-F{wav}"]
        command += ["-o", "synth.dynamic-sample-loading=1", str(font), str(midi)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, text=True)
        except FileNotFoundError as error:
            raise MissingComponent(
                "the program fluidsynth is missing; `bench setup corpus` says how to get it"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"fluidsynth {font}: was not done after {TIMEOUT_S:g} s") from error
        if done.returncode or not wav.is_file():
            raise BenchError(f"fluidsynth {font}: failed ({(done.stderr or done.stdout).strip()[-200:]})")
        sound = read_audio(wav).mono
    return np.pad(sound[:n], (0, max(n - len(sound), 0)))


def _write(path: Path, notes: Notes, kit: int | None) -> None:
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(resolution=_TICKS_PER_BEAT, initial_tempo=60.0)
    for program in np.unique(notes.programs):
        is_drum = bool(program == DRUM_PROGRAM)
        played = (kit or 0) if is_drum else int(program)
        instrument = pretty_midi.Instrument(played, is_drum=is_drum and kit is not None)
        chosen = notes.where(notes.programs == program)
        for (start, end), pitch, velocity in zip(chosen.intervals_s, chosen.pitches, chosen.velocities, strict=True):
            note = pretty_midi.Note(int(velocity), int(pitch), float(start), float(max(end, start + _SHORTEST_S)))
            instrument.notes.append(note)
        midi.instruments.append(instrument)
    midi.write(str(path))
