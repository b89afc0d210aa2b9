"""The mini universe with random weights: what `bench.runtime.weights.shipped` finds where $BENCH_WEIGHTS is `folder`."""

from pathlib import Path

import numpy as np
import torch

from bench.air.adapter import Aligned, Prefix, Prompts
from bench.air.decoder import Config, Decoder
from bench.air.weights import about_decoder
from bench.mini.tokens import BOOKS, ENTRIES
from bench.mini.vocoder import Vocoder
from bench.runtime.tensors import write_tensors

SIZES = (39, 53, 69, 56)
"""Widths of the four books' entries."""
CONFIG = Config(32, 1, 4, 64, BOOKS, ENTRIES, is_mini=True)


def codebooks(seed=0):
    rng = np.random.default_rng(seed)
    return {
        f"tokens.{k}": rng.uniform(0, 3, (ENTRIES, size)).astype(np.float32) * rng.uniform(0, 1, (ENTRIES, 1)).astype(np.float32)
        for k, size in enumerate(SIZES)
    }  # fmt: skip


def write_codec(path: Path, seed=0):
    torch.manual_seed(seed)
    network = Vocoder(SIZES, width=8, depth=1)
    torch.nn.init.normal_(network.tones.weight, std=0.5)
    kept = {f"vocoder.{name}": value.half() for name, value in network.state_dict().items() if "book" not in name}
    write_tensors(path, {**codebooks(seed), **kept})
    return path


def language(seed=1):
    torch.manual_seed(seed)
    decoder = Decoder(CONFIG).eval()
    torch.nn.init.normal_(decoder.paths, std=0.1)
    torch.nn.init.normal_(decoder.segments)
    return decoder


def write_language(path: Path, seed=1):
    decoder = language(seed)
    write_tensors(path, {name: v.half() for name, v in decoder.state_dict().items()}, about_decoder(decoder))
    return path


def adapter(kind, seed=2):
    """Return the tensors of an adapter, all of them far from their beginnings."""
    torch.manual_seed(seed)
    if kind == "lora":
        return {
            f"lora.0.{projection}.{end}": torch.randn(shape) / 4
            for projection in ("q_proj", "v_proj")
            for end, shape in (("down", (2, CONFIG.width)), ("up", (CONFIG.width, 2)))
        }
    made = {"air": lambda: Prompts(CONFIG, 3), "air-aligned": lambda: Aligned(CONFIG, 3, 4)}.get(
        kind, lambda: Prefix(CONFIG, 3)
    )()
    for value in made.parameters():
        torch.nn.init.normal_(value)
    return {name: value.detach().half() for name, value in made.named_parameters()}


def write_adapter(folder: Path, kind, name, seed=2):
    write_tensors(folder / "mini" / f"{name}.safetensors", adapter(kind, seed))


def write_mini(folder: Path) -> Path:
    """Write codec, language model and an adapter of every kind; return the folder."""
    write_codec(folder / "mini" / "mini-codec.safetensors")
    write_language(folder / "mini" / "mini-language.safetensors")
    for kind in ("air", "air-aligned"):
        for seed, control in enumerate(("drums", "joint")):
            write_adapter(folder, kind, f"{kind}-mini-{control}", seed)
    write_adapter(folder, "air", "air-no-control-mini")
    write_adapter(folder, "lora", "lora-mini-drums")
    write_adapter(folder, "prefix-tuning", "prefix-tuning-mini-drums")
    return folder
