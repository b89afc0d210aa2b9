"""Causal self-attention: torch's own, except in training on a CPU, where the plain product is faster."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


def self_attention(query: Tensor, key: Tensor, value: Tensor, beside: tuple[Tensor, Tensor] | None) -> Tensor:
    """Attend from each query to the keys up to its own step, and to all keys of `beside`.

    Args:
        query: (B, heads, n, d / heads).
        key: (B, heads, seen, d / heads); the last n are of the same steps as the queries.
        value: As `key`.
        beside: Keys and values (heads, m, d / heads) that every query sees, or None.

    Returns:
        The attention's output (B, heads, n, d / heads).
    """
    n, seen = query.shape[2], key.shape[2]
    is_learning = torch.is_grad_enabled() and query.device.type == "cpu"
    if beside is None and not is_learning and n in (1, seen):
        # A single step sees all keys; a sequence from its first step on is causal.
        return scaled_dot_product_attention(query, key, value, is_causal=n > 1)
    mask = torch.ones(n, seen, dtype=torch.bool, device=query.device).tril(seen - n)
    if beside is not None:
        more = [part.to(key.dtype).expand(len(key), -1, -1, -1) for part in beside]
        key, value = torch.cat([more[0], key], dim=2), torch.cat([more[1], value], dim=2)
        mask = nn.functional.pad(mask, (more[0].shape[2], 0), value=True)
    if is_learning:
        return _product(query, key, value, mask)
    return scaled_dot_product_attention(query, key, value, attn_mask=mask)


def _product(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Compute attention as product, softmax, product: a third faster than torch's kernel in bfloat16 on a CPU."""
    hidden = torch.zeros(mask.shape, dtype=query.dtype).masked_fill_(~mask, float("-inf"))
    flat = [part.flatten(0, 1) for part in (query * query.shape[-1] ** -0.5, key, value)]
    scores = torch.baddbmm(hidden.expand(len(flat[0]), -1, -1), flat[0], flat[1].transpose(1, 2))
    return (scores.softmax(dim=-1) @ flat[2]).view(query.shape)
