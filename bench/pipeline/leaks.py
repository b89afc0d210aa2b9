"""Leaks: what a request tells that it must not, and outputs that are too like what they should be found out by."""

from pathlib import Path

import numpy as np

from bench.audio import Audio, read_audio
from bench.checking.wav import read_header
from bench.errors import BenchError
from bench.example import Request, read_request
from bench.music.likeness import _level, highest_correlation

SAME_SOUND = 0.95
"""Correlation at any lag from which a file counts as holding the hole's own sound: a copy under noise 10 dB below it.
On the synthetic songs a drum stem reaches 0.74 with its mix, a rendered control 0.53, the context 0.60 where bars
recur."""


def scan(requests: Path, references: Path) -> list[str]:
    """List what requests tell of the sound in their holes, one line each; nothing for a clean folder.

    Looked at: files that nothing declares; chunks of a WAV beside sound and format, and bytes behind them; holes that
    are not silent; and the sound of a hole, found by correlation at any lag in the context or in a control. Music that
    repeats itself to the sample is found in its context too, and is no leak: the line says so.

    Raises:
        BenchError: a request or a reference cannot be read, naming it.
    """
    return [
        line
        for home in sorted(path for path in requests.iterdir() if path.is_dir())
        for line in scan_request(home, read_audio(references / f"{home.name}.wav"))
    ]


def scan_request(home: Path, reference: Audio) -> list[str]:
    """List what one request tells of its holes."""
    request = read_request(home)
    allowed = {"request.yaml", "masked.wav", *(f"control-{kind}.wav" for kind in request.controls)}
    allowed |= {"control-chords.lab", "beats.txt"} if "chords" in request.controls else set()
    allowed |= {"control-piano.mid"} if "piano" in request.controls else set()
    lines = [f"{home.name}: {path.name} is declared by nothing" for path in home.iterdir() if path.name not in allowed]
    for path in sorted(home.glob("*.wav")):
        try:
            lines += [f"{home.name}: {path.name} {what}" for what in read_header(path).surplus]
        except BenchError as error:
            lines.append(str(error))
    return lines + _sounds(home.name, request, reference)


def _sounds(name: str, request: Request, reference: Audio) -> list[str]:
    masked, mask = request.masked, request.mask
    hidden = mask.inside(masked.sample_rate)
    lines = [f"{name}: masked.wav is not silent in the hole"] if np.any(masked.mono[hidden]) else []
    if reference.n_samples != masked.n_samples:
        raise BenchError(f"{name}: the reference has {reference.n_samples} samples, the request {masked.n_samples}")
    for start, end in mask.holes_s:
        piece = _level(reference.cut(start, end).mono)
        told = {"masked.wav": masked} | {f"control-{kind}.wav": c.audio for kind, c in request.controls.items()}
        for file, audio in told.items():
            if (rho := highest_correlation(piece, _level(audio.mono))) >= SAME_SOUND:
                why = "the music repeats itself, or" if file == "masked.wav" else "the control is the whole music, or"
                lines.append(f"{name}: {file} holds the sound of the hole at {start:g} s ({rho:.1%}); {why} it leaks")
    return lines
