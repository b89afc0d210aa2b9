"""Sequences: prefix and prediction one after the other in the delay pattern, and the type of every step.

Heterogeneous adapter (arXiv 2402.09508, section 3): the prefix holds the song's tokens where it is visible and the
control's where it is masked; the prediction is the whole excerpt. Delay pattern: MusicGen (arXiv 2306.05284, section
2.2).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

CONTROL, CONTEXT, INPAINT, REPEAT = range(4)
"""Types of frames: control in the prefix (masked), context in the prefix, prediction to inpaint (masked), prediction
that repeats the context."""
TYPES = 4


@dataclass(frozen=True)
class Layout:
    """The layout of a sequence of `n_frames` prefix frames and `n_frames` predicted frames.

    For codebook k, step s has frame s - 1 - k as input (the pad token if there is none) and predicts frame s - k.

    Attributes:
        n_frames: T, frames of the excerpt.
        n_books: Number of codebooks, K.
    """

    n_frames: int
    n_books: int

    @property
    def n_steps(self) -> int:
        """Steps until the last codebook of the last frame is predicted: 2 T + K - 1."""
        return 2 * self.n_frames + self.n_books - 1

    def types(self, masked: npt.NDArray[np.bool_]) -> Tensor:
        """Return the type of every step (..., n_steps): that of the frame whose first codebook it predicts.

        Args:
            masked: Flags (..., T); True where the frame is to be filled.
        """
        prefix = np.where(masked, CONTROL, CONTEXT)
        prediction = np.where(masked, INPAINT, REPEAT)
        types = np.concatenate(
            [prefix, prediction, np.repeat(prediction[..., -1:], self.n_books - 1, axis=-1)], axis=-1
        )
        return torch.from_numpy(types)

    def inputs(self, frames: Tensor, pad: int) -> Tensor:
        """Return the delayed input tokens of every step (B, K, n_steps) from tokens (B, K, 2 T)."""
        return self.delayed(frames, pad)[:, :, :-1]

    def delayed(self, frames: Tensor, pad: int) -> Tensor:
        """Delay tokens (B, K, 2 T) to (B, K, n_steps + 1); the last column is what the last step predicts."""
        delayed = frames.new_full((*frames.shape[:2], self.n_steps + 1), pad)
        for k in range(self.n_books):
            delayed[:, k, k + 1 : k + 1 + frames.shape[2]] = frames[:, k]
        return delayed

    def targets(self, prediction: Tensor, ignored: int = -100) -> Tensor:
        """Return the targets (B, K, T + K - 1) of the steps from T on, for the predicted tokens (B, K, T)."""
        n = self.n_frames + self.n_books - 1
        targets = prediction.new_full((*prediction.shape[:2], n), ignored)
        for k in range(self.n_books):
            targets[:, k, k : k + self.n_frames] = prediction[:, k]
        return targets


def prefix_of(given: Tensor, control: Tensor, masked: Tensor) -> Tensor:
    """Return the prefix (B, K, T): the control's tokens where `masked` (B, T), the song's elsewhere."""
    return torch.where(masked[:, None, :], control, given)
