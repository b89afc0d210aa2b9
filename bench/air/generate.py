"""Generation: the prediction, step by step, for a batch of requests at once.

The prefix is run in one pass; then every step costs one token a book, its keys and values kept. Every request has its own
random numbers, so what it gets does not depend on what stands beside it in the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.air.decoder import Adaptation, Decoder, Memory
from bench.air.sequence import Layout


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: Divides the scores; 0 takes the likeliest token.
        top_k: Only the likeliest so many; 250 as published.
        contrast: Weight w of c: scores are u + w (c - u), u being those without the control; 1 leaves u out.
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
) -> Tensor:
    """Return predicted tokens (B, K, T).

    Args:
        decoder: The frozen decoder.
        prefix: Tokens (B, K, T).
        types: Types of the steps (B, 2 T + K - 1), for an adaptation.
        adaptation: What is added to the decoder, or None.
        sampling: How tokens are drawn.
        seeds: One a request.
        without: The prefix without the control (B, K, T), for `sampling.contrast`.
        forced: Tokens (B, K, T) and flags (B, T) of frames that are given rather than predicted.
        step_done: Called after every step.
    """
    batch, books, n_frames = prefix.shape
    layout = Layout(n_frames, books)
    is_contrasted = without is not None and sampling.contrast != 1
    runs = torch.cat([prefix, without]) if is_contrasted and without is not None else prefix
    grid, is_open = _grid(layout, runs, forced, decoder.config.pad)
    numbers = _numbers(seeds, layout, sampling, prefix.device)
    if types is not None and is_contrasted:
        types = torch.cat([types, types])
    places = decoder.places(layout.n_steps, n_frames, runs)
    memory = Memory(decoder.config, len(runs), layout.n_steps, decoder.layer_norm.weight)
    start, end = 0, n_frames + 1
    while end <= layout.n_steps:
        x = decoder.embedded(grid[:, :, start:end]) + places[:, start:end]
        stretch = types[:, start:end] if types is not None else None
        x = decoder.run(x, start, n_frames, stretch, adaptation, memory)
        scores = decoder.logits(x[:, -1:])[:, :, 0].float()
        if is_contrasted:
            given, free = scores[:batch], scores[batch:]
            scores = free + sampling.contrast * (given - free)
        drawn = draw(scores, numbers[:, end - 1 - n_frames] if numbers is not None else None, sampling)
        drawn = torch.cat([drawn, drawn]) if is_contrasted else drawn
        grid[:, :, end] = torch.where(is_open[:, :, end], drawn, grid[:, :, end])
        start, end = end, end + 1
        step_done()
    return torch.stack([grid[:batch, k, n_frames + k + 1 : 2 * n_frames + k + 1] for k in range(books)], dim=1)


def n_generated_steps(n_frames: int, books: int) -> int:
    """Return how often `step_done` is called."""
    return n_frames + books - 1


def draw(scores: Tensor, numbers: Tensor | None, sampling: Sampling) -> Tensor:
    """Return a token (B, K) for scores (B, K, entries), by numbers (B, K) in [0, 1); None takes the likeliest."""
    if numbers is None:
        return scores.argmax(dim=-1)
    best = torch.topk(scores / sampling.temperature, min(sampling.top_k, scores.shape[-1]), dim=-1)
    shares = best.values.double().softmax(dim=-1).cumsum(dim=-1)
    place = (shares <= numbers[..., None] * shares[..., -1:]).sum(dim=-1, keepdim=True)
    return best.indices.gather(-1, place.clamp(max=shares.shape[-1] - 1))[..., 0]


def _grid(layout: Layout, prefix: Tensor, forced: tuple[Tensor, Tensor] | None, pad: int) -> tuple[Tensor, Tensor]:
    """Return the delayed tokens with a column for what the last step predicts, and which of them are to be drawn."""
    batch, books, n_frames = prefix.shape
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
    """Return uniform numbers (B, generated steps, K) in float64, or None where the likeliest token is taken."""
    if sampling.temperature == 0:
        return None
    shape = (n_generated_steps(layout.n_frames, layout.n_books), layout.n_books)
    return torch.from_numpy(np.stack([np.random.default_rng(seed).random(shape) for seed in seeds])).to(device)
