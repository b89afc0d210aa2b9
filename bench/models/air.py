"""Reference: the heterogeneous adapter, prompts and gates on a frozen decoder (arXiv 2402.09508)."""

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
    """Return the reference model.

    Args:
        size: Size of the frozen decoder; `mini` comes with the installation.
        contrast: How far scores are moved away from those without the control; 1, as in the paper, is not at all.
        temperature: Divides the scores before the draw; 0 takes the likeliest token.
        top_k: Number of likeliest tokens to draw from.
        adapter: Path of a weight file, or name of a shipped one; empty for the model's own.
        device: `cpu` or `cuda`.
        precision: Of the decoder: `float32`, `bfloat16`, or `auto`: bfloat16 for a full size on a GPU, else float32.
    """
    return Choice("air", size, Sampling(temperature, top_k, contrast), device, adapter=adapter, precision=precision)
