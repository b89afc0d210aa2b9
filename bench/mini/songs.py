"""Songs as tokens: every part of every training song, encoded once, and crops of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import streams
from bench.executor import executor
from bench.mini.tokens import Codes, Tokeniser
from bench.training import read_tensors, write_tensors
from bench.weights import sha256_of

Shorts = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Songs:
    """Tokens of whole tracks.

    Attributes:
        tracks: Names, in order.
        parts: By track and part, int16 (4, frames).
        silence: The tokens of silence (4,).
    """

    tracks: tuple[str, ...]
    parts: dict[tuple[str, str], Shorts]
    silence: Codes

    def place(self, rng: np.random.Generator, n: int) -> tuple[str, int]:
        """Draw a track and where a crop of `n` frames begins in it."""
        track = self.tracks[int(rng.integers(len(self.tracks)))]
        return track, int(rng.integers(self.parts[track, "mix"].shape[1] - n + 1))

    def crop(self, track: str, part: str, start: int, n: int) -> Codes:
        """Return tokens (4, n) of a part; `silence` is a part too."""
        if part == "silence":
            return np.repeat(self.silence[:, None], n, axis=1)
        return self.parts[track, part][:, start : start + n].astype(np.int64)


def prepared(
    data: Path, tokens: Path, manifests: Iterable[str], workers: int
) -> tuple[Tokeniser, list[tuple[streams.Streams, Songs]]]:
    """Return the tokeniser of a weight file, and for each manifest of `synthetic` its songs as sound and as tokens.

    Args:
        data: Folder of songs and tokens, shared by all trainings; what is there is left alone.
        tokens: The codebooks' weight file.
        manifests: Names.
        workers: Processes that make what is missing.
    """
    tokeniser, folder = Tokeniser.of(read_tensors(tokens)), data / f"codes-{sha256_of(tokens)[:12]}"
    found = []
    for name in manifests:
        sounds = streams.prepare("synthetic", name, data / "streams", workers=workers)
        found.append((sounds, encoded(sounds, tokeniser, folder, workers)))
    return tokeniser, found


def encoded(songs: streams.Streams, tokeniser: Tokeniser, folder: Path, workers: int) -> Songs:
    """Encode every part of every track, leaving finished files alone."""
    jobs = [(track, folder / f"{track}.safetensors") for track in songs.tracks]
    todo = [job for job in jobs if not job[1].is_file()]
    executor(workers).map(partial(_encode, songs, tokeniser), todo, "encoding")
    parts = {(track, part): codes for track, path in jobs for part, codes in read_tensors(path).items()}
    silence = tokeniser.encode(np.zeros(32000, dtype=np.float32))[:, 25]
    return Songs(songs.tracks, parts, silence)


def _encode(songs: streams.Streams, tokeniser: Tokeniser, job: tuple[str, Path]) -> None:
    track, path = job
    codes: dict[str, Any] = {
        part: tokeniser.encode(songs.whole(track, part)).astype(np.int16) for part in streams.PARTS
    }
    write_tensors(path, codes)
