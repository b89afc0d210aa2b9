"""Adapters: the networks that are trained on top of the frozen decoder.

`Prompts` is the heterogeneous adapter of arXiv 2402.09508 (section 3.2). `Aligned` adds a path from each prefix frame
to the predicted frame at the same time. `Prefix` is prefix tuning (Li and Liang, ACL 2021). Low-rank adaptation (Hu et
al., ICLR 2022) changes the decoder's own matrices; see `merged`.
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
"""Prefix of the tensor names of a low-rank adaptation: `lora.<layer>.<projection>.<down|up>`."""


class Prompts(nn.Module):
    """A prompt and a gate for every layer and type of frame; 4 L (m d + 1) parameters.

    Besides the sequence, a step of type i attends to keys and values that the frozen layer computes from prompt [l, i].
    The result, times gate [l, i], is added to each head's output before the output projection. Prompts are initialised
    from N(0, 1) and gates with 0, so that an untrained adapter leaves the decoder's output unchanged bit for bit.
    Tensors are named as in the published checkpoints: `adaptor` (L, 4, m, d), `gates` (L, 4).
    """

    def __init__(self, config: Config, m: int) -> None:
        """Create random prompts of m vectors, and gates of 0, for a decoder of these sizes."""
        super().__init__()
        self.adaptor = nn.Parameter(torch.randn(config.depth, TYPES, m, config.width))
        self.gates = nn.Parameter(torch.zeros(config.depth, TYPES))
        self.register_buffer("_types", torch.arange(TYPES), persistent=False)
        self._cached: dict[int, tuple[Tensor, Tensor]] = {}

    def train(self, mode: bool = True) -> "Prompts":
        """Set training or inference mode; in inference the prompts' keys and values are computed once and kept."""
        self._cached.clear()
        return super().train(mode)

    def before(self, layer: int, x: Tensor, types: Tensor, start: int, n_prefix: int, memory: Memory | None) -> Tensor:
        """Return the layer's input unchanged."""
        return x

    def keys_values_beside(self, layer: int, decoder: Decoder) -> tuple[Tensor, Tensor] | None:
        """Return None: prompts have an attention of their own."""
        return None

    def attended(self, layer: int, query: Tensor, types: Tensor, decoder: Decoder) -> Tensor | None:
        """Return gate times the attention of each query (B, heads, n, d / heads) to the prompt of its type (B, n)."""
        keys, values = self._keys_values(layer, decoder)
        scores = torch.matmul(query * query.shape[-1] ** -0.5, keys).unflatten(-1, (TYPES, -1))
        own = (types[..., None] == self._types) * self.gates[layer]
        weights = scores.softmax(dim=-1) * own[:, None, :, :, None]
        return torch.matmul(weights.flatten(-2).to(values.dtype), values)

    def beside_steps(self, decoder: Decoder, types: Tensor | None) -> Beside | None:
        """Return the prompts of the predicted types, and for each step the gates: 0 for the prompt of another type."""
        if types is None:
            return None
        prompts = []
        for layer in range(len(self.adaptor)):
            keys, values = self._keys_values(layer, decoder)
            prompts.append(torch.stack([keys.transpose(-1, -2), values]).unflatten(2, (TYPES, -1))[:, :, INPAINT:])
        own = (types[..., None] == self._types[INPAINT:]) * self.gates[:, None, None, INPAINT:]
        return Beside(torch.stack(prompts).flatten(3, 4), own.to(prompts[0].dtype))

    def added_to_steps(self, types: Tensor | None, memory: Memory) -> Tensor | None:
        """Return None: nothing is added to the layers' inputs."""
        return None

    def _keys_values(self, layer: int, decoder: Decoder) -> tuple[Tensor, Tensor]:
        """Return the prompts of all types side by side: (heads, d / heads, 4 m) and (heads, 4 m, d / heads)."""
        if layer in self._cached:
            return self._cached[layer]
        frozen = decoder.layers[layer]
        prompts = self.adaptor[layer].to(frozen.self_attn_layer_norm.weight.dtype)
        normed = frozen.self_attn_layer_norm(prompts).flatten(0, 1)
        heads = frozen.self_attn.heads
        keys = frozen.self_attn.k_proj(normed).unflatten(-1, (heads, -1)).permute(1, 2, 0)
        values = frozen.self_attn.v_proj(normed).unflatten(-1, (heads, -1)).transpose(0, 1)
        if not self.training:
            self._cached[layer] = (keys.contiguous(), values.contiguous())
        return keys, values


class Aligned(Prompts):
    """Prompts, and at every layer a path g B gelu(A norm(h)) from a prefix frame to the predicted frame at its time.

    h is the layer's input at the step that has seen all codebooks of the prefix frame; A and B have rank `rank`; g is a
    gate per layer and type of predicted frame, initialised with 0.
    """

    def __init__(self, config: Config, m: int, rank: int) -> None:
        """Create prompts of m vectors, and paths of a rank, for a decoder of these sizes."""
        super().__init__(config, m)
        self.down = nn.Parameter(torch.randn(config.depth, rank, config.width) / config.width**0.5)
        self.up = nn.Parameter(torch.randn(config.depth, config.width, rank) / rank**0.5)
        self.path_gates = nn.Parameter(torch.zeros(config.depth, TYPES - INPAINT))
        self._books = config.books

    def before(self, layer: int, x: Tensor, types: Tensor, start: int, n_prefix: int, memory: Memory | None) -> Tensor:
        """Add the path to the predicted steps; what the prefix contributes is computed once and kept in `memory`."""
        n = x.shape[1]
        if start + n <= n_prefix:
            return x
        cached = memory.of_prefix.get(layer) if memory is not None else None
        offered = self._offered(layer, x[:, :n_prefix]) if cached is None else cached
        if memory is not None:
            memory.of_prefix[layer] = offered
        first = max(n_prefix - start, 0)
        added = self._added(layer, offered, types[:, first:], start + first - n_prefix)
        return torch.cat([x[:, :first], x[:, first:] + added.to(x.dtype)], dim=1)

    def added_to_steps(self, types: Tensor | None, memory: Memory) -> Tensor | None:
        """Return what the path adds at every predicted step, by layer."""
        if types is None:
            return None
        offered = [memory.of_prefix[layer] for layer in range(len(self.adaptor))]
        return torch.stack([self._added(layer, one, types, 0).to(one.dtype) for layer, one in enumerate(offered)])

    def _added(self, layer: int, offered: Tensor, types: Tensor, first: int) -> Tensor:
        """Return what the path adds at predicted steps first, first + 1, ... of these types (B, n)."""
        steps = torch.arange(first, first + types.shape[1], device=types.device)
        # Frame t's last codebook is an input of step t + K; the last frames are taken at the last step of the prefix.
        seen = offered[:, (steps + self._books).clamp(max=offered.shape[1] - 1)]
        return self.path_gates[layer][types - INPAINT][..., None] * seen

    def _offered(self, layer: int, states: Tensor) -> Tensor:
        normed = nn.functional.layer_norm(states, states.shape[-1:])
        down, up = self.down[layer].to(normed.dtype), self.up[layer].to(normed.dtype)
        return nn.functional.gelu(normed @ down.T) @ up.T


class Prefix(nn.Module):
    """Prefix tuning: learned keys and values of every layer, which every step attends to."""

    def __init__(self, config: Config, m: int) -> None:
        """Create m random vectors for a decoder of these sizes."""
        super().__init__()
        size = config.width // config.heads
        self.past = nn.Parameter(torch.randn(config.depth, 2, config.heads, m, size) * 0.5)

    def before(self, layer: int, x: Tensor, types: Tensor, start: int, n_prefix: int, memory: Memory | None) -> Tensor:
        """Return the layer's input unchanged."""
        return x

    def attended(self, layer: int, query: Tensor, types: Tensor, decoder: Decoder) -> Tensor | None:
        """Return None: prefix tuning has no attention of its own."""
        return None

    def keys_values_beside(self, layer: int, decoder: Decoder) -> tuple[Tensor, Tensor] | None:
        """Return the layer's keys and values (heads, m, d / heads)."""
        return self.past[layer, 0], self.past[layer, 1]

    def beside_steps(self, decoder: Decoder, types: Tensor | None) -> Beside | None:
        """Return the keys and values; they are attended to together with the sequence's own."""
        return Beside(self.past.to(decoder.layer_norm.weight.dtype), None)

    def added_to_steps(self, types: Tensor | None, memory: Memory) -> Tensor | None:
        """Return None: nothing is added to the layers' inputs."""
        return None


def merged(decoder: Decoder, tensors: Mapping[str, Any]) -> Decoder:
    """Return a copy of the decoder with a low-rank adaptation added to its matrices: W + up down.

    Raises:
        BenchError: a tensor names no projection of the decoder, or has the wrong shape.
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
            raise BenchError(f"tensor {name}: does not fit this decoder ({error}); give one trained on it") from error
    return made


def of(tensors: Mapping[str, Any], config: Config) -> Prompts | Aligned | Prefix:
    """Build an adapter from a weight file's tensors, in inference mode.

    Raises:
        BenchError: the tensors are not an adapter's, or belong to an adapter of another decoder.
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
        listed = ", ".join(sorted(names)[:6]) or "no tensors"
        raise BenchError(f"holds {listed}, want adaptor and gates (with down, up and path_gates, if aligned), or past")
    for name, value in made.state_dict().items():
        if tuple(tensors[name].shape) != tuple(value.shape):
            raise BenchError(
                f"tensor {name}: is {tuple(tensors[name].shape)}, want {tuple(value.shape)} for a decoder of "
                f"{config.depth} layers and {config.width} channels"
            )
    made.load_state_dict({name: torch.as_tensor(value).float() for name, value in tensors.items()})
    return made.eval()


def _size(tensors: Mapping[str, Any], name: str, n_axes: int) -> int:
    """Return the length of a tensor's last axis but one: the number of prompt vectors, or the rank."""
    shape = tuple(tensors[name].shape)
    if len(shape) != n_axes:
        raise BenchError(f"tensor {name}: is {shape}, want {n_axes} axes")
    return int(shape[-2])
