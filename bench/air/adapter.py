"""Adapters: what is trained beside the frozen decoder.

`Prompts` is the heterogeneous adapter of arXiv 2402.09508 (section 3.2), `Aligned` the same with a path from each
prefix frame to the predicted frame in its place, `Prefix` is prefix tuning (Li and Liang, ACL 2021). Low-rank
adaptation (Hu et al., ICLR 2022) changes the decoder's own matrices: `merged`.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.air.decoder import Beside, Config, Decoder, Memory
from bench.air.sequence import INPAINT, TYPES
from bench.errors import BenchError

LOW_RANK = "lora"
"""What the names of a low-rank adaptation's tensors begin with: `lora.<layer>.<projection>.<down|up>`."""


class Prompts(nn.Module):
    """A prompt and a gate for every layer and type of frame; 4 L (m d + 1) parameters.

    A step of type i attends, beside the sequence, to the frozen layer's own keys and values of prompt [l, i]; what it
    finds is added per head, times gate [l, i], before the output projection. Prompts begin as N(0, 1), gates as 0,
    where the decoder is the frozen one bit for bit. Tensors are named as in the published checkpoints: `adaptor`
    (L, 4, m, d), `gates` (L, 4).
    """

    def __init__(self, config: Config, m: int) -> None:
        """Take the decoder's sizes and the number of prompt vectors."""
        super().__init__()
        self.adaptor = nn.Parameter(torch.randn(config.depth, TYPES, m, config.width))
        self.gates = nn.Parameter(torch.zeros(config.depth, TYPES))
        self.register_buffer("_types", torch.arange(TYPES), persistent=False)
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def train(self, mode: bool = True) -> "Prompts":
        """Switch between training and use; in use, keys and values of the prompts are computed once."""
        self._known.clear()
        return super().train(mode)

    def before(self, layer: int, x: Tensor, types: Tensor, start: int, n_prefix: int, memory: Memory | None) -> Tensor:
        """Leave the layer's input as it is."""
        return x

    def keys_values_beside(self, layer: int, decoder: Decoder) -> tuple[Tensor, Tensor] | None:
        """Add no keys to the sequence's own."""
        return None

    def attended(self, layer: int, query: Tensor, types: Tensor, decoder: Decoder) -> Tensor | None:
        """Return gate times what each query (B, heads, n, d / heads) finds in the prompt of its step's type (B, n)."""
        keys, values = self._keys_values(layer, decoder)
        scores = torch.matmul(query * query.shape[-1] ** -0.5, keys).unflatten(-1, (TYPES, -1))
        own = (types[..., None] == self._types) * self.gates[layer]
        weights = scores.softmax(dim=-1) * own[:, None, :, :, None]
        return torch.matmul(weights.flatten(-2).to(values.dtype), values)

    def beside_steps(self, decoder: Decoder, types: Tensor | None) -> Beside | None:
        """Return the prompts of the types that are predicted, and the gates that open each step's own."""
        if types is None:
            return None
        found = []
        for layer in range(len(self.adaptor)):
            keys, values = self._keys_values(layer, decoder)
            found.append(torch.stack([keys.transpose(-1, -2), values]).unflatten(2, (TYPES, -1))[:, :, INPAINT:])
        own = (types[..., None] == self._types[INPAINT:]) * self.gates[:, None, None, INPAINT:]
        return Beside(torch.stack(found).flatten(3, 4), own.to(found[0].dtype))

    def added_to_steps(self, types: Tensor | None, memory: Memory) -> Tensor | None:
        """Add nothing to the layers' inputs."""
        return None

    def _keys_values(self, layer: int, decoder: Decoder) -> tuple[Tensor, Tensor]:
        """Return the prompts of all types side by side: (heads, d / heads, 4 m) and (heads, 4 m, d / heads)."""
        if layer in self._known:
            return self._known[layer]
        frozen = decoder.layers[layer]
        prompts = self.adaptor[layer].to(frozen.self_attn_layer_norm.weight.dtype)
        normed = frozen.self_attn_layer_norm(prompts).flatten(0, 1)
        heads = frozen.self_attn.heads
        keys = frozen.self_attn.k_proj(normed).unflatten(-1, (heads, -1)).permute(1, 2, 0)
        values = frozen.self_attn.v_proj(normed).unflatten(-1, (heads, -1)).transpose(0, 1)
        if not self.training:
            self._known[layer] = (keys.contiguous(), values.contiguous())
        return keys, values


class Aligned(Prompts):
    """Prompts, and at every layer g B gelu(A norm(h)) from a prefix step to the predicted step in its place.

    h is what the layer is given at the step that has seen all books of the prefix frame; g is a gate a layer and type
    of predicted frame, and begins as 0. The rank is that of A and B.
    """

    def __init__(self, config: Config, m: int, rank: int) -> None:
        """Take the decoder's sizes, the number of prompt vectors and the rank."""
        super().__init__(config, m)
        self.down = nn.Parameter(torch.randn(config.depth, rank, config.width) / config.width**0.5)
        self.up = nn.Parameter(torch.randn(config.depth, config.width, rank) / rank**0.5)
        self.path_gates = nn.Parameter(torch.zeros(config.depth, TYPES - INPAINT))
        self._books = config.books

    def before(self, layer: int, x: Tensor, types: Tensor, start: int, n_prefix: int, memory: Memory | None) -> Tensor:
        """Add the path to the predicted steps; the prefix's part is computed once and kept in `memory`."""
        n = x.shape[1]
        if start + n <= n_prefix:
            return x
        known = memory.of_prefix.get(layer) if memory is not None else None
        offered = self._offered(layer, x[:, :n_prefix]) if known is None else known
        if memory is not None:
            memory.of_prefix[layer] = offered
        first = max(n_prefix - start, 0)
        added = self._added(layer, offered, types[:, first:], start + first - n_prefix)
        return torch.cat([x[:, :first], x[:, first:] + added.to(x.dtype)], dim=1)

    def added_to_steps(self, types: Tensor | None, memory: Memory) -> Tensor | None:
        """Return the path to every predicted step."""
        if types is None:
            return None
        known = [memory.of_prefix[layer] for layer in range(len(self.adaptor))]
        return torch.stack([self._added(layer, one, types, 0).to(one.dtype) for layer, one in enumerate(known)])

    def _added(self, layer: int, offered: Tensor, types: Tensor, first: int) -> Tensor:
        """Return the path to predicted steps first, first + 1, ... of these types."""
        steps = torch.arange(first, first + types.shape[1], device=types.device)
        # Frame t's last book is an input of step t + K; the last frames are taken as far as they are heard.
        seen = offered[:, (steps + self._books).clamp(max=offered.shape[1] - 1)]
        return self.path_gates[layer][types - INPAINT][..., None] * seen

    def _offered(self, layer: int, states: Tensor) -> Tensor:
        normed = nn.functional.layer_norm(states, states.shape[-1:])
        down, up = self.down[layer].to(normed.dtype), self.up[layer].to(normed.dtype)
        return nn.functional.gelu(normed @ down.T) @ up.T


class Prefix(nn.Module):
    """Keys and values of every layer, learned directly; every step sees them."""

    def __init__(self, config: Config, m: int) -> None:
        """Take the decoder's sizes and the number of vectors."""
        super().__init__()
        size = config.width // config.heads
        self.past = nn.Parameter(torch.randn(config.depth, 2, config.heads, m, size) * 0.5)

    def before(self, layer: int, x: Tensor, types: Tensor, start: int, n_prefix: int, memory: Memory | None) -> Tensor:
        """Leave the layer's input as it is."""
        return x

    def attended(self, layer: int, query: Tensor, types: Tensor, decoder: Decoder) -> Tensor | None:
        """Add nothing outside the attention."""
        return None

    def keys_values_beside(self, layer: int, decoder: Decoder) -> tuple[Tensor, Tensor] | None:
        """Return the layer's keys and values (heads, m, d / heads)."""
        return self.past[layer, 0], self.past[layer, 1]

    def beside_steps(self, decoder: Decoder, types: Tensor | None) -> Beside | None:
        """Return the keys and values; they stand among the sequence's own."""
        return Beside(self.past.to(decoder.layer_norm.weight.dtype), None)

    def added_to_steps(self, types: Tensor | None, memory: Memory) -> Tensor | None:
        """Add nothing to the layers' inputs."""
        return None


def merged(decoder: Decoder, tensors: Mapping[str, Any]) -> Decoder:
    """Return a copy of the decoder with a low-rank adaptation added to its matrices: W + up down.

    Raises:
        BenchError: a tensor names no projection of it or does not fit.
    """
    made = copy.deepcopy(decoder)
    for name in tensors:
        if not name.endswith(".down"):
            continue
        try:
            _, layer, projection, _ = name.split(".")
            weight = getattr(made.layers[int(layer)].self_attn, projection).weight
            down, up = (torch.as_tensor(tensors[f"{LOW_RANK}.{layer}.{projection}.{part}"]) for part in ("down", "up"))
            with torch.no_grad():
                weight += up.to(weight) @ down.to(weight)
        except (ValueError, AttributeError, KeyError, IndexError, RuntimeError, TypeError) as error:
            raise BenchError(f"tensor {name}: does not fit this decoder ({error}); give its own adapter") from error
    return made


def of(tensors: Mapping[str, Any], config: Config) -> Prompts | Aligned | Prefix:
    """Build an adapter from a weight file's tensors, ready for use.

    Raises:
        BenchError: they are those of no adapter, or of one for another decoder.
    """
    names = set(tensors)
    made: Prompts | Aligned | Prefix
    if names == {"past"}:
        made = Prefix(config, _size(tensors, "past", 5))
    elif names == {"adaptor", "gates"}:
        made = Prompts(config, _size(tensors, "adaptor", 4))
    elif names == {"adaptor", "gates", "down", "up", "path_gates"}:
        made = Aligned(config, _size(tensors, "adaptor", 4), _size(tensors, "down", 3))
    else:
        some = ", ".join(sorted(names)[:6]) or "nothing"
        raise BenchError(f"holds {some}; want adaptor and gates, those with a path, or past")
    for name, value in made.state_dict().items():
        if tuple(tensors[name].shape) != tuple(value.shape):
            raise BenchError(
                f"tensor {name}: is {tuple(tensors[name].shape)}, want {tuple(value.shape)} for a decoder of "
                f"{config.depth} layers and {config.width} channels"
            )
    made.load_state_dict({name: torch.as_tensor(value).float() for name, value in tensors.items()})
    return made.eval()


def _size(tensors: Mapping[str, Any], name: str, n_axes: int) -> int:
    """Return the last axis but one of a tensor, which is what an adapter may choose."""
    shape = tuple(tensors[name].shape)
    if len(shape) != n_axes:
        raise BenchError(f"tensor {name}: is {shape}, want {n_axes} axes")
    return int(shape[-2])
