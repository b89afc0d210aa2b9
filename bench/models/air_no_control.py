"""Baseline: the heterogeneous adapter, trained and run without a control."""

from bench.air.choice import Choice
from bench.air.generate import Sampling
from bench.air.sizes import room
from bench.protocols import Model

SIZES = ("mini", "small", "medium", "large")
MEMORY = room


def build(
    size: str = "mini", temperature: float = 1.0, top_k: int = 250, device: str = "cpu", precision: str = "auto"
) -> Model:
    """Return the baseline; see `air` for the arguments."""
    return Choice("air-no-control", size, Sampling(temperature, top_k), device, follows=False, precision=precision)
