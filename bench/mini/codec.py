"""The mini codec: tokeniser and vocoder behind the interface of every codec, `bench.air.editor.Codec`."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.audio import Samples
from bench.errors import BenchError
from bench.mini import vocoder
from bench.mini.tokens import BOOKS, ENTRIES, HOP, SAMPLE_RATE, Tokeniser
from bench.runtime.tensors import read_tensors


class Codec:
    """Mono sound at 32 kHz to tokens (4, T) at 50 Hz and back; no phase is kept."""

    sample_rate, hop, books, entries = SAMPLE_RATE, HOP, BOOKS, ENTRIES
    keeps_phase = False

    def __init__(self, path: Path, device: str = "cpu") -> None:
        """Read the weight file.

        Raises:
            BenchError: the file is missing or damaged.
        """
        tensors = read_tensors(path)
        try:
            self.tokeniser = Tokeniser.of(tensors)
            for name, book in self.tokeniser.tensors().items():
                tensors[f"vocoder.book{name.removeprefix('tokens.')}"] = book
            self._vocoder, self._device = vocoder.of(tensors).to(device), device
        except (KeyError, ValueError, IndexError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BenchError(f"{path}: is not a mini codec ({reason}); train it or get it again") from error
        self.parameters = sum(value.numel() for value in self._vocoder.parameters())

    def encode(self, sounds: list[Samples]) -> Tensor:
        """Return the tokens (B, 4, T) of sounds of equal length."""
        return torch.from_numpy(np.stack([self.tokeniser.encode(sound) for sound in sounds])).to(self._device)

    def decode(self, tokens: Tensor) -> list[Samples]:
        """Return the sounds, 640 T samples each; one at a time, so that none depends on the others in the batch."""
        with torch.inference_mode():
            return [self._vocoder(one[None])[0].cpu().numpy().astype(np.float32) for one in tokens]
