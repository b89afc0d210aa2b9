"""Scales: where a number stands on an axis, and which ticks the axis bears."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10

LARGEST = 1e12
"""What lies beyond it, up or down, is left out: it can be no measurement."""


@dataclass(frozen=True)
class Scale:
    """A straight or logarithmic axis.

    Attributes:
        low: The number at its beginning.
        high: The number at its end; over `low`.
        start: Where it begins in the picture.
        end: Where it ends; before `start` where it runs backwards.
        is_log: Whether equal steps are equal ratios.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Return where a number stands, at the nearer end where it lies outside."""
        low, high = self._bent(self.low), self._bent(self.high)
        share = (self._bent(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a number lies on it."""
        return self.low <= value <= self.high

    @property
    def ticks(self) -> list[float]:
        """Three to six round numbers; on a logarithmic axis 1, 2 and 5 of every power of ten."""
        if self.is_log:
            powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            return [tick for k in powers for factor in (1, 2, 5) if self.holds(tick := factor * 10.0**k)]
        step = _round_step((self.high - self.low) / 4)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [round(k * step, 10) for k in range(first, last + 1)]

    def _bent(self, value: float) -> float:
        return log10(value) if self.is_log else value


def spanning(values: Iterable[float], start: float, end: float) -> Scale | None:
    """Return a straight scale with a little room around the values; None without any."""
    known = [value for value in values if abs(value) < LARGEST]
    if not known:
        return None
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Scale(low - room, high + room, start, end)


def ratios(values: Iterable[float], start: float, end: float) -> Scale | None:
    """Return a logarithmic scale with room for a factor of two around the values; None without any over 0."""
    known = [value for value in values if 1 / LARGEST < value < LARGEST]
    return Scale(min(known) / 2, max(known) * 2, start, end, is_log=True) if known else None


def short(number: float) -> str:
    """Return a number as a tick bears it."""
    return f"{number:.6g}".replace("-", "−")


def _round_step(wanted: float) -> float:
    power = 10.0 ** floor(log10(wanted))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted * 0.999)
