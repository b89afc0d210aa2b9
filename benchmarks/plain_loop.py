"""A plain generation loop with prompts, as the released code of arXiv 2402.09508 goes about it; our own writing.

Like that code: one request at a time; queries, keys and values of a layer in one product; the prefix in one pass, then
a step a call; the cache grows by a new tensor every step; the prompts' keys and values are made once; a step goes
through the four types one by one and asks the host which of them is there; books are embedded and scored one by one;
the next token is put into the sequence where the delay pattern has none.

In favour of the loop two things are left out: that code runs every request twice for guidance, which without a text
changes nothing, and it attends to that text in every layer.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from bench.air.adapter import Prompts
from bench.air.decoder import Decoder, positions
from bench.air.sequence import TYPES, Layout

_UNKNOWN = -1


class PlainLoop:
    """A decoder with prompts."""

    def __init__(self, decoder: Decoder, prompts: Prompts | None) -> None:
        """Take what is to be run."""
        self._decoder, self._gates = decoder, prompts.gates if prompts is not None else None
        self._qkv = []
        self._prompts: list[tuple[Tensor, Tensor]] = []
        self._cache: list[tuple[Tensor, Tensor]] = []
        for number, layer in enumerate(decoder.layers):
            attention = layer.self_attn
            self._qkv.append(torch.cat([getattr(attention, f"{name}_proj").weight for name in "qkv"]))
            if prompts is not None:
                normed = layer.self_attn_layer_norm(prompts.adaptor[number].to(self._qkv[-1].dtype))
                _, keys, values = self._split(normed, number)
                self._prompts.append((keys, values))

    def generate(self, prefix: Tensor, types: Tensor | None, step_done: Callable[[], None]) -> Tensor:
        """Return the likeliest tokens (B, K, T)."""
        each = range(len(prefix))
        return torch.cat(
            [self._one(prefix[k : k + 1], types[k] if types is not None else None, step_done) for k in each]
        )

    @torch.no_grad()
    def _one(self, prefix: Tensor, types: Tensor | None, step_done: Callable[[], None]) -> Tensor:
        books, n_frames = prefix.shape[1:]
        frames = torch.cat([prefix, torch.full_like(prefix, _UNKNOWN)], dim=2)
        sequence = Layout(n_frames, books).delayed(frames, self._decoder.config.pad)
        self._cache = []
        start = 0
        for offset in range(n_frames + 1, sequence.shape[2]):
            scores = self._scores(sequence[..., start:offset], start, types)
            token = scores[:, :, -1:].argmax(dim=-1)
            there = sequence[..., offset : offset + 1]
            sequence[..., offset : offset + 1] = torch.where(there == _UNKNOWN, token, there)
            start = offset
            step_done()
        made = sequence[:, :, n_frames + 1 :]
        return torch.stack([made[:, k, k : k + n_frames] for k in range(books)], dim=1)

    def _scores(self, tokens: Tensor, start: int, types: Tensor | None) -> Tensor:
        decoder = self._decoder
        end = start + tokens.shape[2]
        x = sum(table(tokens[:, k]) for k, table in enumerate(decoder.embed_tokens))
        where = torch.arange(start, end, device=tokens.device)
        x = x + positions(where, decoder.config.width).to(x.dtype)
        for number, layer in enumerate(decoder.layers):
            found = self._attended(
                layer.self_attn_layer_norm(x), number, types[start:end] if types is not None else None
            )
            x = x + layer.self_attn.out_proj(found)
            x = x + layer.fc2(gelu(layer.fc1(layer.final_layer_norm(x))))
        x = decoder.layer_norm(x)
        return torch.stack([head(x) for head in decoder.lm_heads], dim=1)

    def _attended(self, normed: Tensor, number: int, types: Tensor | None) -> Tensor:
        query, key, value = self._split(normed, number)
        if number < len(self._cache):
            old_key, old_value = self._cache[number]
            key, value = torch.cat([old_key, key], dim=2), torch.cat([old_value, value], dim=2)
            self._cache[number] = key, value
        else:
            self._cache.append((key, value))
        found = scaled_dot_product_attention(query, key, value, is_causal=query.shape[2] > 1)
        if types is not None and self._gates is not None:
            found = found + self._from_prompts(query, number, types)
        return found.transpose(1, 2).flatten(2)

    def _from_prompts(self, query: Tensor, number: int, types: Tensor) -> Tensor:
        """Attend to the prompt of each type with the queries of the steps of that type."""
        found = torch.zeros_like(query)
        keys, values = self._prompts[number]
        assert self._gates is not None
        for kind in range(TYPES):
            chosen = types == kind
            if chosen.sum() == 0:
                continue
            part = scaled_dot_product_attention(query[:, :, chosen], keys[kind, None], values[kind, None])
            found[:, :, chosen] = part * self._gates[number, kind].to(part.dtype)
        return found

    def _split(self, normed: Tensor, number: int) -> tuple[Tensor, Tensor, Tensor]:
        heads = self._decoder.config.heads
        parts = linear(normed, self._qkv[number]).unflatten(-1, (3, heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value
