"""Generation: predict tokens step by step, for a batch of requests at once.

The prefix is run in one pass; each step then makes one token per codebook and keeps its keys and values. Every request
has random numbers of its own, so that its tokens do not depend on the other requests of the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.air.decoder import Adaptation, Decoder
from bench.air.sequence import Layout
from bench.air.stepper import Stepper
from bench.air.walk import Counted, Place, walk

_FUSED_WIDTH = 512
"""Largest width for fused steps: on wider decoders they are no faster, and torch uses several threads."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: Divides the scores; 0 takes the likeliest token.
        top_k: Number of likeliest tokens to draw from; 250 in the paper.
        contrast: Weight w in u + w (c - u), where c are the scores with the control and u those without; with 1, u is
            not computed.
    """

    temperature: float = 1.0
    top_k: int = 250
    contrast: float = 1.0


@torch.inference_mode()
def generate(
    decoder: Decoder,
    prefix: Tensor,
    types: Tensor | None,
    adaptation: Adaptation | None,
    sampling: Sampling,
    seeds: Sequence[int],
    *,
    without: Tensor | None = None,
    forced: tuple[Tensor, Tensor] | None = None,
    step_done: Callable[[], None] = lambda: None,
    way: str = "",
) -> Tensor:
    """Return the predicted tokens (B, K, T).

    Args:
        decoder: The frozen decoder.
        prefix: Tokens (B, K, T).
        types: Types of the steps (B, 2 T + K - 1), for an adaptation.
        adaptation: The adapter, or None.
        sampling: How tokens are drawn.
        seeds: One per request.
        without: The prefix without the control (B, K, T), for `sampling.contrast`.
        forced: Tokens (B, K, T) and flags (B, T); flagged frames keep these tokens instead of predicted ones.
        step_done: Called after every step.
        way: One of `bench.air.walk.WAYS`; empty for the fastest; see `usual_way`.
    """
    books, n_frames = prefix.shape[1:]
    layout = Layout(n_frames, books)
    is_contrasted = without is not None and sampling.contrast != 1
    runs = torch.cat([prefix, without]) if is_contrasted and without is not None else prefix
    grid, is_open = _grid(layout, runs, forced, decoder.config.pad)
    if types is not None and is_contrasted:
        types = torch.cat([types, types])
    places = decoder.places(layout.n_steps, n_frames, runs)
    n = n_generated_steps(n_frames, books)
    stepper = Stepper(decoder, adaptation, types, len(runs), n_frames, n)
    numbers = _numbers(seeds, layout, sampling, prefix.device)
    drawing = _Drawing(grid[..., n_frames + 1 :], is_open[..., n_frames + 1 :], numbers, sampling, is_contrasted)
    drawing.settle(stepper.prefix(grid[..., : n_frames + 1], places[:, : n_frames + 1]), Counted(0))
    step_done()
    tokens, where = grid[..., n_frames:], places[:, n_frames:]
    way = way or usual_way(decoder)
    if way == "compiled":
        stepper.compile()
    if way == "fused":
        stepper.fuse()

    def take(place: Place) -> None:
        drawing.settle(stepper.scores(place.row(tokens, 2), place.row(where, 1), place), place)
        place.advance()

    walk(take, n, n_frames, prefix.device, way, step_done)
    made = grid[: len(prefix), :, n_frames + 1 :]
    return torch.stack([made[:, k, k : k + n_frames] for k in range(books)], dim=1)


@dataclass(frozen=True)
class _Drawing:
    """Draws the tokens of each step and stores them.

    Attributes:
        targets: Tokens that the steps predict (B, K, n), a part of the grid of tokens; (2 B, K, n) with a contrast.
        is_open: Flags of the tokens to be drawn, of the shape of `targets`.
        numbers: Uniform random numbers (B, n, K), or None for the likeliest tokens.
        sampling: How tokens are drawn.
        is_contrasted: Whether the batch holds every request twice, with the control and without.
    """

    targets: Tensor
    is_open: Tensor
    numbers: Tensor | None
    sampling: Sampling
    is_contrasted: bool

    def settle(self, scores: Tensor, place: Place) -> None:
        """Draw the tokens of a step and store them in `targets`."""
        if self.is_contrasted:
            given, free = scores.chunk(2)
            scores = free + self.sampling.contrast * (given - free)
        drawn = draw(scores, place.row(self.numbers, 1) if self.numbers is not None else None, self.sampling)
        drawn = torch.cat([drawn, drawn]) if self.is_contrasted else drawn
        place.write(self.targets, 2, torch.where(place.row(self.is_open, 2), drawn, place.row(self.targets, 2)))


def usual_way(decoder: Decoder) -> str:
    """Return the fastest way: `graph` on a GPU; on a CPU `fused` for a small float32 decoder, else `counted`."""
    weight, sizes = decoder.layer_norm.weight, decoder.config
    if weight.device.type == "cuda":
        return "graph"
    is_even = not any(n % 2 for n in (sizes.width, sizes.ffn, sizes.books * sizes.entries))
    return "fused" if is_even and weight.dtype == torch.float32 and sizes.width <= _FUSED_WIDTH else "counted"


def n_generated_steps(n_frames: int, books: int) -> int:
    """Return the number of steps, which is how often `step_done` is called."""
    return n_frames + books - 1


def draw(scores: Tensor, numbers: Tensor | None, sampling: Sampling) -> Tensor:
    """Draw tokens (B, K) from scores (B, K, entries) with numbers (B, K) in [0, 1); None takes the likeliest.

    Probabilities are summed in the order of the entries, not of the scores: the order of almost equal scores depends on
    the last bits, and the draw would too.
    """
    if numbers is None:
        return scores.argmax(dim=-1)
    best = torch.topk(scores, min(sampling.top_k, scores.shape[-1]), dim=-1, sorted=False).values
    known = scores.masked_fill(scores < best.amin(dim=-1, keepdim=True), float("-inf"))
    shares = (known.double() / sampling.temperature).softmax(dim=-1).cumsum(dim=-1)
    place = (shares <= numbers[..., None] * shares[..., -1:]).sum(dim=-1)
    return place.clamp(max=shares.shape[-1] - 1)


def _grid(layout: Layout, prefix: Tensor, forced: tuple[Tensor, Tensor] | None, pad: int) -> tuple[Tensor, Tensor]:
    """Return the delayed tokens, the last step's prediction included, and flags of those to be drawn."""
    batch, books = prefix.shape[:2]
    unknown = torch.full_like(prefix, pad)
    is_open = torch.ones_like(prefix, dtype=torch.bool)
    if forced is not None:
        copies = batch // len(forced[0])
        given, flags = (part.repeat(copies, *[1] * (part.dim() - 1)) for part in forced)
        unknown = torch.where(flags[:, None], given, unknown)
        is_open = ~flags[:, None].expand(-1, books, -1)
    grid = layout.delayed(torch.cat([prefix, unknown], dim=2), pad)
    return grid, layout.delayed(torch.cat([torch.zeros_like(is_open), is_open], dim=2).long(), 0).bool()


def _numbers(seeds: Sequence[int], layout: Layout, sampling: Sampling, device: torch.device) -> Tensor | None:
    """Return uniform numbers (B, generated steps, K) in float64, or None at temperature 0."""
    if sampling.temperature == 0:
        return None
    shape = (n_generated_steps(layout.n_frames, layout.n_books), layout.n_books)
    return torch.from_numpy(np.stack([np.random.default_rng(seed).random(shape) for seed in seeds])).to(device)
