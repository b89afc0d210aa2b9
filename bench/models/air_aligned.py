"""The heterogeneous adapter with a path from each prefix frame to the predicted frame at the same time."""

from functools import partial

from bench.air.choice import Choice
from bench.air.generate import Sampling
from bench.air.sizes import room
from bench.protocols import Model

SIZES = ("mini", "small", "medium", "large")
MEMORY = partial(room, contrast=1.25)


def build(
    size: str = "mini",
    contrast: float = 1.25,
    temperature: float = 1.0,
    top_k: int = 250,
    adapter: str = "",
    device: str = "cpu",
    precision: str = "auto",
) -> Model:
    """Return the extended reference model; see `air` for the arguments."""
    return Choice(
        "air-aligned", size, Sampling(temperature, top_k, contrast), device, adapter=adapter, precision=precision
    )
