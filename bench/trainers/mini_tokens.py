"""Trainer of the mini codec's codebooks: k-means on every part of the training songs, one codebook per step."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.mask import seed_of
from bench.mini.tokens import BOOKS, ENTRIES, HOP, SAMPLE_RATE, Tokeniser, features, nearest
from bench.runtime.executor import Executor
from bench.training import streams

Floats = npt.NDArray[np.float32]
_TRACK_S = 30.0
_THINNED = 3
"""Of parts other than the mix, only every third frame is used, since the outputs are mixes."""


class MiniTokens:
    """Makes one codebook per step."""

    def __init__(self, data: Path, sources: dict[str, str], seed: int) -> None:
        """Take the folder of songs, the manifests and the seed."""
        self._data, self._sources, self._seed = data, sources, seed
        self._books: dict[int, Floats] = {}

    def prepare(self, executor: Executor) -> None:
        """Make the streams and the rows of features to cluster."""
        self._rows, self._unseen = (
            _rows(streams.prepare("synthetic", name, self._data / "streams", executor=executor), seed, executor)
            for name, seed in ((self._sources["train"], self._seed), (self._sources["validation"], 10**6))
        )

    def step(self, k: int) -> dict[str, float]:
        """Make codebook `k`; return the share of the training rows' variance that it does not explain."""
        self._books[k] = _kmeans(self._rows[k], self._seed)
        return {"unexplained": 1 - _explained(self._rows[k], self._books[k])}

    def validate(self) -> dict[str, float]:
        """Return the share of the variance of validation songs' features that each codebook explains, at most 1."""
        return {f"explained_{k}": _explained(self._unseen[k], self._books[k]) for k in sorted(self._books)}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        import torch

        return {"books": {k: torch.from_numpy(book) for k, book in self._books.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint's state."""
        self._books = {k: book.numpy() for k, book in state["books"].items()}

    def tensors(self) -> dict[str, Any]:
        """Return the weight file's tensors: the codebooks in full precision."""
        return dict(Tokeniser(tuple(self._books[k] for k in range(BOOKS))).tensors())


def _rows(songs: streams.Streams, seed: int, executor: Executor) -> list[Floats]:
    """Return the features that each codebook quantises, (rows, d) each, of half a minute of every track."""
    rows_of_tracks = executor.map(partial(_rows_of, songs, seed), songs.tracks, "features")
    return [np.concatenate([rows[k] for rows in rows_of_tracks]) for k in range(BOOKS)]


def _rows_of(songs: streams.Streams, seed: int, track: str) -> list[Floats]:
    rng = np.random.default_rng(seed_of(track, seed))
    rows = []
    for part in streams.PARTS:
        n = round(_TRACK_S * SAMPLE_RATE)
        start = int(rng.integers((songs.n_samples - n) // HOP)) * HOP
        step = 1 if part == "mix" else _THINNED
        rows.append([band[::step] for band in features(songs.cut(track, part, start, n))])
    return [np.concatenate([r[k] for r in rows]) for k in range(BOOKS)]


def _kmeans(rows: Floats, seed: int) -> Floats:
    from sklearn.cluster import MiniBatchKMeans

    fitted = MiniBatchKMeans(
        ENTRIES, random_state=seed, batch_size=8192, max_iter=40, n_init=2, reassignment_ratio=0.001
    )
    return np.asarray(fitted.fit(rows).cluster_centers_, dtype=np.float32)


def _explained(rows: Floats, book: Floats) -> float:
    """Return 1 - (squared distances to the nearest entries) / (squared distances to the mean)."""
    left = rows - book[nearest(rows, book)]
    return float(1 - (left.astype(np.float64) ** 2).sum() / ((rows - rows.mean(axis=0)).astype(np.float64) ** 2).sum())


def build(
    folder: Path,
    data: Path,
    train: str = "synthetic-train-96",
    validation: str = "synthetic-validation-32",
    steps: int = BOOKS,
    seed: int = 1,
    device: str = "cpu",
) -> MiniTokens:
    """Return the trainer.

    Args:
        folder: Working folder of this training.
        data: Folder of songs and tokens, shared with other trainers.
        train: Manifest of training songs.
        validation: Manifest of validation songs.
        steps: One per codebook.
        seed: Seed of all random numbers.
        device: Not used: k-means runs on the processor.
    """
    return MiniTokens(data, {"train": train, "validation": validation}, seed)
