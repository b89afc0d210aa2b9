"""Sizes: which files make a network of each size, and where they are."""

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
        adapter: The adapter's file, see `adapter_of`; None for the decoder alone.
        device: `cpu` or `cuda`.
        precision: One of `PRECISIONS`.

    Raises:
        MissingComponent: a file is not here, with where it is looked for.
        BenchError: a file is damaged, there is no such device, or not memory enough on it.
    """
    codec, identity = codec_of(size, device)
    decoder, name = decoder_of(size, device, precision)
    identity = f"{name}, {identity}" if size == "mini" else name
    if codec.books != decoder.config.books:
        raise BenchError(f"{identity}: {codec.books} codebooks, the decoder has {decoder.config.books}; get them again")
    if adapter is None:
        return Network(codec, decoder, None, identity)
    adaptation, tensors = weights.read_adapter(adapter, decoder.config)
    trained = sum(math.prod(value.shape) for value in tensors.values())
    identity = f"{adapter.stem} {sha256_of(adapter)[:12]} on {identity}"
    if adaptation is None:
        return Network(codec, merged(decoder, tensors), None, identity, trained)
    return Network(codec, decoder, adaptation.to(device), identity, trained)


def room(size: str, device: str = "cpu", contrast: float = 1.0) -> memory.Room | None:
    """Return what one request at a size needs and what is free; no file is read. None for the mini size.

    Args:
        size: One of `SIZES`.
        device: `cpu` or `cuda`.
        contrast: As of the models; other than 1 it doubles the cache.

    Raises:
        BenchError: there is no such device.
    """
    _known(device)
    if size == "mini":
        return None
    return memory.room(DECODERS[size], dtype_of(size, device, "auto"), device, is_contrasted=contrast != 1)


def codec_of(size: str, device: str = "cpu") -> tuple[Codec, str]:
    """Return the codec of a size and its identity; raises as `network` does."""
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
    """The tokens of a size's codec, for `bench.training.tokens`; read where it is used, so it can go to a worker."""

    size: str
    device: str = "cpu"

    def encode(self, samples: Samples) -> Codes:
        """Return the tokens (K, T) of mono samples at 32 kHz."""
        found: Codes = codec_of(self.size, self.device)[0].encode([samples])[0].cpu().numpy().astype(np.int64)
        return found


def adapter_of(size: str, kind: str, controls: tuple[str, ...]) -> Path:
    """Return the file of a size's adapter: that of the one control, else the joint one, else the one for everything.

    Args:
        size: One of `SIZES`.
        kind: What its files are called by, e.g. `air-aligned`.
        controls: What will be followed.

    Raises:
        MissingComponent: there is none, with where it is looked for.
    """
    one = controls[0] if len(controls) == 1 else "joint"
    names = list(dict.fromkeys([f"{kind}-{size}-{one}", f"{kind}-{size}-joint", f"{kind}-{size}"]))
    if size == "mini":
        return _trained_here(names, " and ".join(controls) or "no control")
    folder = home() / kind
    for path in (folder / (name + suffix) for name in names for suffix in (".safetensors", ".pth")):
        if path.is_file():
            return path
    recipe = names[0] if names[0] in recipe_names() else ""
    about = f"or the published adapter, as {names[0]}.pth" if kind == "air" else ""
    path = folder / f"{names[0]}.safetensors"
    raise missing(path, f"{kind}-{size}", recipe=recipe, about=about, instead=f"{kind}-mini")


def adapter_called(name: str) -> Path:
    """Return the weight file that a path or the name of a shipped one means; raises `MissingComponent`."""
    path = Path(name)
    if path.suffix not in (".safetensors", ".pth", ".pt"):
        return shipped(name, f"adapter={name}")
    if not path.is_file():
        raise missing(path, f"adapter={name}", about="or give the name of a shipped adapter")
    return path


def _trained_here(names: list[str], followed: str) -> Path:
    needed_by = f"{names[-1]} for {followed}"
    for name in names:
        try:
            return shipped(name, needed_by, on="mini-language")
        except MissingComponent:
            continue
    if made := [name for name in names if name in recipe_names()]:
        return shipped(made[0], needed_by, on="mini-language", instead=_FLOOR)
    others = [name for name in recipe_names() if name.startswith(names[-1])]
    about = f"`bench train` makes it from a recipe of yours; there are {', '.join(others) or 'none like it'}"
    raise missing(home() / "mini" / f"{names[0]}.safetensors", needed_by, about=about, instead=_FLOOR)


def decoder_of(size: str, device: str = "cpu", precision: str = "auto") -> tuple[Decoder, str]:
    """Return the decoder of a size and its identity; raises as `network` does."""
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
    """Return what a precision means: float32 or bfloat16.

    Raises:
        UnknownName: none of `PRECISIONS`.
        BenchError: bfloat16 is asked of the mini size.
    """
    if precision not in PRECISIONS:
        raise UnknownName("precision", precision, PRECISIONS)
    if size == "mini" and precision == "bfloat16":
        raise BenchError("precision bfloat16: the mini size is float32 alone; leave it at auto")
    if precision == "auto":
        return "bfloat16" if size != "mini" and device == "cuda" else "float32"
    return precision


# What is read is kept for the systems that share it; the hash is an argument so that a changed file is read again.


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
