"""Statistics of a sampled metric over a window, each with the aggregates from which it is computed.

Here are statistics that several kinds of metrics share; those of one kind are in its module in features/catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from features.feature import Origin
from features.telemetry.aggregates import EXTREMES, FLOW, MOMENTS, AggregateFamily, Parts

if TYPE_CHECKING:
    from features.grid import Array

WindowValue = Callable[[Parts, int, float], "Array"]  # from merged parts, length in buckets, and buckets per day


@dataclass(frozen=True, slots=True)
class WindowStatistic:
    """One number from the merged aggregates of a window."""

    name: str
    family: AggregateFamily = field(compare=False)
    value: WindowValue = field(compare=False)
    origin: ClassVar[Origin] = Origin.SAMPLED

    def bases(self, length: int) -> list[tuple[WindowStatistic, int]]:
        """List the statistics that this one is computed from, each with its window in buckets: itself."""
        return [(self, length)]

    def combined(self, values: list[Array], _now: Array) -> Array:
        """Return the value."""
        return values[0]


@dataclass(frozen=True, slots=True)
class DerivedStatistic:
    """One number from other statistics: some over the window, some over its newest bucket alone."""

    name: str
    parts: tuple[tuple[WindowStatistic, bool], ...] = field(compare=False)  # and whether over the newest bucket alone
    combine: Callable[[list[Array], Array], Array] = field(compare=False)  # from values, and the end in Unix seconds
    origin: ClassVar[Origin] = Origin.SAMPLED

    def bases(self, length: int) -> list[tuple[WindowStatistic, int]]:
        """List the statistics that this one is computed from, each with its window in buckets."""
        return [(statistic, 1 if is_newest else length) for statistic, is_newest in self.parts]

    def combined(self, values: list[Array], now: Array) -> Array:
        """Combine the values of the bases; `now` is each window's end in Unix seconds."""
        return self.combine(values, now)


SampledStatistic = WindowStatistic | DerivedStatistic


def part(index: int) -> WindowValue:
    """Return one of the merged parts as it is."""
    return lambda parts, _length, _per_day: parts[index]


def _mean(parts: Parts, _length: int, _per_day: float) -> Array:
    return np.where(parts[0] > 0, parts[1], np.nan)


MEAN = WindowStatistic("mean", MOMENTS, _mean)
MIN = WindowStatistic("min", EXTREMES, part(0))
MAX = WindowStatistic("max", EXTREMES, part(1))
LAST = WindowStatistic("last", FLOW, part(1))
INCREASE = WindowStatistic("increase", FLOW, part(2))
