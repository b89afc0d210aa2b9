"""Small decoders and adapters with random weights, all of them far from their initial values."""

import numpy as np
import torch

from bench.air.adapter import Aligned, Prefix, Prompts
from bench.air.decoder import Config, Decoder
from bench.air.sequence import Layout

ENTRIES, N_FRAMES, BATCH = 48, 30, 3
KINDS = ("none", "prompts", "aligned", "prefix")


def small_decoder(is_mini=False, seed=0):
    torch.manual_seed(seed)
    decoder = Decoder(Config(32, 3, 4, 64, 4, ENTRIES, is_mini=is_mini)).eval()
    if is_mini:
        torch.nn.init.normal_(decoder.paths, std=0.2)
        torch.nn.init.normal_(decoder.segments)
    return decoder.requires_grad_(False)


def small_adapter(kind, config, seed=1, is_fresh=False):
    torch.manual_seed(seed)
    made = {
        "none": lambda: None,
        "prompts": lambda: Prompts(config, 5),
        "aligned": lambda: Aligned(config, 5, 8),
        "prefix": lambda: Prefix(config, 3),
    }[kind]()
    if made is not None and not is_fresh:
        for value in made.parameters():
            torch.nn.init.normal_(value)
    return made if made is None else made.eval()


def small_request(seed=2):
    """Return a prefix (B, 4, T), the mask (B, T) and the types of all steps."""
    rng = np.random.default_rng(seed)
    prefix = torch.from_numpy(rng.integers(0, ENTRIES, (BATCH, 4, N_FRAMES)))
    masked = rng.random((BATCH, N_FRAMES)) < 0.5
    return prefix, masked, Layout(N_FRAMES, 4).types(masked)
