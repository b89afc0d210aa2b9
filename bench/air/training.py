"""The loss that language model and adapters share."""

import numpy as np
import torch
from torch import Tensor, nn

from bench.air.decoder import Adaptation, Decoder
from bench.air.sequence import Layout

HIDDEN = 0.35
_LONGEST = 50


def loss_of(
    network: Decoder,
    prefix: Tensor,
    prediction: Tensor,
    rng: np.random.Generator | None,
    types: Tensor | None = None,
    adaptation: Adaptation | None = None,
    only: Tensor | None = None,
    hidden: float = HIDDEN,
) -> Tensor:
    """Return the cross-entropy of the prediction, a mean over its tokens.

    Args:
        network: The decoder.
        prefix: Tokens (B, K, T).
        prediction: Tokens (B, K, T).
        rng: In training, where the arithmetic is in bfloat16. None in validation.
        types: Types of the steps (B, n_steps), for an adaptation.
        adaptation: What is added to the network, or None.
        only: Flags (B, T); only these frames count. All when None.
        hidden: In training, the share of predictions of whose inputs stretches are hidden, so that the past cannot tell
            everything.
    """
    layout = Layout(prefix.shape[2], prefix.shape[1])
    seen = prediction if rng is None else _hidden(prediction, rng, network.config.pad, hidden)
    inputs = layout.inputs(torch.cat([prefix, seen], dim=2), network.config.pad)
    with torch.autocast(prefix.device.type, dtype=torch.bfloat16, enabled=rng is not None):
        x = network(inputs, types=types, adaptation=adaptation, prefix=prefix, n_prefix=layout.n_frames)
        logits = network.logits(x[:, layout.n_frames :])
    wanted = prediction if only is None else torch.where(only[:, None], prediction, -100)
    return nn.functional.cross_entropy(logits.float().flatten(0, 2), layout.targets(wanted).flatten())


def _hidden(tokens: Tensor, rng: np.random.Generator, pad: int, share: float) -> Tensor:
    """Replace stretches of some predictions' tokens by the pad token."""
    found = tokens.clone()
    n = tokens.shape[2]
    for k in range(len(tokens)):
        if rng.random() < share:
            for _ in range(int(rng.integers(1, max(n // 60, 2)))):
                start, length = int(rng.integers(n)), int(rng.integers(5, _LONGEST))
                found[k, :, start : start + length] = pad
    return found
