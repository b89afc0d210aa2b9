"""Sequences: prefix and prediction side by side under the delay pattern, and the type of every step.

Heterogeneous adapter, arXiv 2402.09508, section 3: the prefix holds the given tokens where the song is visible and the
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
    """Where things stand in a sequence of `n_frames` prefix frames and as many predicted ones.

    Step s has as input, for book k, frame s - 1 - k (the pad token where there is none), and predicts frame s - k.

    Attributes:
        n_frames: T, frames of the excerpt.
        n_books: K.
    """

    n_frames: int
    n_books: int

    @property
    def n_steps(self) -> int:
        """Steps until the last book of the last frame is predicted: 2 T + K - 1."""
        return 2 * self.n_frames + self.n_books - 1

    def types(self, masked: npt.NDArray[np.bool_]) -> Tensor:
        """Return the type (..., n_steps) of every step: that of the frame whose first book it predicts.

        Args:
            masked: Flags (..., T), True = to be made anew.
        """
        prefix = np.where(masked, CONTROL, CONTEXT)
        prediction = np.where(masked, INPAINT, REPEAT)
        found = np.concatenate(
            [prefix, prediction, np.repeat(prediction[..., -1:], self.n_books - 1, axis=-1)], axis=-1
        )
        return torch.from_numpy(found)

    def inputs(self, frames: Tensor, pad: int) -> Tensor:
        """Delay the tokens (B, K, 2 T): return what every step sees (B, K, n_steps)."""
        return self.delayed(frames, pad)[:, :, :-1]

    def delayed(self, frames: Tensor, pad: int) -> Tensor:
        """Delay the tokens (B, K, 2 T): (B, K, n_steps + 1), the last column being what the last step predicts."""
        found = frames.new_full((*frames.shape[:2], self.n_steps + 1), pad)
        for k in range(self.n_books):
            found[:, k, k + 1 : k + 1 + frames.shape[2]] = frames[:, k]
        return found

    def targets(self, prediction: Tensor, ignored: int = -100) -> Tensor:
        """Return what steps T and on are to predict (B, K, T + K - 1) of the predicted tokens (B, K, T)."""
        n = self.n_frames + self.n_books - 1
        found = prediction.new_full((*prediction.shape[:2], n), ignored)
        for k in range(self.n_books):
            found[:, k, k : k + self.n_frames] = prediction[:, k]
        return found


def prefix_of(given: Tensor, control: Tensor, masked: Tensor) -> Tensor:
    """Return the prefix (B, K, T): the control's tokens where `masked` (B, T), the given ones elsewhere."""
    return torch.where(masked[:, None, :], control, given)
