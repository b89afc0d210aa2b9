"""EnCodec as MusicGen uses it, read from a MusicGen folder in transformers' format."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.air.published import read_tensor_file, tensor_files
from bench.audio import Samples
from bench.errors import BenchError
from bench.mask import FRAME_RATE

_PREFIX = "audio_encoder."
_NORMS = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}
"""Names of the two parts of a weight-normalised weight: in the published files, made with an older torch, and here."""


class Encodec:
    """EnCodec: mono sound to the tokens (K, T) of residual codebooks at 50 Hz, and back."""

    keeps_phase = True

    def __init__(self, model: Any, device: str) -> None:
        """Take transformers' `EncodecModel`."""
        self._model, self._device = model.to(device), device
        self.sample_rate, self.books = int(model.config.sampling_rate), int(model.quantizer.num_quantizers)
        self.parameters = sum(value.numel() for value in model.parameters())

    def encode(self, sounds: list[Samples]) -> Tensor:
        """Return the tokens (B, K, T); one sound at a time, so that none depends on the others in the batch."""
        with torch.inference_mode():
            return torch.cat([self._encoded(sound) for sound in sounds])

    def _encoded(self, sound: Samples) -> Tensor:
        waves = torch.from_numpy(sound)[None, None].to(self._device)
        tokens: Tensor = self._model.encode(waves, bandwidth=self._model.config.target_bandwidths[-1]).audio_codes[0]
        return tokens[:, :, : len(sound) * FRAME_RATE // self.sample_rate]

    def decode(self, tokens: Tensor) -> list[Samples]:
        """Return the sounds of tokens (B, K, T), one at a time."""
        with torch.inference_mode():
            sounds = [self._model.decode(one[None, None], [None]).audio_values[0, 0] for one in tokens]
        return [sound.float().cpu().numpy().astype(np.float32) for sound in sounds]


def read_codec(folder: Path, device: str = "cpu") -> Encodec:
    """Read the codec from a MusicGen folder (its tensors begin with `audio_encoder.`) or from an EnCodec folder.

    Raises:
        BenchError: a file is missing or damaged, the codec is not mono at 50 Hz, or its tensors do not fit.
    """
    from transformers import EncodecConfig, EncodecModel

    try:
        keys = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = EncodecConfig(**keys.get("audio_encoder", keys))
        state = {name: v for path in tensor_files(folder) for name, v in read_tensor_file(path).items()}
        inner = {name.removeprefix(_PREFIX): v for name, v in state.items() if name.startswith(_PREFIX)} or state
        model = EncodecModel(config)
        model.load_state_dict({_renamed(name): value for name, value in inner.items()})
    except BenchError:
        raise
    except Exception as error:  # an unknown configuration may break the constructor in any way
        raise BenchError(
            f"{folder}: holds no readable EnCodec ({' '.join(str(error).split())[:300]}); get it again"
        ) from error
    if config.audio_channels != 1 or config.frame_rate != FRAME_RATE or config.normalize:
        raise BenchError(
            f"{folder}: EnCodec has {config.audio_channels} channels, {config.frame_rate} frames a second and "
            f"normalize={config.normalize}; want the mono codec of MusicGen (1, {FRAME_RATE}, False)"
        )
    return Encodec(model.eval(), device)


def _renamed(name: str) -> str:
    for old, new in _NORMS.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name
