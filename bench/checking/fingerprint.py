"""Fingerprints: recognise a recording in another sound, whatever its gain, noise, codec or start time.

Landmarks after A. Wang, An industrial-strength audio search algorithm (ISMIR 2003): pairs of spectral peaks. Two sounds
of the same recording have many landmarks in common at one time offset; other sounds have few.
"""

import base64
import binascii
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.audio import Audio, is_silent, read_audio
from bench.errors import BenchError

RATE = 11025
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
MATCH = 0.05
"""Share of common landmarks from which two sounds count as the same recording. For the 48 synthetic test excerpts, with
noise at -20 dB, another gain and a Vorbis codec, the share is at least 0.13 with a song that contains the excerpt, at
least 0.074 with one that contains half of it, and at most 0.029 with another song. For 15 s of four real recordings it
is at least 0.32 with the recording itself and at most 0.002 with another."""
LIST_BYTES, SONG_BYTES = 64 * 2**20, 2**20
LIST_SONGS, UNPACKED_BYTES = 200_000, 4 * LIST_BYTES
"""Limits on the lines of a training list and on its unpacked landmarks, which are held in memory."""
LAST_FRAME = 2**20
"""Limit on a landmark's frame, over six hours: `agreement` counts offsets in an array as long as the largest."""
_SIZE, _HOP = 1024, 256
_NEAR_FRAMES, _NEAR_BINS, _FAN, _AHEAD, _APART = 12, 10, 6, 64, 128
_RANGE_DB = 60.0

Landmarks = npt.NDArray[np.uint32]
"""Shape (n, 2), sorted: hash of a pair of peaks, and the frame of its first peak."""


def fingerprint(audio: Audio) -> Landmarks:
    """Return the landmarks of a sound; none for silence and for sounds under 0.19 s."""
    sound = Audio(audio.mono, audio.sample_rate).resampled(RATE).mono
    if is_silent(sound) or len(sound) < 2 * _SIZE:
        return np.zeros((0, 2), np.uint32)
    from scipy.ndimage import maximum_filter

    frames = np.lib.stride_tricks.sliding_window_view(sound, _SIZE)[::_HOP]
    levels = 20 * np.log10(np.abs(np.fft.rfft(frames * np.hanning(_SIZE), axis=1)) + 1e-9)
    highest = maximum_filter(levels, (2 * _NEAR_FRAMES + 1, 2 * _NEAR_BINS + 1))
    times, bins = np.nonzero((levels == highest) & (levels > levels.max() - _RANGE_DB))
    rows = []
    for k in range(1, _FAN + 1):
        ahead, rise = times[k:] - times[:-k], bins[k:] - bins[:-k]
        near = (ahead > 0) & (ahead < _AHEAD) & (np.abs(rise) < _APART)
        pairs = (bins[:-k] << 16) | (bins[k:] << 6) | ahead
        rows.append(np.stack([pairs[near], times[:-k][near]], axis=1))
    return np.unique(np.concatenate(rows), axis=0).astype(np.uint32)


def agreement(excerpt: Landmarks, recording: Landmarks) -> float:
    """Return the share of an excerpt's landmarks, 0 to 1, that a recording has at one common offset within a frame.

    Without landmarks in either sound it is 0.
    """
    if not len(excerpt) or not len(recording):
        return 0.0
    first = np.searchsorted(recording[:, 0], excerpt[:, 0], "left")
    counts = np.searchsorted(recording[:, 0], excerpt[:, 0], "right") - first
    owner = np.repeat(np.arange(len(excerpt)), counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    offsets = recording[place, 1].astype(np.int64) - excerpt[owner, 1].astype(np.int64)
    if not len(offsets):
        return 0.0
    tally = np.bincount(offsets - offsets.min())
    best = np.convolve(tally, [1, 1, 1]).max()
    return min(float(best) / len(excerpt), 1.0)


def written(name: str, landmarks: Landmarks) -> str:
    """Return a song's line of a training list: its name, a tab, and its landmarks in base64."""
    packed = zlib.compress(landmarks.astype("<u4").tobytes(), 9)
    return f"{' '.join(name.split())}\t{base64.b64encode(packed).decode()}"


def training_list(folder: Path) -> Iterator[str]:
    """Yield a line for every song below a folder, in order of path.

    Raises:
        BenchError: a song cannot be read, or there is none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise BenchError(f"{folder}: holds no song ({', '.join(SUFFIXES)}); give the folder of those trained on")
    for path in paths:
        yield written(path.stem, fingerprint(read_audio(path)))


def read_list(path: Path) -> list[tuple[str, Landmarks]]:
    """Read a training list: one song per line, its name and, optionally, a tab and its landmarks.

    Raises:
        BenchError: the file cannot be read or is too large, or landmarks are damaged; the message names file and line.
    """
    try:
        if path.stat().st_size > LIST_BYTES:
            raise BenchError(f"{path}: {path.stat().st_size} bytes, want at most {LIST_BYTES}")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: cannot be read as a training list ({error})") from error
    if len(lines) > LIST_SONGS:
        raise BenchError(f"{path}: {len(lines)} lines, want at most {LIST_SONGS}")
    songs, n_bytes = [], 0
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            name, _, packed = line.partition("\t")
            landmarks = _unpacked(packed.strip(), f"{path}:{number}")
            if (n_bytes := n_bytes + landmarks.nbytes) > UNPACKED_BYTES:
                raise BenchError(f"{path}:{number}: landmarks of more than {UNPACKED_BYTES} bytes; leave songs out")
            songs.append((name.strip(), landmarks))
    return songs


def _unpacked(packed: str, where: str) -> Landmarks:
    if not packed:
        return np.zeros((0, 2), np.uint32)
    try:
        unzip = zlib.decompressobj()
        raw = unzip.decompress(base64.b64decode(packed, validate=True), SONG_BYTES)
        if unzip.unconsumed_tail or len(raw) % 8:
            raise ValueError(f"more than {SONG_BYTES} bytes, or no pairs of numbers")
    except (ValueError, zlib.error, binascii.Error) as error:
        raise BenchError(f"{where}: damaged landmarks ({error}); make them with `bench fingerprint`") from error
    values: Landmarks = np.frombuffer(raw, "<u4").reshape(-1, 2).astype(np.uint32)
    if values[:, 1].max(initial=0) > LAST_FRAME:
        raise BenchError(f"{where}: damaged landmarks (one lies at frame {values[:, 1].max()}, at most {LAST_FRAME})")
    return values[np.lexsort((values[:, 1], values[:, 0]))]


def overlap(
    training: Iterable[tuple[str, Landmarks]], names: Iterable[str], excerpts: Mapping[str, Landmarks]
) -> list[str]:
    """List the songs of a training list that have a test song's name or sound, one line per match.

    Args:
        training: Name and landmarks of every song trained on.
        names: Names of the test songs; those of 3 characters or fewer are not compared.
        excerpts: Landmarks of the test excerpts, by id.
    """
    known = {_plain(name): name for name in names if len(_plain(name)) > 3}
    lines = []
    for title, landmarks in training:
        plain = f" {_plain(title)} "
        lines += [
            f"'{title}' has the name of the test song {name}" for key, name in known.items() if f" {key} " in plain
        ]
        for excerpt, marks in excerpts.items():
            if (share := agreement(marks, landmarks)) >= MATCH:
                lines.append(
                    f"'{title}' is the recording of the test excerpt {excerpt} ({share:.0%} of landmarks agree)"
                )
    return lines


def _plain(name: str) -> str:
    """Return a name in lower case without accents, with one space for all that is neither letter nor digit."""
    bare = unicodedata.normalize("NFKD", Path(name).stem if name.endswith(SUFFIXES) else name)
    kept = "".join(c if c.isalnum() else " " for c in bare.casefold() if not unicodedata.combining(c))
    return " ".join(kept.split())
