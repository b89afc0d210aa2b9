"""Spectrogram: a sound as a small PNG in one colour, darker where louder, drawn with numpy alone."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

from bench.audio import Audio

Floats = npt.NDArray[np.float64]
WIDTH, HEIGHT = 720, 88
RANGE_DB = 66.0
_N_FFT, _LOW_HZ, _HIGH_HZ = 2048, 50.0, 14000.0
_SHADES = 24
_PAPER, _INK = np.array([255.0, 255.0, 255.0]), np.array([9.0, 30.0, 66.0])


def levels(audio: Audio) -> Floats:
    """Return the power in dB, shape (HEIGHT, WIDTH): rows are bands, high ones first; columns are times.

    Bands are a constant ratio apart and at least one bin of the transform wide.
    """
    sound = np.pad(audio.mono.astype(np.float64), _N_FFT // 2)
    starts = np.linspace(0, max(len(sound) - _N_FFT, 0), WIDTH).astype(np.int64)
    window = np.hanning(_N_FFT)
    frames = sound[np.minimum(starts[:, None] + np.arange(_N_FFT), len(sound) - 1)] * window
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / (window**2).sum()
    level_db: Floats = 10 * np.log10(np.maximum(power @ _bands(audio.sample_rate).T, 1e-10)).T[::-1]
    return level_db


def picture(level_db: Floats, top_db: float) -> bytes:
    """Return levels as a PNG; `top_db` is darkest, and levels RANGE_DB or more below it are white."""
    share = np.clip(1 + (level_db - top_db) / RANGE_DB, 0, 1)
    shades = np.rint(share**1.4 * (_SHADES - 1)).astype(np.uint8)
    steps = np.linspace(0, 1, _SHADES)[:, None]
    palette = np.rint(_PAPER + steps * (_INK - _PAPER)).astype(np.uint8)
    # Blue fades last, so that faint levels are coloured and loud ones are nearly black.
    palette[:, 2] = np.rint(255 - steps[:, 0] ** 1.8 * 180).astype(np.uint8)
    return png(shades, palette)


def png(shades: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture of palette indices, shape (height, width), as a PNG without date or name."""
    height, width = shades.shape
    lines = np.hstack([np.zeros((height, 1), np.uint8), shades]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, inside) for kind, inside in chunks)


def _chunk(kind: bytes, inside: bytes) -> bytes:
    return struct.pack(">I", len(inside)) + kind + inside + struct.pack(">I", zlib.crc32(kind + inside))


def _bands(sample_rate: int) -> Floats:
    """Return triangular bands, shape (HEIGHT, bins), low ones first; every band's weights sum to 1."""
    bins = np.fft.rfftfreq(_N_FFT, 1 / sample_rate)
    edges = np.geomspace(_LOW_HZ, min(_HIGH_HZ, sample_rate / 2), HEIGHT + 2)
    reach = np.maximum(np.diff(edges), bins[1])
    rise = (bins - edges[1:-1, None]) / reach[:-1, None] + 1
    fall = (edges[1:-1, None] - bins) / reach[1:, None] + 1
    weight = np.maximum(0, np.minimum(rise, fall))
    result: Floats = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    return result
