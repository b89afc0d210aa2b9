"""CLAP embeddings: LAION's for music, LAION's for general sound, or your own checkpoint (needs `bench setup`).

One plug per checkpoint: `music` (laion/larger_clap_music), `htsat-unfused` (laion/clap-htsat-unfused, general sound)
and `folder` (your own, in the format of transformers, in $BENCH_WEIGHTS/clap-folder).
"""

from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.audio import Audio
from bench.errors import BenchError
from bench.music.loudness import at_loudness
from bench.runtime.weights import File, Weights, sha256_of
from bench.symbols import Frames

SIZES = ("music", "htsat-unfused", "folder")
VERSION = 1
RATE = 48000
WINDOW_S, HOP_S = 10, 1
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_BATCH = 8
_HUB = "https://huggingface.co/laion"
_MUSIC = f"{_HUB}/larger_clap_music/resolve/a0b4534a14f58e20944452dff00a22a06ce629d1"
_UNFUSED = f"{_HUB}/clap-htsat-unfused/resolve/8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a"
WEIGHTS = (
    Weights(
        name="clap-music",
        description="laion/larger_clap_music, the embedding of clap-music",
        licence="Apache 2.0",
        files=(
            File(
                "config.json",
                f"{_MUSIC}/config.json",
                "2d7722d338bb83ea8824272b1431f088954d3425d79eb3c2d39489478516dc03",
            ),
            File(
                "pytorch_model.bin",
                f"{_MUSIC}/pytorch_model.bin",
                "5c289311f4a030d768af7ffbfdecd01b008aa64824211899a4e59f4f9d154fd1",
            ),
            File(
                "preprocessor_config.json",
                f"{_MUSIC}/preprocessor_config.json",
                "9739f58296aa6f9ac18008fd0150fb2649bc554985fbde86d0a4041c882ac753",
            ),
            File(
                "vocab.json", f"{_MUSIC}/vocab.json", "ed19656ea1707df69134c4af35c8ceda2cc9860bf2c3495026153a133670ab5e"
            ),
            File(
                "merges.txt", f"{_MUSIC}/merges.txt", "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
            ),
        ),
    ),
    Weights(
        name="clap-htsat-unfused",
        description="laion/clap-htsat-unfused, the embedding of clap-htsat-unfused",
        licence="Apache 2.0",
        files=(
            File("config.json", f"{_UNFUSED}/config.json", ""),
            File(
                "pytorch_model.bin",
                f"{_UNFUSED}/pytorch_model.bin",
                "1cd3c601bc4afe0fa87be3de4c13dd2cfadd249fac1e29acf74a9b296c3219bb",
            ),
            File("preprocessor_config.json", f"{_UNFUSED}/preprocessor_config.json", ""),
            File("vocab.json", f"{_UNFUSED}/vocab.json", ""),
            File("merges.txt", f"{_UNFUSED}/merges.txt", ""),
        ),
    ),
    Weights(
        name="clap-folder",
        description="a CLAP checkpoint of your own in the format of transformers",
        licence="yours to know",
        files=(File("config.json", ""), File(WEIGHT_FILES[0], ""), File("preprocessor_config.json", "")),
    ),
)
Vector = npt.NDArray[np.float64]


class Clap:
    """Unit vectors of windows of 10 s with a hop of 1 s, by a checkpoint in the format of transformers.

    Wu et al., Large-scale contrastive language-audio pretraining (ICASSP 2023). Sound is resampled to 48 kHz and set to
    -23 LUFS; sound shorter than a window is repeated to fill it. A window has exactly the length of the model's input,
    so that nothing is random: the published front end crops longer input at a random place and, for a model with
    feature fusion, marks a random window as long; that mark is cleared here.
    """

    kind = "embedding"

    def __init__(self, name: str, folder: Path, device: str = "cpu") -> None:
        """Take the plug's name and the checkpoint's folder; the model is loaded at its first use.

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
        except Exception as error:  # transformers raises errors of many types for damaged files.
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
        """Return (n_windows, d), rows of length 1; n_windows = 1 + floor(duration - 10 s), at least 1; 0 if empty."""
        sound = Audio(audio.mono, audio.sample_rate).resampled(RATE).mono.astype(np.float64)
        if not len(sound):
            return Frames(np.zeros((0, int(self._model.config.projection_dim))), 1 / HOP_S)
        windows = windows_of(at_loudness(sound, RATE))
        embedded = [self._embedded(windows[k : k + _BATCH]) for k in range(0, len(windows), _BATCH)]
        return Frames(np.concatenate(embedded), 1 / HOP_S)

    def embed_text(self, text: str) -> Vector:
        """Return the unit vector of a prompt, (d,).

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
            embedded = self._model.get_text_features(**tokens).pooler_output[0]
        return _unit(embedded.cpu().numpy().astype(np.float64))

    def _embedded(self, windows: npt.NDArray[np.float64]) -> Vector:
        import torch

        is_fused = bool(self._model.config.audio_config.enable_fusion)
        features = self._front(
            list(windows), sampling_rate=RATE, return_tensors="pt", truncation="fusion" if is_fused else "rand_trunc"
        )
        with torch.inference_mode():
            embedded = self._model.get_audio_features(
                input_features=features["input_features"].float().to(self._device),
                is_longer=torch.zeros(len(windows), 1, dtype=torch.bool, device=self._device),
            ).pooler_output
        return _unit(embedded.cpu().numpy().astype(np.float64))

    def _unreadable(self, error: Exception) -> BenchError:
        reason = str(error).strip().splitlines() or ["no reason given"]
        return BenchError(
            f"{self._folder}: not a CLAP checkpoint of transformers ({type(error).__name__}: {reason[0]})"
        )


def build(size: str = "music") -> Clap:
    """Return the embedding of one checkpoint.

    Args:
        size: `music`, `htsat-unfused` or `folder`.

    Raises:
        MissingComponent: the checkpoint's files are missing.
    """
    weights = next(one for one in WEIGHTS if one.name == f"clap-{size}")
    return Clap(weights.name, weights.find("logmel-stats"))


def windows_of(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (n, 480000) windows of mono sound at 48 kHz; sound shorter than a window is repeated to fill it."""
    size = WINDOW_S * RATE
    if len(sound) < size:
        return np.resize(sound, size)[None]
    windows: npt.NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(sound, size)[:: HOP_S * RATE]
    return windows


def _short(package: str) -> str:
    """Return a package's version without patch level and build, which do not change embeddings."""
    return ".".join(version(package).split(".")[:2])


def _unit(vectors: Vector) -> Vector:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
