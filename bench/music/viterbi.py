"""The Viterbi algorithm where every change of class costs the same."""

import numpy as np
import numpy.typing as npt


def path(scores: npt.NDArray[np.float64], change_cost: float) -> npt.NDArray[np.int64]:
    """Return the sequence of classes with the highest sum of scores (T, classes) minus `change_cost` per change.

    It is the Viterbi algorithm; changes cost the same, so the best predecessor is the same class or the best of all.
    """
    n_frames, n_classes = scores.shape
    total, came_from = scores[0].copy(), np.zeros((n_frames, n_classes), dtype=np.int64)
    stay = np.arange(n_classes)
    for t in range(1, n_frames):
        best = int(np.argmax(total))
        moves = total[best] - change_cost > total
        came_from[t] = np.where(moves, best, stay)
        total = np.where(moves, total[best] - change_cost, total) + scores[t]
    states = np.zeros(n_frames, dtype=np.int64)
    states[-1] = int(np.argmax(total))
    for t in range(n_frames - 1, 0, -1):
        states[t - 1] = came_from[t, states[t]]
    return states
