"""The process in which madmom runs, apart from ours because madmom patches numpy; `bench.runtime.worker` starts it."""

import collections
import collections.abc
import importlib.util
import sys
import types
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.runtime.worker import serve

_FPS = 100


def _make_importable() -> None:
    """Restore names that madmom 0.16.1 needs and that newer Python, numpy and setuptools have removed."""
    collections.MutableSequence = collections.abc.MutableSequence  # type: ignore[attr-defined]
    for name, kind in {"float": float, "int": int, "bool": bool, "object": object}.items():
        if name not in np.__dict__:
            setattr(np, name, kind)
    if not hasattr(np, "in1d"):
        np.in1d = np.isin  # type: ignore[attr-defined]
    if importlib.util.find_spec("pkg_resources") is None:
        stand_in: Any = types.ModuleType("pkg_resources")
        stand_in.get_distribution = lambda name: types.SimpleNamespace(version=metadata.version(name))
        sys.modules["pkg_resources"] = stand_in


@cache
def _processors(task: str) -> tuple[Any, ...]:
    """Load the models of a task once."""
    from madmom.audio.chroma import DeepChromaProcessor
    from madmom.features import chords, downbeats, notes

    if task == "chords-deep":
        return DeepChromaProcessor(), chords.DeepChromaChordRecognitionProcessor()
    if task == "chords-cnn":
        return chords.CNNChordFeatureProcessor(), chords.CRFChordRecognitionProcessor()
    if task == "notes":
        return notes.RNNPianoNoteProcessor(), notes.NotePeakPickingProcessor(
            threshold=0.35, smooth=0.09, combine=0.05, fps=_FPS
        )
    if task == "beats":
        return downbeats.RNNDownBeatProcessor(), downbeats.DBNDownBeatTrackingProcessor([3, 4], fps=_FPS)
    raise ValueError(f"no such task: {task}")


def _decode_beats(tracker: Any, activations: Any) -> Any:
    """Decode activations as the tracker's `process` does, which fails with numpy 2: it stacks paths of unequal length.

    Returns:
        Times and positions in the bar, shape (n, 2).
    """
    strong = np.flatnonzero((activations >= tracker.threshold).any(axis=1))
    if not len(strong):
        return np.zeros((0, 2))
    first = strong[0]
    activations = activations[first : strong[-1] + 1]
    paths = [hmm.viterbi(activations) for hmm in tracker.hmms]
    best = int(np.argmax([log_probability for _, log_probability in paths]))
    path, hmm = paths[best][0], tracker.hmms[best]
    numbers = hmm.transition_model.state_space.state_positions[path].astype(int) + 1
    is_beat = np.concatenate([[False], hmm.observation_model.pointers[path] >= 1, [False]])
    edges = np.flatnonzero(np.diff(is_beat.astype(int))).reshape(-1, 2)
    frames = np.array([left + np.argmax(activations[left:right].max(axis=1)) for left, right in edges], dtype=int)
    return np.column_stack([(frames + first) / tracker.fps, numbers[frames]])


def _answer(task: str, samples: npt.NDArray[np.float32]) -> Any:
    """Run one task on mono sound at 44,100 Hz.

    Returns:
        Beats or notes, shape (n, 2); for chords, their starts in seconds and their labels.
    """
    from madmom.audio.signal import Signal

    features, decoder = _processors(task)
    signal = Signal(samples, sample_rate=44100, num_channels=1)
    activations = features(signal)
    if task == "beats":
        return np.asarray(_decode_beats(decoder, activations), dtype=np.float64)
    decoded = decoder(activations)
    if task == "notes":
        return np.asarray(decoded, dtype=np.float64).reshape(-1, 2)
    starts_s = np.array([start for start, _, _ in decoded], dtype=np.float64)
    return starts_s, np.array([label for _, _, label in decoded], dtype=np.str_)


if __name__ == "__main__":
    _make_importable()
    serve(_answer)
