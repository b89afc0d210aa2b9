"""Names: audiocraft's tensors of a MusicGen language model and ours, which are transformers', both ways, bit for bit.

Beside the tensors of `bench.air.decoder` stand the cross-attention and the projection of the text, which our decoder
does not read but a way back needs. An attention of audiocraft stacks query, key and value in one matrix.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from bench.air.decoder import Config
from bench.errors import BenchError

HEAD_WIDTH = 64
"""Channels of a head in every published size."""
TEXT = "condition_provider.conditioners.description.output_proj"
_ATTENTIONS = {"self_attn": "self_attn", "cross_attention": "encoder_attn"}
_NORMS = {"norm1": "self_attn_layer_norm", "norm_cross": "encoder_attn_layer_norm", "norm2": "final_layer_norm"}
_LINEARS = {"linear1": "fc1", "linear2": "fc2"}


def to_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return audiocraft's tensors under the names of transformers, without their leading `decoder.model.decoder.`.

    Every tensor is kept, bit for bit; the stacked projections of an attention become three.

    Raises:
        BenchError: a tensor has no place, or a stacked projection has another shape; all are named.
    """
    table = _names(state)
    _refuse_strangers(state, table, "audiocraft's MusicGen")
    found = {}
    for name, value in state.items():
        names = table[name]
        if len(names) == 3 and (value.dim() != 2 or value.shape[0] != 3 * value.shape[1]):
            raise BenchError(f"{name}: is {tuple(value.shape)}, want three square matrices one above the other")
        parts = value.chunk(3) if len(names) == 3 else (value,)
        found.update({to: part.clone() for to, part in zip(names, parts, strict=True)})
    return found


def to_audiocraft(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors named as in transformers, with or without their leading `decoder.`, under audiocraft's names.

    Every tensor is kept, bit for bit.

    Raises:
        BenchError: a tensor has no place or stands twice, or of an attention's three projections one is missing or has
            another shape; all are named.
    """
    short = {short_name(name): value for name, value in tensors.items()}
    if len(short) < len(tensors):
        raise BenchError("names with and without a leading decoder. stand for the same tensor; give each once")
    return _stacked(short)


def config_of(tensors: Mapping[str, Tensor], heads: int | None = None) -> Config:
    """Return the sizes of a decoder from its tensors, named as in transformers.

    Args:
        tensors: By name.
        heads: Attention heads, which no shape tells; one for each 64 channels when None, as in every published size.

    Raises:
        BenchError: tensors are missing, or the width is no multiple of the heads.
    """
    try:
        rows, width = tensors["embed_tokens.0.weight"].shape
        ffn = tensors["layers.0.fc1.weight"].shape[0]
    except (KeyError, ValueError) as error:
        raise BenchError(f"is no MusicGen decoder ({error!r}); give the state dict of a language model") from error
    heads = max(width // HEAD_WIDTH, 1) if heads is None else heads
    if not isinstance(heads, int) or heads < 1 or width % heads:
        raise BenchError(f"{heads} heads do not divide {width} channels; give the heads of the configuration")
    return Config(
        width, _count(tensors, r"layers\.(\d+)\."), heads, ffn, _count(tensors, r"lm_heads\.(\d+)\."), rows - 1
    )


def short_name(name: str) -> str:
    """Return a name without the leading parts that transformers puts before its decoder's."""
    return re.sub(r"^(decoder\.)?(model\.decoder\.)?", "", name)


def _stacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    table = {name: places for name, places in _names(tensors).items() if any(place in tensors for place in places)}
    _refuse_strangers(tensors, [place for places in table.values() for place in places], "transformers' MusicGen")
    found = {}
    for name, places in table.items():
        if lacking := [place for place in places if place not in tensors]:
            raise BenchError(f"{', '.join(lacking)}: missing beside the rest of that attention; give all three")
        parts = [tensors[place] for place in places]
        if len(parts) == 3 and any(part.shape != (parts[0].shape[-1],) * 2 for part in parts):
            raise BenchError(f"{', '.join(places)}: are {[tuple(p.shape) for p in parts]}, want three equal squares")
        found[name] = torch.cat(parts) if len(parts) == 3 else parts[0].clone()
    return found


def _names(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, ...]]:
    """Return every name that audiocraft's MusicGen may hold, with its place, or three, in transformers.

    Layers and books are as many as these tensors, named in either way, have.
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


def _refuse_strangers(given: Iterable[str], known: Iterable[str], of: str) -> None:
    known = set(known)
    if strangers := sorted(str(name) for name in given if name not in known):
        more = f" and {len(strangers) - 8} more" if len(strangers) > 8 else ""
        raise BenchError(f"{', '.join(strangers[:8])}{more}: no such tensor in {of} from text; give such a model")
