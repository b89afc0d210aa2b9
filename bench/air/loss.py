"""The loss with which the mini language model and all adapters are trained."""

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
    """Return the mean cross-entropy of the prediction's tokens, in nats.

    Args:
        network: The decoder.
        prefix: Tokens (B, K, T).
        prediction: Tokens (B, K, T).
        rng: Random numbers in training, which runs in bfloat16; None in validation, in the network's precision.
        types: Types of the steps (B, n_steps), for an adaptation.
        adaptation: The adapter, or None.
        only: Flags (B, T) of the frames that count; None for all.
        hidden: In training, the share of predictions whose inputs are hidden in places, so that the network does not
            learn to rely on past tokens alone.
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
    """Return the tokens with random stretches of a share of the predictions replaced by the pad token."""
    inputs = tokens.clone()
    n = tokens.shape[2]
    for k in range(len(tokens)):
        if rng.random() < share:
            for _ in range(int(rng.integers(1, max(n // 60, 2)))):
                start, length = int(rng.integers(n)), int(rng.integers(5, _LONGEST))
                inputs[k, :, start : start + length] = pad
    return inputs
