"""Scales: positions of numbers on an axis, and its ticks."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10

LARGEST = 1e12
"""Larger absolute values (and smaller ratios) are not plausible measurements and are left out."""


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic axis.

    Attributes:
        low: The number at its start.
        high: The number at its end, above `low`.
        start: Position of its start in the picture.
        end: Position of its end; less than `start` if the axis is reversed.
        is_log: Whether it is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Return the position of a number; of the nearer end if it is outside."""
        low, high = self._mapped(self.low), self._mapped(self.high)
        share = (self._mapped(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Return whether a number is on the axis."""
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

    def _mapped(self, value: float) -> float:
        return log10(value) if self.is_log else value


def spanning(values: Iterable[float], start: float, end: float) -> Scale | None:
    """Return a linear scale with a margin around the values; None without values."""
    known = [value for value in values if abs(value) < LARGEST]
    if not known:
        return None
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Scale(low - room, high + room, start, end)


def ratios(values: Iterable[float], start: float, end: float) -> Scale | None:
    """Return a logarithmic scale with a factor of two around the values; None without values above 0."""
    known = [value for value in values if 1 / LARGEST < value < LARGEST]
    return Scale(min(known) / 2, max(known) * 2, start, end, is_log=True) if known else None


def short(number: float) -> str:
    """Return a number as text for a tick."""
    return f"{number:.6g}".replace("-", "−")


def _round_step(wanted: float) -> float:
    power = 10.0 ** floor(log10(wanted))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted * 0.999)
