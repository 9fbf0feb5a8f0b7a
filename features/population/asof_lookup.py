"""Facts of many units in the order in which they became known, to look up what was known when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Index, Times

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Known:
    """Which facts of its unit each place knows: those from `first` up to, but without, `stop`."""

    first: Index
    stop: Index

    @property
    def count(self) -> Index:
        """Count the facts that each place knows."""
        return self.stop - self.first

    @property
    def last(self) -> Index:
        """Give the position of the newest fact that each place knows; -1 where it knows none."""
        return np.where(self.stop > self.first, self.stop - 1, -1)

    def newest(self, values: NDArray[Value], missing: object = np.nan) -> NDArray[Value]:
        """Give the value of the newest fact that each place knows."""
        return at(self.last, values, missing)

    def total(self, amounts: Index) -> Index:
        """Sum whole amounts over the facts that each place knows."""
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(amounts)])
        return np.asarray(sums[self.stop] - sums[self.first])


@dataclass(frozen=True, slots=True)
class AsOfLookup:
    """Facts sorted by unit, then by the step at which each became known."""

    unit: Index
    step: Index

    def known(self, unit: Index, step: Index) -> Known:
        """Look up what is known at places, each of them a unit at a step."""
        low = int(min(self.step.min(initial=0), step.min(initial=0)))
        span = int(max(self.step.max(initial=0), step.max(initial=0))) - low + 1
        stop = np.searchsorted(self.unit * span + (self.step - low), unit * span + (step - low), side="right")
        first = np.searchsorted(self.unit, np.arange(unit.max(initial=-1) + 1))
        return Known(first[unit], stop)


def at(position: Index, values: NDArray[Value], missing: object) -> NDArray[Value]:
    """Take values by position; at -1 there is none."""
    return np.append(values, np.array(missing, values.dtype))[position]


def running_max(unit: Index, moments: Times) -> Times:
    """Give the latest among each fact's moment and those before it of its unit; `unit` rises."""
    distinct, rank = np.unique(moments, return_inverse=True)
    ahead = unit * len(distinct)  # the ranks of a unit all lie above those of the unit before
    return np.asarray(distinct[np.maximum.accumulate(ahead + rank) - ahead])
