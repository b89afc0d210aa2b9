"""Leaks: find what a request gives away of the sound in its holes."""

from pathlib import Path

import numpy as np

from bench.audio import Audio, read_audio
from bench.checking.wav import read_header
from bench.errors import BenchError
from bench.example import Request, read_request
from bench.music.likeness import _level, highest_correlation

SAME_SOUND = 0.95
"""Correlation at any lag from which a file counts as containing the sound of a hole; that of a copy with noise at
-10 dB. On the synthetic songs it is at most 0.74 between a drum stem and its mix, 0.53 for a rendered control, and 0.60
for a context with repeated bars."""


def scan(requests: Path, references: Path) -> list[str]:
    """List everything in requests that may give away the sound of their holes, one line each; empty for clean requests.

    Reported are files that are not part of a request, WAV chunks other than format and sound, bytes after the sound,
    holes that are not silent, and contexts or controls that correlate with the sound of a hole at some lag. Music that
    repeats itself exactly correlates with its context without being a leak; the line says so.

    Args:
        requests: Folder of the requests.
        references: Folder of their references.

    Raises:
        BenchError: a request or a reference cannot be read; the message names it.
    """
    return [
        line
        for folder in sorted(path for path in requests.iterdir() if path.is_dir())
        for line in scan_request(folder, read_audio(references / f"{folder.name}.wav"))
    ]


def scan_request(folder: Path, reference: Audio) -> list[str]:
    """List everything in one request that may give away the sound of its holes."""
    request = read_request(folder)
    allowed = {"request.yaml", "masked.wav", *(f"control-{kind}.wav" for kind in request.controls)}
    allowed |= {"control-chords.lab", "beats.txt"} if "chords" in request.controls else set()
    allowed |= {"control-piano.mid"} if "piano" in request.controls else set()
    lines = [
        f"{folder.name}: {path.name} is not part of the request"
        for path in folder.iterdir()
        if path.name not in allowed
    ]
    for path in sorted(folder.glob("*.wav")):
        try:
            lines += [f"{folder.name}: {path.name} {what}" for what in read_header(path).surplus]
        except BenchError as error:
            lines.append(str(error))
    return lines + _sounds(folder.name, request, reference)


def _sounds(name: str, request: Request, reference: Audio) -> list[str]:
    masked, mask = request.masked, request.mask
    hidden = mask.inside(masked.sample_rate)
    lines = [f"{name}: masked.wav is not silent in the hole"] if np.any(masked.mono[hidden]) else []
    if reference.n_samples != masked.n_samples:
        raise BenchError(f"{name}: the reference has {reference.n_samples} samples, the request {masked.n_samples}")
    for start, end in mask.holes_s:
        piece = _level(reference.cut(start, end).mono)
        sounds = {"masked.wav": masked} | {f"control-{kind}.wav": c.audio for kind, c in request.controls.items()}
        for file, audio in sounds.items():
            if (rho := highest_correlation(piece, _level(audio.mono))) >= SAME_SOUND:
                why = "the music repeats itself, or" if file == "masked.wav" else "the control is the whole music, or"
                lines.append(f"{name}: {file} holds the sound of the hole at {start:g} s ({rho:.1%}); {why} it leaks")
    return lines
