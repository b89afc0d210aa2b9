"""Sounds: the tracks of an example at equal loudness, as Opus with reproducible bytes."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.audio import Audio, is_silent, read_audio
from bench.errors import BenchError
from bench.example import Example
from bench.music.loudness import loudness

TARGET_LUFS = -18.0
PEAK = 0.9
"""Largest peak of an example's tracks; the headroom is for the codec's overshoot."""
MOST_DB = 30.0
RATE = 48000
SMALL, FINE = 0.85, 0.7
"""libsndfile's compression level: about 45 kbit/s for the site, 83 kbit/s for listening tests."""


@dataclass(frozen=True, eq=False)
class Track:
    """A sound of an example.

    Attributes:
        name: `original`, `masked`, `control: KIND`, or a system's name.
        audio: The sound, at its original level.
        system: Whether it is a system's output.
    """

    name: str
    audio: Audio
    system: bool = False


def tracks_of(example: Example, outputs: Sequence[tuple[str, Path]]) -> tuple[list[Track], list[str]]:
    """Return the tracks of an example, and a sentence for every output that cannot be played."""
    tracks = [Track("original", example.reference), Track("masked", example.request.masked)]
    tracks += [Track(f"control: {kind}", control.audio) for kind, control in example.request.controls.items()]
    troubles = []
    for system, path in outputs:
        try:
            audio = read_audio(path, example.reference.duration_s + 1)
        except BenchError:
            troubles.append(f"{system}: its output cannot be read as sound, or is far too long.")
            continue
        if (audio.n_samples, audio.sample_rate) == (example.reference.n_samples, example.reference.sample_rate):
            tracks.append(Track(system, audio, system=True))
        else:
            troubles.append(f"{system}: its output has another length or rate than the original.")
    return tracks, troubles


def gains_db(tracks: Sequence[Track]) -> list[float]:
    """Return the gains that bring all tracks to the same loudness (LUFS of the whole), in steps of 0.1 dB.

    Silence has gain 0. If a track would clip, all gains are lowered by the same amount.
    """
    wanted = [_gain_db(track.audio) for track in tracks]
    peaks = [
        float(np.abs(track.audio.mono).max()) * 10 ** (gain / 20) for track, gain in zip(tracks, wanted, strict=True)
    ]
    over = max(0.0, 20 * np.log10(max([*peaks, 1e-9]) / PEAK))
    down = np.ceil(10 * over) / 10
    return [round(float(gain - down), 1) for gain in wanted]


def louder(audio: Audio, gain_db: float) -> Audio:
    """Return the sound as mono with a gain applied."""
    return Audio(audio.mono * np.float32(10 ** (gain_db / 20)), audio.sample_rate)


def opus(audio: Audio, compression: float = SMALL) -> bytes:
    """Return mono sound as Opus in Ogg at 48 kHz, of exactly the same length."""
    import soundfile

    sound, out = np.clip(audio.resampled(RATE).mono, -1, 1), io.BytesIO()
    soundfile.write(out, sound, RATE, format="OGG", subtype="OPUS", compression_level=compression)
    return _unnumbered(out.getvalue())


def _gain_db(audio: Audio) -> float:
    if is_silent(audio.mono):
        return 0.0
    return round(float(np.clip(TARGET_LUFS - loudness(audio), -MOST_DB, MOST_DB)), 1)


def _unnumbered(stream: bytes) -> bytes:
    """Return an Ogg stream with serial number 0 (the encoder draws it at random) and its checksums recomputed."""
    pages, at = [], 0
    while at < len(stream):
        n_segments = stream[at + 26]
        end = at + 27 + n_segments + sum(stream[at + 27 : at + 27 + n_segments])
        page = bytearray(stream[at:end])
        page[14:18] = page[22:26] = bytes(4)
        page[22:26] = _checksum(page).to_bytes(4, "little")
        pages.append(bytes(page))
        at = end
    return b"".join(pages)


def _checksum(page: bytes | bytearray) -> int:
    """Return Ogg's CRC-32: polynomial 0x04c11db7, from 0, not reflected."""
    value, table = 0, _table()
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24 ^ byte]
    return value


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
        table.append(value)
    return tuple(table)
