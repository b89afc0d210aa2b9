"""The heterogeneous adapter of the paper: prompts and gates on a frozen decoder (arXiv 2402.09508)."""

from bench.air.choice import Choice
from bench.air.generate import Sampling
from bench.air.published import ADAPTERS, MUSICGEN
from bench.air.sizes import room
from bench.protocols import Model

SIZES = ("mini", "small", "medium", "large")
MEMORY = room
WEIGHTS = (*MUSICGEN.values(), ADAPTERS)


def build(
    size: str = "mini",
    contrast: float = 1.0,
    temperature: float = 1.0,
    top_k: int = 250,
    adapter: str = "",
    device: str = "cpu",
    precision: str = "auto",
) -> Model:
    """Return the reference.

    Args:
        size: Of the frozen decoder; `mini` comes with the installation.
        contrast: How far scores are pushed away from those without the control; 1 not at all, as published.
        temperature: Of the draw; 0 takes the likeliest token.
        top_k: Draw among the likeliest so many.
        adapter: A weight file's path, or a shipped one's name; empty for the reference's own.
        device: `cpu` or `cuda`.
        precision: Of the decoder: `float32`, `bfloat16`, or `auto`, which is bfloat16 for a full size on a GPU.
    """
    return Choice("air", size, Sampling(temperature, top_k, contrast), device, adapter=adapter, precision=precision)
