"""Backbones: the decoder that an adapter is trained on, and the tokeniser of its codec."""

import copy
from dataclasses import dataclass, field
from pathlib import Path

from bench.air import weights
from bench.air.decoder import MUSICGEN, Decoder
from bench.air.memory import refuse_training_if_too_big
from bench.air.sizes import Speaker, codec_of, decoder_of, dtype_of
from bench.mini.tokens import Tokeniser as MiniTokeniser
from bench.runtime.tensors import read_tensors
from bench.runtime.weights import sha256_of
from bench.training.tokens import Tokeniser


@dataclass(frozen=True)
class Backbone:
    """The frozen parts of a training run.

    Attributes:
        decoder: The frozen decoder.
        tokeniser: Turns sound into the decoder's tokens.
        label: Name of the tokeniser, used in the folder of encoded songs.
        about: What the weight file's card says about decoder and codec, besides the weight files that a recipe needs.
    """

    decoder: Decoder
    tokeniser: Tokeniser
    label: str
    about: dict[str, str] = field(default_factory=dict)


def mini(tokens: Path, language: Path, device: str) -> Backbone:
    """Return the mini backbone, read from a codebook and a decoder file; raises `BenchError` if one is damaged."""
    decoder = weights.read_decoder(language).to(device).requires_grad_(False)
    return Backbone(decoder, MiniTokeniser.of(read_tensors(tokens)), f"mini-{sha256_of(tokens)[:12]}")


def published(size: str, device: str, m: int, batches: list[tuple[int, int]], is_changed: bool) -> Backbone:
    """Return the MusicGen backbone of a size, read from `$BENCH_WEIGHTS`.

    Args:
        size: One of `bench.air.decoder.MUSICGEN`.
        device: `cpu` or `cuda`.
        m: Prompt vectors per layer and type of frame.
        batches: Excerpts and frames per excerpt of each kind of step; each must fit into the GPU's memory.
        is_changed: Whether the training changes the decoder in place; it then gets a copy, since others share it.

    Raises:
        MissingComponent: MusicGen's files are missing.
        BenchError: a file is damaged, or a step does not fit into the GPU's memory; a CPU's memory is not checked.
    """
    for batch, n_frames in batches if device == "cuda" else []:
        dtype = dtype_of(size, device, "auto")
        refuse_training_if_too_big(f"musicgen-{size}", MUSICGEN[size], dtype, m, batch, n_frames)
    decoder, identity = decoder_of(size, device)
    codec = codec_of(size, device)[1]
    frozen = (copy.deepcopy(decoder) if is_changed else decoder).requires_grad_(False)
    return Backbone(frozen, Speaker(size, device), codec.replace(" ", "-"), {"decoder": identity, "codec": codec})
