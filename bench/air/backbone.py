"""Backbones: the frozen decoder that an adapter is trained on, and the tokens of its codec."""

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
    """What stays as it is while an adapter learns.

    Attributes:
        decoder: Frozen.
        tokeniser: Sound to its tokens.
        label: Names the tokeniser; what is encoded by different ones lies apart.
        about: What a card says of both beside the files that a recipe needs.
    """

    decoder: Decoder
    tokeniser: Tokeniser
    label: str
    about: dict[str, str] = field(default_factory=dict)


def mini(tokens: Path, language: Path, device: str) -> Backbone:
    """Return the mini universe's, from the files of codebooks and decoder; raises `BenchError` where one is damaged."""
    decoder = weights.read_decoder(language).to(device).requires_grad_(False)
    return Backbone(decoder, MiniTokeniser.of(read_tensors(tokens)), f"mini-{sha256_of(tokens)[:12]}")


def published(size: str, device: str, m: int, batches: list[tuple[int, int]], is_changed: bool) -> Backbone:
    """Return MusicGen's of a size, from `$BENCH_WEIGHTS`.

    Args:
        size: One of `bench.air.decoder.MUSICGEN`.
        device: `cpu` or `cuda`.
        m: Prompt vectors a layer and type of frame.
        batches: Excerpts and frames of each kind of step; on a GPU each has to fit.
        is_changed: Whether the training changes the decoder in place, which others share.

    Raises:
        MissingComponent: its files are not here.
        BenchError: one is damaged, or a step does not fit into memory; a CPU is not asked for the latter.
    """
    for batch, n_frames in batches if device == "cuda" else []:
        dtype = dtype_of(size, device, "auto")
        refuse_training_if_too_big(f"musicgen-{size}", MUSICGEN[size], dtype, m, batch, n_frames)
    decoder, identity = decoder_of(size, device)
    codec = codec_of(size, device)[1]
    frozen = (copy.deepcopy(decoder) if is_changed else decoder).requires_grad_(False)
    return Backbone(frozen, Speaker(size, device), codec.replace(" ", "-"), {"decoder": identity, "codec": codec})
