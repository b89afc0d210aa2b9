"""Songs as tokens: every part of every training song is encoded once; trainers draw crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench.audio import Samples
from bench.errors import BenchError
from bench.formats import dump_yaml, read_yaml
from bench.music.choice import chosen_for
from bench.paths import write_text
from bench.recordings.library import music_of
from bench.runtime.executor import Executor, Serial
from bench.runtime.tensors import read_tensors, write_tensors
from bench.task import EXTRACTED
from bench.training.streams import Fallbacks, Streams, prepare

Shorts = npt.NDArray[np.int16]
Codes = npt.NDArray[np.int64]


class Tokeniser(Protocol):
    """Turns sound into tokens at 50 Hz."""

    def encode(self, samples: Samples) -> Codes:
        """Return the tokens (K, T) of mono samples at 32 kHz."""
        ...


@dataclass(frozen=True, eq=False)
class Songs:
    """Tokens of whole tracks.

    Attributes:
        tracks: Names of the tracks, in order.
        parts: Tokens by track and part, int16 (K, frames).
        silence: The tokens of silence (K,).
    """

    tracks: tuple[str, ...]
    parts: dict[tuple[str, str], Shorts]
    silence: Codes

    def place(self, rng: np.random.Generator, n: int) -> tuple[str, int]:
        """Draw a track and the first frame of a crop of `n` frames; raises `BenchError` if the track is shorter."""
        track = self.tracks[int(rng.integers(len(self.tracks)))]
        room = self.parts[track, "mix"].shape[1] - n + 1
        if room < 1:
            raise BenchError(f"{track}: {room + n - 1} frames of 20 ms, the recipe asks for {n}; take shorter excerpts")
        return track, int(rng.integers(room))

    def crop(self, track: str, part: str, start: int, n: int) -> Codes:
        """Return the tokens (K, n) of a part from frame `start` on; `silence` is a part too."""
        if part == "silence":
            return np.repeat(self.silence[:, None], n, axis=1)
        return self.parts[track, part][:, start : start + n].astype(np.int64)


def encoded(songs: Streams, tokeniser: Tokeniser, folder: Path, executor: Executor) -> Songs:
    """Encode every part of every track; existing files are kept."""
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
    """Return every excerpt of a data set's manifests as sound and as tokens; existing files are kept.

    Parts that the data set does not have are extracted from its mixes by the default extractors for its music, taken
    once and written down beside the streams.

    Args:
        dataset: Name of the data set.
        manifests: Names of manifests.
        folder: Folder of streams and tokens.
        tokeniser: Turns sound into tokens.
        label: Name of the tokeniser, a part of the name of the tokens' folder.
        parts: The mix and the controls needed.
        duration_s: Seconds of every excerpt, from its own start.
        separator: The extractor that separates drums from every mix; empty for stems, or the default extractor if none.
        executor: Makes the sound of one excerpt per job.
        encoder: Makes the tokens of one excerpt per job.
    """
    codes = folder / f"codes-{label}-{'-'.join(parts)}"
    streams, sets = folder / f"{separator or 'stems'}-{duration_s:g}s", []
    extractors = _extractors(streams / "extractors.yaml", dataset) | ({"drums": separator} if separator else {})
    for name in manifests:
        sounds = prepare(
            dataset, name, streams, parts=parts, duration_s=duration_s, executor=executor, are_whole=False,
            fallbacks=Fallbacks(tuple(sorted(extractors.items())), bool(separator)),
        )  # fmt: skip
        sets.append((sounds, encoded(sounds, tokeniser, codes / streams.name, encoder or Serial())))
    return sets


def _extractors(path: Path, dataset: str) -> dict[str, str]:
    """Return the extractors by kind that the streams were begun with; the present defaults for new streams."""
    if not path.is_file():
        write_text(path, dump_yaml(chosen_for(music_of(dataset))))
    return {kind: str(name) for kind, name in read_yaml(path, EXTRACTED).items()}
