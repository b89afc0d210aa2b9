"""The frozen decoder: MusicGen's transformer with tensors named as in transformers, open to an adaptation.

Written out here rather than taken from transformers because prompts enter inside the attention, the cache must not
grow, and a step must not wait for the host; `tests/air/test_decoder.py` compares its logits with transformers' bit for
bit.
The text is always empty: MusicGen then attends to zeros without biases, which adds exactly nothing, so there is no
cross-attention here and its weights are not read.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu

from bench.air.attention import self_attention

PATHS_BACK, PATHS_AHEAD = 1, 4


@dataclass(frozen=True)
class Config:
    """Sizes of a decoder.

    Attributes:
        width: Channels, d.
        depth: Layers, L.
        heads: Attention heads.
        ffn: Channels inside the feed-forward block.
        books: Number of codebooks, K.
        entries: Entries per codebook.
        is_mini: Whether it is the mini decoder, which differs from MusicGen: positions start again at the prediction,
            prefix and prediction have a learned vector each, and every predicted step also receives the prefix frames
            around its own, each through a linear map.
    """

    width: int
    depth: int
    heads: int
    ffn: int
    books: int = 4
    entries: int = 2048
    is_mini: bool = False

    def __post_init__(self) -> None:
        """Raise `ValueError` for sizes from which no decoder can be built."""
        sizes = (self.width, self.depth, self.heads, self.ffn, self.books, self.entries)
        if min(sizes) < 1 or self.width % (2 * self.heads):
            raise ValueError(f"{self}: want sizes from 1 and a width that is a multiple of twice the heads")

    @property
    def pad(self) -> int:
        """The token that fills places without a token."""
        return self.entries


MUSICGEN = {
    "small": Config(1024, 24, 16, 4096),
    "medium": Config(1536, 48, 24, 6144),
    "large": Config(2048, 48, 32, 8192),
}
"""The published sizes (arXiv 2306.05284, section 3.1)."""


class Adaptation(Protocol):
    """An adapter that is applied to the frozen decoder at run time; see `bench.air.adapter`."""

    def before(
        self, layer: int, x: Tensor, types: Tensor, start: int, n_prefix: int, memory: "Memory | None"
    ) -> Tensor:
        """Return the layer's input (B, n, d), possibly changed, at steps start, start + 1, ... of types (B, n)."""
        ...

    def attended(self, layer: int, query: Tensor, types: Tensor, decoder: "Decoder") -> Tensor | None:
        """Return what to add to the heads' outputs (B, heads, n, d / heads), or None."""
        ...

    def keys_values_beside(self, layer: int, decoder: "Decoder") -> tuple[Tensor, Tensor] | None:
        """Return keys and values (heads, m, d / heads) that every step attends to besides the sequence's, or None."""
        ...

    def beside_steps(self, decoder: "Decoder", types: Tensor | None) -> "Beside | None":
        """Return the same as `attended` and `keys_values_beside`, for predicted steps taken singly, of types (B, n)."""
        ...

    def added_to_steps(self, types: Tensor | None, memory: "Memory") -> Tensor | None:
        """Return what `before` adds to the layers' inputs at the predicted steps (L, B, n, d), after the prefix."""
        ...


class Memory:
    """The cache of keys and values, allocated once, and what an adaptation keeps of the prefix.

    Attributes:
        whole: Keys and values (L, 2, B, heads, n_beside + n_steps, d / heads): first the adapter's, for single steps,
            then the sequence's.
        kept: The part of `whole` with the sequence's steps.
        of_prefix: By layer, what an adaptation keeps of the prefix.
    """

    def __init__(self, whole: Tensor, n_beside: int = 0) -> None:
        """Wrap an allocated tensor; `Memory.of` allocates one."""
        self.whole, self.n_beside = whole, n_beside
        self.kept = whole[..., n_beside:, :]
        self.of_prefix: dict[int, Tensor] = {}

    @classmethod
    def of(cls, config: Config, batch: int, n_steps: int, like: Tensor, n_beside: int = 0) -> "Memory":
        """Allocate a cache for `n_steps` steps in all, with the type and device of `like`."""
        shape = (config.depth, 2, batch, config.heads, n_beside + n_steps, config.width // config.heads)
        if like.device.type == "cpu" and like.dtype == torch.float32:
            # numpy allocates large arrays in large pages, which are read faster and zeroed on first use.
            return cls(torch.from_numpy(np.zeros(shape, np.float32)), n_beside)
        return cls(torch.zeros(shape, dtype=like.dtype, device=like.device), n_beside)

    def row(self, number: int) -> "Memory":
        """Return the cache of one request of the batch: a view of `whole`, with an empty `of_prefix`."""
        return Memory(self.whole[:, :, number : number + 1], self.n_beside)


@dataclass(frozen=True)
class Beside:
    """An adapter's keys and values for single steps, the same at all steps and for all requests.

    Attributes:
        keys_values: (L, 2, heads, m, d / heads).
        gates: None if the keys are attended to together with the sequence's own. Else (L, B, n, kinds) for n predicted
            steps: the keys are split into `kinds` equal groups, each group is attended to on its own, and its result is
            multiplied by its gate and added.
    """

    keys_values: Tensor
    gates: Tensor | None


class Attention(nn.Module):
    """Causal self-attention without biases."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.add_module(name, nn.Linear(width, width, bias=False))

    def split(self, x: Tensor) -> Tensor:
        """Split (B, n, d) into heads: (B, heads, n, d / heads)."""
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class Layer(nn.Module):
    """A transformer layer: pre-norm attention, then pre-norm feed-forward."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.heads)
        self.self_attn_layer_norm = nn.LayerNorm(config.width)
        self.fc1 = nn.Linear(config.width, config.ffn, bias=False)
        self.fc2 = nn.Linear(config.ffn, config.width, bias=False)
        self.final_layer_norm = nn.LayerNorm(config.width)


class Decoder(nn.Module):
    """A decoder-only transformer, from tokens in the delay pattern to logits."""

    def __init__(self, config: Config) -> None:
        """Build it with random weights."""
        super().__init__()
        self.config = config
        self.embed_tokens = nn.ModuleList(nn.Embedding(config.entries + 1, config.width) for _ in range(config.books))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.depth))
        self.layer_norm = nn.LayerNorm(config.width)
        self.lm_heads = nn.ModuleList(nn.Linear(config.width, config.entries, bias=False) for _ in range(config.books))
        if config.is_mini:
            self.segments = nn.Parameter(torch.zeros(2, config.width))
            self.paths = nn.Parameter(torch.zeros(PATHS_BACK + 1 + PATHS_AHEAD, config.width, config.width))

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.layer_norm.weight.device

    def embedded(self, tokens: Tensor) -> Tensor:
        """Return the embeddings (B, n, d) of tokens (B, K, n), summed over codebooks."""
        # sum() starts from 0, as in transformers.
        return sum(embedding(tokens[:, k], table.weight) for k, table in enumerate(self.embed_tokens))  # type: ignore[return-value]

    def aligned(self, prefix: Tensor) -> Tensor:
        """Return what the mini decoder adds at predicted steps (B, T + K - 1, d) from the prefix's tokens (B, K, T).

        The prefix is delayed like the prediction, so that a step receives the prefix tokens at the places of the tokens
        it predicts, and those of one step before and four steps after, each through its own linear map.
        """
        n = prefix.shape[2] + self.config.books - 1
        delayed = prefix.new_full((*prefix.shape[:2], n), self.config.pad)
        for k in range(self.config.books):
            delayed[:, k, k : k + prefix.shape[2]] = prefix[:, k]
        padded = nn.functional.pad(self.embedded(delayed), (0, 0, PATHS_BACK, PATHS_AHEAD))
        return sum(padded[:, j : j + n] @ path for j, path in enumerate(self.paths))  # type: ignore[return-value]

    def places(self, n: int, n_prefix: int, prefix: Tensor | None) -> Tensor:
        """Return what is added to the tokens' embeddings, the positions above all: (1, n, d) or (B, n, d).

        Args:
            n: Number of steps, from the first on.
            n_prefix: T, where the prediction begins; only the mini decoder uses it.
            prefix: The prefix's tokens (B, K, T); only the mini decoder uses them.
        """
        steps = torch.arange(n, device=self.device)
        if not self.config.is_mini:
            return positions(steps, self.config.width).to(self.layer_norm.weight.dtype)[None]
        is_predicted = (steps >= n_prefix).long()
        own = positions(steps - n_prefix * is_predicted, self.config.width) + self.segments[is_predicted]
        if prefix is None:
            return own[None]
        seen = self.aligned(prefix)[:, : n - n_prefix]
        return torch.cat([own[:n_prefix].expand(len(seen), -1, -1), own[n_prefix:] + seen], dim=1)

    def forward(
        self,
        inputs: Tensor,
        *,
        types: Tensor | None = None,
        adaptation: Adaptation | None = None,
        prefix: Tensor | None = None,
        n_prefix: int = 0,
    ) -> Tensor:
        """Return the last layer's normalised output (B, n, d) for a whole sequence; `logits` turns it into scores.

        Args:
            inputs: Tokens (B, K, n) in the delay pattern.
            types: Types of the steps (B, n); only an adaptation uses them.
            adaptation: The adapter, or None.
            prefix: The prefix's tokens (B, K, T); only the mini decoder uses them.
            n_prefix: T; only the mini decoder and adaptations use it.
        """
        x = self.embedded(inputs) + self.places(inputs.shape[2], n_prefix, prefix)
        return self.run(x, 0, n_prefix, types, adaptation, None)

    def run(
        self,
        x: Tensor,
        start: int,
        n_prefix: int,
        types: Tensor | None,
        adaptation: Adaptation | None,
        memory: Memory | None,
    ) -> Tensor:
        """Run the layers over steps start, start + 1, ... (B, n, d), after those in `memory`, and add these to it.

        With a memory, only the last step's output is computed and returned (B, 1, d).
        """
        for number, layer in enumerate(self.layers):
            if adaptation is not None and types is not None:
                x = adaptation.before(number, x, types, start, n_prefix, memory)
            is_last_asked = memory is not None and number == self.config.depth - 1
            asked = slice(-1, None) if is_last_asked else slice(None)
            x = x[:, asked] + self._attended(number, layer, x, asked, start, types, adaptation, memory)
            x = x + layer.fc2(gelu(layer.fc1(layer.final_layer_norm(x))))
        return self.layer_norm(x)

    def logits(self, x: Tensor) -> Tensor:
        """Return the scores (B, K, n, entries) for an output (B, n, d) of `run`."""
        return torch.stack([head(x) for head in self.lm_heads], dim=1)

    def _attended(
        self,
        number: int,
        layer: Layer,
        x: Tensor,
        asked: slice,
        start: int,
        types: Tensor | None,
        adaptation: Adaptation | None,
        memory: Memory | None,
    ) -> Tensor:
        """Return what attention adds at the steps in `asked`; keys and values are those of all steps."""
        attention = layer.self_attn
        normed = layer.self_attn_layer_norm(x)
        query = attention.split(attention.q_proj(normed[:, asked]))
        key, value = (attention.split(getattr(attention, name)(normed)) for name in ("k_proj", "v_proj"))
        n = x.shape[1]
        if memory is not None:
            kept = memory.kept[number]
            kept[0, :, :, start : start + n], kept[1, :, :, start : start + n] = key, value
            key, value = kept[0, :, :, : start + n], kept[1, :, :, : start + n]
        beside = adaptation.keys_values_beside(number, self) if adaptation is not None else None
        output = self_attention(query, key, value, beside)
        if adaptation is not None and types is not None:
            added = adaptation.attended(number, query, types[:, asked], self)
            output = output if added is None else output + added
        return attention.out_proj(output.transpose(1, 2).flatten(2))


def positions(steps: Tensor, width: int) -> Tensor:
    """Return MusicGen's sinusoidal positions (n, width) of steps, float32, cosines first."""
    half = width // 2
    # On the CPU in float32, as in transformers: the exponential of a GPU differs in the last bit.
    rates = torch.exp(torch.arange(half, dtype=torch.int64).float() * -(math.log(10000) / (half - 1)))
    angles = steps.float()[:, None] * rates.to(steps.device)[None]
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)
