"""Single steps: a decoder and its adapter, rearranged so that a step needs as few operations as possible.

A layer's queries, keys and values are computed in one product, and so are the scores of all codebooks; prompts are
stored at the start of the cache and attended to together with the sequence. `Decoder.run` is the form that is trained
and compared with transformers; `tests/air/test_generate.py` checks that both give the same scores up to the last bits.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, gelu, layer_norm, linear

from bench.air.decoder import Adaptation, Decoder, Layer, Memory
from bench.air.walk import Place

if TYPE_CHECKING:
    from bench.air.fused import Fused


class _Weights(NamedTuple):
    """A layer's matrices; `out` and `fc2`, whose products are added to the input, are transposed."""

    norm: tuple[Tensor, Tensor]
    qkv: Tensor
    out: Tensor
    last_norm: tuple[Tensor, Tensor]
    fc1: Tensor
    fc2: Tensor


class Stepper:
    """Computes a decoder's scores for a prefix, and then step by step."""

    def __init__(
        self, decoder: Decoder, adaptation: Adaptation | None, types: Tensor | None, batch: int, n_prefix: int, n: int
    ) -> None:
        """Prepare the matrices and the cache.

        Args:
            decoder: The frozen decoder.
            adaptation: The adapter, or None.
            types: Types of all steps (B, n_prefix + n).
            batch: B.
            n_prefix: T, steps before the first predicted one.
            n: Predicted steps.
        """
        self._decoder, self._adaptation, self._types, self._n_prefix = decoder, adaptation, types, n_prefix
        self._predicted = types[:, n_prefix:] if types is not None else None
        beside = adaptation.beside_steps(decoder, self._predicted) if adaptation is not None else None
        n_beside = beside.keys_values.shape[3] if beside is not None else 0
        like = decoder.layer_norm.weight
        self._memory = Memory.of(decoder.config, batch, n_prefix + n, like, n_beside)
        self._gates = beside.gates if beside is not None else None
        if beside is not None:
            self._memory.whole[..., :n_beside, :] = beside.keys_values[:, :, None]
        self._added: Tensor | None = None
        self._layers = [_prepared(layer) for layer in decoder.layers]
        self._tables = torch.cat([table.weight for table in decoder.embed_tokens])
        self._offsets = torch.arange(decoder.config.books, device=like.device) * (decoder.config.entries + 1)
        self._heads = torch.cat([head.weight for head in decoder.lm_heads])
        self._through = _through
        self._fused: Fused | None = None

    def compile(self) -> None:
        """Let torch fuse the operations between the products; worth its compile time only on a GPU."""
        self._through = torch.compile(_through, dynamic=False)

    def fuse(self) -> None:
        """Run each step in one call of `bench.air.fused`; for a float32 decoder on a CPU."""
        from bench.air.fused import Fused

        norm = self._decoder.layer_norm
        self._fused = Fused(self._layers, (norm.weight, norm.bias), self._heads)

    def prefix(self, inputs: Tensor, places: Tensor) -> Tensor:
        """Run the prefix and the first predicted step (B, K, T + 1) at once; return that step's scores.

        On a CPU, request by request: this is as fast and needs less memory.
        """
        x = self._decoder.embedded(inputs) + places
        if x.device.type != "cpu":
            last = self._run(x, self._types, self._memory)
        else:
            parts = [self._memory.row(k) for k in range(len(x))]
            types = [self._types[k : k + 1] if self._types is not None else None for k in range(len(x))]
            last = torch.cat([self._run(x[k : k + 1], types[k], part) for k, part in enumerate(parts)])
            for layer in parts[0].of_prefix:
                self._memory.of_prefix[layer] = torch.cat([part.of_prefix[layer] for part in parts])
        if self._adaptation is not None:
            self._added = self._adaptation.added_to_steps(self._predicted, self._memory)
            self._memory.of_prefix.clear()
        return self._decoder.logits(last)[:, :, 0].float()

    def _run(self, x: Tensor, types: Tensor | None, memory: Memory) -> Tensor:
        stretch = types[:, : x.shape[1]] if types is not None else None
        return self._decoder.run(x, 0, self._n_prefix, stretch, self._adaptation, memory)

    def scores(self, tokens: Tensor, where: Tensor, place: Place) -> Tensor:
        """Return the scores (B, K, entries) after a step's tokens (B, K), with its position `where` (B, d)."""
        x = embedding(tokens + self._offsets, self._tables).sum(dim=1) + where
        n_prefix, n_beside = self._n_prefix, self._memory.n_beside
        if self._fused is not None:
            gates, added = (place.row(table, 2) if table is not None else None for table in (self._gates, self._added))
            n = place.seen(self._memory.whole[0], n_beside + n_prefix).shape[3]
            scores = self._fused.scores(x, self._memory.whole, n, n_beside, gates, added)
            return scores.unflatten(-1, (len(self._offsets), -1))
        hidden = place.hidden(n_beside + n_prefix)
        depth = len(self._layers)
        gates = place.row(self._gates, 2).unbind() if self._gates is not None else [None] * depth
        added = place.row(self._added, 2).unbind() if self._added is not None else [None] * depth
        for number, weights in enumerate(self._layers):
            cache = self._memory.whole[number]
            x = self._through(x, weights, cache, place, n_beside, n_prefix, hidden, gates[number], added[number])
        norm = self._decoder.layer_norm
        scores = linear(layer_norm(x, x.shape[-1:], norm.weight, norm.bias), self._heads)
        return scores.unflatten(-1, (len(self._offsets), -1)).float()


def _prepared(layer: Layer) -> _Weights:
    attention, norm, last = layer.self_attn, layer.self_attn_layer_norm, layer.final_layer_norm
    query = attention.q_proj.weight * (attention.q_proj.weight.shape[0] // attention.heads) ** -0.5
    return _Weights(
        (norm.weight, norm.bias),
        torch.cat([query, attention.k_proj.weight, attention.v_proj.weight]),
        attention.out_proj.weight.T,
        (last.weight, last.bias),
        layer.fc1.weight,
        layer.fc2.weight.T,
    )


def _through(
    x: Tensor,
    weights: _Weights,
    cache: Tensor,
    place: Place,
    n_beside: int,
    n_prefix: int,
    hidden: Tensor | None,
    gates: Tensor | None,
    added: Tensor | None,
) -> Tensor:
    """Run one step (B, d) through a layer; its keys and values go into the cache (2, B, heads, slots, d / heads)."""
    if added is not None:
        x = x + added
    batch, heads, size = cache.shape[1], cache.shape[2], cache.shape[4]
    parts = linear(layer_norm(x, x.shape[-1:], *weights.norm), weights.qkv).view(batch, 3, heads, size)
    place.write(cache[:, :, :, n_beside + n_prefix :], 3, parts[:, 1:].transpose(0, 1))
    attended = _attended(parts[:, 0], place.seen(cache, n_beside + n_prefix), hidden, gates, n_beside)
    x = torch.addmm(x, attended.view(x.shape), weights.out)
    return torch.addmm(x, gelu(linear(layer_norm(x, x.shape[-1:], *weights.last_norm), weights.fc1)), weights.fc2)


def _attended(query: Tensor, seen: Tensor, hidden: Tensor | None, gates: Tensor | None, n_beside: int) -> Tensor:
    """Return the attention of queries (B, heads, d / heads) to keys and values (2, B, heads, n, d / heads)."""
    keys, values = seen.flatten(1, 2)
    scores = torch.bmm(query.reshape(len(keys), 1, -1), keys.transpose(1, 2))
    if hidden is not None:
        scores = scores.masked_fill(hidden, float("-inf"))
    return torch.bmm(_shares(scores, gates, n_beside), values)


def _shares(scores: Tensor, gates: Tensor | None, n_beside: int) -> Tensor:
    """Return the attention weights for scores (B heads, 1, n) and gates (B, kinds)."""
    if gates is None:
        return scores.softmax(dim=-1)
    batch, kinds = gates.shape
    beside = scores[..., :n_beside].view(batch, -1, kinds, n_beside // kinds)
    opened = beside.softmax(dim=-1) * gates[:, None, :, None]
    return torch.cat([opened.view(len(scores), 1, n_beside), scores[..., n_beside:].softmax(dim=-1)], dim=-1)
