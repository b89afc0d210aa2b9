"""Baseline: prefix tuning, with the reference's data and steps (Li and Liang, ACL 2021)."""

from bench.air.choice import Choice
from bench.air.generate import Sampling
from bench.air.sizes import room
from bench.protocols import Model

SIZES = ("mini", "small", "medium", "large")
MEMORY = room


def build(
    size: str = "mini",
    contrast: float = 1.0,
    temperature: float = 1.0,
    top_k: int = 250,
    adapter: str = "",
    device: str = "cpu",
    precision: str = "auto",
) -> Model:
    """Return the baseline; see `air` for the arguments."""
    return Choice(
        "prefix-tuning", size, Sampling(temperature, top_k, contrast), device, adapter=adapter, precision=precision
    )
