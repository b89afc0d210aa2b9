"""Songs as tokens: every part of every training song, encoded once, and crops of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench.audio import Samples
from bench.errors import BenchError
from bench.runtime.executor import Executor, Serial
from bench.runtime.tensors import read_tensors, write_tensors
from bench.task import defaults
from bench.training.streams import Ears, Streams, prepare

Shorts = npt.NDArray[np.int16]
Codes = npt.NDArray[np.int64]


class Tokeniser(Protocol):
    """Sound to tokens at 50 Hz."""

    def encode(self, samples: Samples) -> Codes:
        """Return the tokens (K, T) of mono samples at 32 kHz."""
        ...


@dataclass(frozen=True, eq=False)
class Songs:
    """Tokens of whole tracks.

    Attributes:
        tracks: Names, in order.
        parts: By track and part, int16 (K, frames).
        silence: The tokens of silence (K,).
    """

    tracks: tuple[str, ...]
    parts: dict[tuple[str, str], Shorts]
    silence: Codes

    def place(self, rng: np.random.Generator, n: int) -> tuple[str, int]:
        """Draw a track and where a crop of `n` frames begins in it; raises `BenchError` where it is shorter."""
        track = self.tracks[int(rng.integers(len(self.tracks)))]
        room = self.parts[track, "mix"].shape[1] - n + 1
        if room < 1:
            raise BenchError(f"{track}: {room + n - 1} frames of 20 ms, the recipe asks for {n}; take shorter excerpts")
        return track, int(rng.integers(room))

    def crop(self, track: str, part: str, start: int, n: int) -> Codes:
        """Return tokens (K, n) of a part; `silence` is a part too."""
        if part == "silence":
            return np.repeat(self.silence[:, None], n, axis=1)
        return self.parts[track, part][:, start : start + n].astype(np.int64)


def encoded(songs: Streams, tokeniser: Tokeniser, folder: Path, executor: Executor) -> Songs:
    """Encode every part of every track, leaving finished files alone."""
    jobs = [(track, folder / f"{track}.safetensors") for track in songs.tracks]
    todo = [job for job in jobs if not job[1].is_file()]
    executor.map(partial(_encode, songs, tokeniser), todo, "encoding")
    parts = {(track, part): codes for track, path in jobs for part, codes in read_tensors(path).items()}
    silence = tokeniser.encode(np.zeros(32000, dtype=np.float32))[:, 25]
    return Songs(songs.tracks, parts, silence)


def _encode(songs: Streams, tokeniser: Tokeniser, job: tuple[str, Path]) -> None:
    track, path = job
    codes: dict[str, Any] = {part: tokeniser.encode(songs.whole(track, part)).astype(np.int16) for part in songs.parts}
    write_tensors(path, codes)


def of_dataset(
    dataset: str,
    manifests: Sequence[str],
    folder: Path,
    tokeniser: Tokeniser,
    label: str,
    *,
    parts: tuple[str, ...],
    duration_s: float,
    separator: str = "",
    executor: Executor | None = None,
    encoder: Executor | None = None,
) -> list[tuple[Streams, Songs]]:
    """Return every excerpt of a data set's manifests as sound and as tokens; what is there is left alone.

    What the data set does not know is heard in its mixes by the suite's extractors.

    Args:
        dataset: The data set plug's name.
        manifests: Names.
        folder: Where streams and tokens lie or will lie.
        tokeniser: Turns sound into tokens.
        label: Names the tokeniser; tokens of different ones lie apart.
        parts: The mix and the controls that are asked for.
        duration_s: Seconds of every excerpt, from its own start.
        separator: The extractor that hears the drums in every mix; empty for stems, and the usual one without.
        executor: Makes the sound of one excerpt per job.
        encoder: Makes its tokens.
    """
    ears = {**defaults().extractors, **({"drums": separator} if separator else {})}
    codes = folder / f"codes-{label}-{'-'.join(parts)}"
    streams, found = folder / f"{separator or 'stems'}-{duration_s:g}s", []
    for name in manifests:
        sounds = prepare(
            dataset, name, streams, parts=parts, duration_s=duration_s, executor=executor, are_whole=False,
            ears=Ears(tuple(sorted(ears.items())), bool(separator)),
        )  # fmt: skip
        found.append((sounds, encoded(sounds, tokeniser, codes / streams.name, encoder or Serial())))
    return found
