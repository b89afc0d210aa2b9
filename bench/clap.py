"""CLAP: one way for all its checkpoints to embed sound and text, without the random crops of the usual one."""

from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.audio import Audio
from bench.errors import BenchError
from bench.music.loudness import at_loudness
from bench.runtime.weights import sha256_of
from bench.symbols import Frames

VERSION = 1
RATE = 48000
WINDOW_S, HOP_S = 10, 1
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_BATCH = 8
Vector = npt.NDArray[np.float64]


class Clap:
    """Unit vectors of windows of 10 s, one every second, by a checkpoint in the format of transformers.

    Wu et al., Large-scale contrastive language-audio pretraining (ICASSP 2023). Sound is brought to 48 kHz and -23
    LUFS; what is shorter than a window is repeated to fill it. A window is exactly what the model takes, so that
    nothing is left to crop at random: the published front end draws a place for anything longer, and for a model with
    feature fusion marks a random window as long, which is undone here.
    """

    kind = "embedding"

    def __init__(self, name: str, folder: Path, device: str = "cpu") -> None:
        """Take the plug's name and the checkpoint's folder; the model is loaded when first needed.

        Raises:
            BenchError: the folder holds no weights.
        """
        self._folder, self._device = folder, device
        weights = [folder / file for file in WEIGHT_FILES if (folder / file).is_file()]
        if not weights:
            raise BenchError(f"{folder}: holds no {' or '.join(WEIGHT_FILES)}; want a CLAP checkpoint of transformers")
        self.identity = (
            f"{name} v{VERSION} ({folder.name}, sha256 {sha256_of(weights[0])[:12]}, 48 kHz, windows {WINDOW_S} s, hop "
            f"{HOP_S} s, -23 LUFS, transformers {_short('transformers')}, torch {_short('torch')})"
        )

    @cached_property
    def _model(self) -> Any:
        from transformers import ClapModel
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        is_safe = (self._folder / WEIGHT_FILES[0]).is_file()
        try:
            model: Any = ClapModel.from_pretrained(
                self._folder, local_files_only=True, use_safetensors=is_safe, trust_remote_code=False
            )
        except Exception as error:  # What breaks in a stranger's files, transformers reports in many ways.
            raise self._unreadable(error) from error
        return model.float().eval().to(self._device)

    @cached_property
    def _front(self) -> Any:
        from transformers import ClapFeatureExtractor

        try:
            front = ClapFeatureExtractor.from_pretrained(self._folder, local_files_only=True)
        except Exception as error:
            raise self._unreadable(error) from error
        if (front.sampling_rate, front.nb_max_samples) != (RATE, WINDOW_S * RATE):
            raise BenchError(
                f"{self._folder}: its front end takes {front.nb_max_samples} samples at {front.sampling_rate} Hz, want "
                f"{WINDOW_S} s at {RATE} Hz"
            )
        return front

    def extract(self, audio: Audio) -> Frames:
        """Return (n_windows, d), rows of length 1; n_windows = 1 + floor(duration - 10 s) or 1, 0 without sound."""
        sound = Audio(audio.mono, audio.sample_rate).resampled(RATE).mono.astype(np.float64)
        if not len(sound):
            return Frames(np.zeros((0, int(self._model.config.projection_dim))), 1 / HOP_S)
        windows = windows_of(at_loudness(sound, RATE))
        found = [self._embedded(windows[k : k + _BATCH]) for k in range(0, len(windows), _BATCH)]
        return Frames(np.concatenate(found), 1 / HOP_S)

    def embed_text(self, text: str) -> Vector:
        """Return the prompt's unit vector, (d,).

        Raises:
            BenchError: the folder holds no tokenizer.
        """
        import torch
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:
            raise self._unreadable(error) from error
        with torch.inference_mode():
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=77).to(self._device)
            found = self._model.get_text_features(**tokens).pooler_output[0]
        return _unit(found.cpu().numpy().astype(np.float64))

    def _embedded(self, windows: npt.NDArray[np.float64]) -> Vector:
        import torch

        is_fused = bool(self._model.config.audio_config.enable_fusion)
        features = self._front(
            list(windows), sampling_rate=RATE, return_tensors="pt", truncation="fusion" if is_fused else "rand_trunc"
        )
        with torch.inference_mode():
            found = self._model.get_audio_features(
                input_features=features["input_features"].float().to(self._device),
                is_longer=torch.zeros(len(windows), 1, dtype=torch.bool, device=self._device),
            ).pooler_output
        return _unit(found.cpu().numpy().astype(np.float64))

    def _unreadable(self, error: Exception) -> BenchError:
        said = str(error).strip().splitlines() or ["no reason given"]
        return BenchError(f"{self._folder}: is no CLAP checkpoint of transformers ({type(error).__name__}: {said[0]})")


def windows_of(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (n, 480000) windows of mono sound at 48 kHz; less than one is repeated to fill it."""
    size = WINDOW_S * RATE
    if len(sound) < size:
        return np.resize(sound, size)[None]
    windows: npt.NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(sound, size)[:: HOP_S * RATE]
    return windows


def _short(package: str) -> str:
    """Return a package's version without patch level and build, which change no value that matters."""
    return ".".join(version(package).split(".")[:2])


def _unit(vectors: Vector) -> Vector:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
