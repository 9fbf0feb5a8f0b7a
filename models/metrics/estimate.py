"""A measured number and its resamples, so that no figure is quoted without its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from features.grid import Array

INTERVAL: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value (None: undefined) and its value in each resample (None: too few failures for an interval)."""

    value: float | None
    draws: Array | None = None

    def bounds(self) -> tuple[float | None, float | None]:
        """Return the 95% interval over the resamples in which the figure is defined."""
        defined = self.draws[np.isfinite(self.draws)] if self.draws is not None else np.empty(0)
        if self.value is None or not len(defined):
            return None, None
        low, high = np.quantile(defined, INTERVAL).tolist()
        return low, high

    def over(self, other: Estimate) -> Estimate:
        """Divide by a figure of the same resamples, draw by draw, so that the interval is paired."""
        value = self.value / other.value if self.value is not None and other.value else None
        if self.draws is None or other.draws is None:
            return Estimate(value)
        return Estimate(value, divide(self.draws, other.draws))

    def minus(self, other: Estimate) -> Estimate:
        """Subtract a figure of the same resamples, draw by draw, so that the interval is paired."""
        value = self.value - other.value if self.value is not None and other.value is not None else None
        return Estimate(value, None if self.draws is None or other.draws is None else self.draws - other.draws)

    def complement(self) -> Estimate:
        """Return 1 minus the figure."""
        return Estimate(None if self.value is None else 1 - self.value, None if self.draws is None else 1 - self.draws)

    def to_json(self) -> dict[str, float | None]:
        """Return value, low and high."""
        low, high = self.bounds()
        return {"value": self.value, "low": low, "high": high}


def divide(numerator: Array, denominator: Array) -> Array:
    """Divide draw by draw; a draw whose denominator is 0 comes out as not finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return numerator / denominator
