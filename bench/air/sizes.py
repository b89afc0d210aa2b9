"""Sizes: find and load the codec, decoder and adapter of each size."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.air import memory, weights
from bench.air.adapter import merged
from bench.air.decoder import MUSICGEN as DECODERS
from bench.air.decoder import Decoder
from bench.air.editor import Codec, Network
from bench.air.published import MUSICGEN, identity_of
from bench.audio import Samples
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.runtime.weights import home, missing, sha256_of, shipped
from bench.training.recipe import recipe_names
from bench.training.tokens import Codes

SIZES = ("mini", "small", "medium", "large")
PRECISIONS = ("auto", "float32", "bfloat16")
"""Of the decoder; the codec is always float32. `auto` is bfloat16 for a full size on a GPU, else float32."""
_MINI = "a model of the mini size"
_FLOOR = "retrieval"
TRAINING_DATA = {
    "mini": "synthetic-train songs alone, as recipes/ say",
    "full": "MusicGen's (arXiv 2306.05284, section 3.2); the adapter's as its own card says",
}


def network(size: str, adapter: Path | None = None, device: str = "cpu", precision: str = "auto") -> Network:
    """Return the network of a size.

    Args:
        size: One of `SIZES`.
        adapter: The adapter's file, e.g. from `adapter_of`; None for the decoder alone.
        device: `cpu` or `cuda`.
        precision: One of `PRECISIONS`.

    Raises:
        MissingComponent: a file is missing; the message says where it is looked for.
        BenchError: a file is damaged, the device does not exist, or it has too little memory.
    """
    codec, identity = codec_of(size, device)
    decoder, name = decoder_of(size, device, precision)
    identity = f"{name}, {identity}" if size == "mini" else name
    if codec.books != decoder.config.books:
        raise BenchError(
            f"{identity}: the codec has {codec.books} codebooks, the decoder {decoder.config.books}; get both again"
        )
    if adapter is None:
        return Network(codec, decoder, None, identity)
    adaptation, tensors = weights.read_adapter(adapter, decoder.config)
    trained = sum(math.prod(value.shape) for value in tensors.values())
    identity = f"{adapter.stem} {sha256_of(adapter)[:12]} on {identity}"
    if adaptation is None:
        return Network(codec, merged(decoder, tensors), None, identity, trained)
    return Network(codec, decoder, adaptation.to(device), identity, trained)


def room(size: str, device: str = "cpu", contrast: float = 1.0) -> memory.Room | None:
    """Return the memory that one request needs and that is free, without reading a file; None for the mini size.

    Args:
        size: One of `SIZES`.
        device: `cpu` or `cuda`.
        contrast: The models' option; unless it is 1, the cache doubles.

    Raises:
        BenchError: the device does not exist.
    """
    _known(device)
    if size == "mini":
        return None
    return memory.room(DECODERS[size], dtype_of(size, device, "auto"), device, is_contrasted=contrast != 1)


def codec_of(size: str, device: str = "cpu") -> tuple[Codec, str]:
    """Return the codec of a size and its identity; raises like `network`."""
    _known(device)
    if size == "mini":
        path = shipped("mini-codec", _MINI, on="mini-tokens", instead=_FLOOR)
        sha256 = sha256_of(path)
        return _mini_codec(path, sha256, device), f"mini-codec {sha256[:12]}"
    folder = _folder(size)
    sha256 = identity_of(folder)
    return _encodec(folder, sha256, device), f"encodec of musicgen-{size} {sha256}"


@dataclass(frozen=True)
class Speaker:
    """A tokeniser for `bench.training.tokens`; it loads the codec on first use, so that it can be sent to a worker."""

    size: str
    device: str = "cpu"

    def encode(self, samples: Samples) -> Codes:
        """Return the tokens (K, T) of mono samples at 32 kHz."""
        tokens: Codes = codec_of(self.size, self.device)[0].encode([samples])[0].cpu().numpy().astype(np.int64)
        return tokens


def adapter_of(size: str, kind: str, controls: tuple[str, ...]) -> Path:
    """Return the file of a size's adapter: the one for the control, else the joint one, else the one for all.

    Args:
        size: One of `SIZES`.
        kind: The first part of the files' names, e.g. `air-aligned`.
        controls: Kinds of controls to follow.

    Raises:
        MissingComponent: there is none; the message says where it is looked for.
    """
    one = controls[0] if len(controls) == 1 else "joint"
    names = list(dict.fromkeys([f"{kind}-{size}-{one}", f"{kind}-{size}-joint", f"{kind}-{size}"]))
    if size == "mini":
        return _mini_adapter(names, " and ".join(controls) or "no control")
    folder = home() / kind
    for path in (folder / (name + suffix) for name in names for suffix in (".safetensors", ".pth")):
        if path.is_file():
            return path
    recipe = names[0] if names[0] in recipe_names() else ""
    about = f"or the published adapter, as {names[0]}.pth" if kind == "air" else ""
    path = folder / f"{names[0]}.safetensors"
    raise missing(path, f"{kind}-{size}", recipe=recipe, about=about, instead=f"{kind}-mini")


def adapter_called(name: str) -> Path:
    """Return the adapter's file, given its path or the name of a shipped one; raises `MissingComponent`."""
    path = Path(name)
    if path.suffix not in (".safetensors", ".pth", ".pt"):
        return shipped(name, f"adapter={name}")
    if not path.is_file():
        raise missing(path, f"adapter={name}", about="or give the name of a shipped adapter")
    return path


def _mini_adapter(names: list[str], followed: str) -> Path:
    needed_by = f"{names[-1]} for {followed}"
    for name in names:
        try:
            return shipped(name, needed_by, on="mini-language")
        except MissingComponent:
            continue
    if made := [name for name in names if name in recipe_names()]:
        return shipped(made[0], needed_by, on="mini-language", instead=_FLOOR)
    others = [name for name in recipe_names() if name.startswith(names[-1])]
    similar = ", ".join(others) or "none"
    about = f"write a recipe of that name and run `bench train {names[0]}`; similar recipes: {similar}"
    raise missing(home() / "mini" / f"{names[0]}.safetensors", needed_by, about=about, instead=_FLOOR)


def decoder_of(size: str, device: str = "cpu", precision: str = "auto") -> tuple[Decoder, str]:
    """Return the decoder of a size and its identity; raises like `network`."""
    _known(device)
    dtype = dtype_of(size, device, precision)
    if size == "mini":
        path = shipped("mini-language", _MINI, on="mini-tokens", instead=_FLOOR)
        sha256 = sha256_of(path)
        return _mini_language(path, sha256, device), f"mini-language {sha256[:12]}"
    folder = _folder(size)
    sha256 = identity_of(folder)
    return _musicgen(folder, sha256, dtype, device), f"musicgen-{size} {sha256} {dtype}"


def dtype_of(size: str, device: str, precision: str) -> str:
    """Return the type that a precision stands for: `float32` or `bfloat16`.

    Raises:
        UnknownName: the precision is not one of `PRECISIONS`.
        BenchError: the mini size cannot run in bfloat16.
    """
    if precision not in PRECISIONS:
        raise UnknownName("precision", precision, PRECISIONS)
    if size == "mini" and precision == "bfloat16":
        raise BenchError("precision bfloat16: the mini size runs only in float32; leave precision at auto")
    if precision == "auto":
        return "bfloat16" if size != "mini" and device == "cuda" else "float32"
    return precision


# Loaded files are cached for the models that share them; the hash is an argument, so a changed file is reread.


@lru_cache(maxsize=2)
def _mini_codec(path: Path, sha256: str, device: str) -> Codec:
    from bench.mini.codec import Codec as MiniCodec

    return MiniCodec(path, device)


@lru_cache(maxsize=2)
def _encodec(folder: Path, sha256: str, device: str) -> Codec:
    from bench.air.encodec import read_codec

    return read_codec(folder, device)


@lru_cache(maxsize=2)
def _mini_language(path: Path, sha256: str, device: str) -> Decoder:
    return weights.read_decoder(path).to(device)


@lru_cache(maxsize=2)
def _musicgen(folder: Path, sha256: str, dtype: str, device: str) -> Decoder:
    memory.refuse_if_too_big(folder.name, weights.read_config(folder), dtype, device)
    return weights.read_transformers(folder, dtype).to(device)


def _known(device: str) -> None:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch finds no CUDA device here; leave it at cpu")


def _folder(size: str) -> Path:
    published = MUSICGEN[size]
    if not (published.folder / "config.json").is_file():
        raise published.missing(_MINI)
    return published.folder
