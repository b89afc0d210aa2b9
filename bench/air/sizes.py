"""Sizes: which files make a network of each size, and where they are."""

import math
from functools import cache
from pathlib import Path
from typing import Any

from bench.air import weights
from bench.air.adapter import merged
from bench.air.decoder import Decoder
from bench.air.editor import Codec, Network
from bench.errors import BenchError, MissingComponent
from bench.weights import home, sha256_of, shipped

SIZES = ("mini", "small", "medium", "large")


def network(size: str, kind: str, controls: tuple[str, ...], device: str = "cpu") -> Network:
    """Return the network of a size with its adapter for these controls.

    Args:
        size: One of `SIZES`.
        kind: What the adapter's files are called by, e.g. `air-aligned`; empty for the decoder alone.
        controls: What will be followed: the adapter of one control, or the joint one for several. Where a size has no
            adapter of its own for a control, the joint one is taken.
        device: `cpu` or `cuda`.

    Raises:
        MissingComponent: a file is not here, with where it is looked for.
        BenchError: a file is damaged, or there is no such device.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch finds no CUDA device here; leave it at cpu")
    codec, decoder, identity = _frozen(size, device)
    if not kind:
        return Network(codec, decoder, None, identity)
    path = _adapter(size, kind, controls)
    adaptation, tensors = weights.read_adapter(path, decoder.config)
    trained = sum(math.prod(value.shape) for value in tensors.values())
    identity = f"{path.stem} {sha256_of(path)[:12]} on {identity}"
    if adaptation is None:
        return Network(codec, merged(decoder, tensors), None, identity, trained)
    return Network(codec, decoder, adaptation.to(device), identity, trained)


def codec_of(size: str, device: str = "cpu") -> tuple[Codec, str]:
    """Return the codec of a size and its identity; raises as `network` does."""
    if size == "mini":
        return _mini_codec(device)
    from bench.air.encodec import read_codec

    folder = _folder(f"musicgen-{size}")
    return read_codec(folder, device), f"encodec of musicgen-{size} {_sha256_of_folder(folder)}"


@cache
def _mini_codec(device: str) -> tuple[Codec, str]:
    from bench.mini.codec import Codec as MiniCodec

    path = shipped("mini-codec")
    return MiniCodec(path, device), f"mini-codec {sha256_of(path)[:12]}"


@cache
def _frozen(size: str, device: str) -> tuple[Codec, Decoder, str]:
    codec, identity = codec_of(size, device)
    if size == "mini":
        path = shipped("mini-language")
        return codec, weights.read_decoder(path).to(device), f"mini-language {sha256_of(path)[:12]}, {identity}"
    folder = _folder(f"musicgen-{size}")
    dtype = "bfloat16" if device == "cuda" else "float32"
    decoder: Any = weights.read_transformers(folder, dtype).to(device)
    return codec, decoder, f"musicgen-{size} {_sha256_of_folder(folder)} {dtype}"


def _adapter(size: str, kind: str, controls: tuple[str, ...]) -> Path:
    """Return the adapter's file: of the one control, else the joint one."""
    one = controls[0] if len(controls) == 1 else "joint"
    names = list(dict.fromkeys([f"{kind}-{size}-{one}", f"{kind}-{size}-joint", f"{kind}-{size}"]))
    if size != "mini":
        folder = home() / kind
        for path in (folder / (name + suffix) for name in names for suffix in (".safetensors", ".pth")):
            if path.is_file():
                return path
        raise MissingComponent(f"{folder / names[0]}.safetensors: missing; put the adapter there or train it")
    for name in names:
        try:
            return shipped(name)
        except MissingComponent:
            continue
    return shipped(names[0])


def _folder(name: str) -> Path:
    folder = home() / name
    if not (folder / "config.json").is_file():
        raise MissingComponent(
            f"{name} is not in {folder}; put a copy of facebook/{name} there as transformers' save_pretrained writes it "
            "(code MIT, weights CC BY-NC 4.0); the systems that end in -mini run without it"
        )
    return folder


def _sha256_of_folder(folder: Path) -> str:
    return "+".join(sha256_of(path)[:8] for path in sorted(folder.glob("model*.safetensors")))
