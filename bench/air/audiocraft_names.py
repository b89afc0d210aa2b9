"""Rename the tensors of a MusicGen language model from audiocraft's names to transformers' and back, bit for bit.

`bench.air.decoder` uses transformers' names. Cross-attention and text projection are kept, though that decoder does not
read them, so that a file can be converted back. audiocraft stacks the query, key and value matrices into one.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from bench.air.decoder import Config
from bench.errors import BenchError

HEAD_WIDTH = 64
"""Channels per head in every published size."""
TEXT = "condition_provider.conditioners.description.output_proj"
_ATTENTIONS = {"self_attn": "self_attn", "cross_attention": "encoder_attn"}
_NORMS = {"norm1": "self_attn_layer_norm", "norm_cross": "encoder_attn_layer_norm", "norm2": "final_layer_norm"}
_LINEARS = {"linear1": "fc1", "linear2": "fc2"}


def to_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return audiocraft's tensors under transformers' names, without the leading `decoder.model.decoder.`.

    Every tensor is kept, bit for bit; a stacked projection is split into three.

    Raises:
        BenchError: a tensor has no counterpart (all are named), or a stacked projection has the wrong shape.
    """
    table = _names(state)
    _refuse_unknown(state, table, "audiocraft's MusicGen")
    renamed = {}
    for name, value in state.items():
        names = table[name]
        if len(names) == 3 and (value.dim() != 2 or value.shape[0] != 3 * value.shape[1]):
            raise BenchError(f"{name}: is {tuple(value.shape)}, want three square matrices stacked")
        parts = value.chunk(3) if len(names) == 3 else (value,)
        renamed.update({to: part.clone() for to, part in zip(names, parts, strict=True)})
    return renamed


def to_audiocraft(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with transformers' names, with or without the leading `decoder.`, under audiocraft's names.

    Every tensor is kept, bit for bit.

    Raises:
        BenchError: a tensor has no counterpart or is given twice, or one of an attention's three projections is missing
            or has the wrong shape.
    """
    short = {short_name(name): value for name, value in tensors.items()}
    if len(short) < len(tensors):
        raise BenchError("a tensor is named both with and without a leading decoder.; give each once")
    return _stacked(short)


def config_of(tensors: Mapping[str, Tensor], heads: int | None = None) -> Config:
    """Return the sizes of a decoder, read from its tensors.

    Args:
        tensors: By transformers' names.
        heads: Attention heads, which no tensor's shape shows; None for one per 64 channels, as in every published size.

    Raises:
        BenchError: tensors are missing, or the width is not a multiple of the heads.
    """
    try:
        rows, width = tensors["embed_tokens.0.weight"].shape
        ffn = tensors["layers.0.fc1.weight"].shape[0]
    except (KeyError, ValueError) as error:
        raise BenchError(f"is not a MusicGen decoder ({error!r}); give the state dict of a language model") from error
    heads = max(width // HEAD_WIDTH, 1) if heads is None else heads
    if not isinstance(heads, int) or heads < 1 or width % heads:
        raise BenchError(f"{heads} heads do not divide {width} channels; give the number of heads in the configuration")
    return Config(
        width, _count(tensors, r"layers\.(\d+)\."), heads, ffn, _count(tensors, r"lm_heads\.(\d+)\."), rows - 1
    )


def short_name(name: str) -> str:
    """Return a name without the prefixes that transformers puts before the decoder's own names."""
    return re.sub(r"^(decoder\.)?(model\.decoder\.)?", "", name)


def _stacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    table = {name: places for name, places in _names(tensors).items() if any(place in tensors for place in places)}
    _refuse_unknown(tensors, [place for places in table.values() for place in places], "transformers' MusicGen")
    stacked = {}
    for name, places in table.items():
        if missing := [place for place in places if place not in tensors]:
            raise BenchError(f"{', '.join(missing)}: missing from an attention's query, key and value; give all three")
        parts = [tensors[place] for place in places]
        if len(parts) == 3 and any(part.shape != (parts[0].shape[-1],) * 2 for part in parts):
            raise BenchError(f"{', '.join(places)}: are {[tuple(p.shape) for p in parts]}, want equal squares")
        stacked[name] = torch.cat(parts) if len(parts) == 3 else parts[0].clone()
    return stacked


def _names(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, ...]]:
    """Return every tensor name of audiocraft's MusicGen with its one or three names in transformers.

    The numbers of layers and codebooks are counted in `tensors`, which may have either library's names.
    """
    table: dict[str, tuple[str, ...]] = {f"{TEXT}.{kind}": (f"enc_to_dec_proj.{kind}",) for kind in ("weight", "bias")}
    table |= {f"out_norm.{kind}": (f"layer_norm.{kind}",) for kind in ("weight", "bias")}
    for k in range(_count(tensors, r"(?:emb|linears|embed_tokens|lm_heads)\.(\d+)\.")):
        table[f"emb.{k}.weight"] = (f"embed_tokens.{k}.weight",)
        table[f"linears.{k}.weight"] = (f"lm_heads.{k}.weight",)
    for n in range(_count(tensors, r"(?:transformer\.)?layers\.(\d+)\.")):
        theirs, ours = f"transformer.layers.{n}", f"layers.{n}"
        for name, place in _ATTENTIONS.items():
            parts = tuple(f"{ours}.{place}.{part}_proj.weight" for part in "qkv")
            table[f"{theirs}.{name}.in_proj_weight"] = parts
            table[f"{theirs}.{name}.out_proj.weight"] = (f"{ours}.{place}.out_proj.weight",)
        for name, place in _NORMS.items():
            table |= {f"{theirs}.{name}.{kind}": (f"{ours}.{place}.{kind}",) for kind in ("weight", "bias")}
        table |= {f"{theirs}.{name}.weight": (f"{ours}.{place}.weight",) for name, place in _LINEARS.items()}
    return table


def _count(tensors: Mapping[str, Tensor], pattern: str) -> int:
    return len({match[1] for match in (re.match(pattern, name) for name in tensors) if match})


def _refuse_unknown(given: Iterable[str], known: Iterable[str], of: str) -> None:
    known = set(known)
    if unknown := sorted(str(name) for name in given if name not in known):
        more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
        raise BenchError(f"{', '.join(unknown[:8])}{more}: no such tensor in {of}; give a text-conditioned MusicGen")
