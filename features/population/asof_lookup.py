"""Records of many units in the order in which they became known, to look up what was known at a time."""

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
    """Which records of its unit are known at each requested step: those from `first` up to, but without, `stop`."""

    first: Index
    stop: Index

    @property
    def count(self) -> Index:
        """The number of known records."""
        return self.stop - self.first

    @property
    def last(self) -> Index:
        """The position of the newest known record; -1 where there is none."""
        return np.where(self.stop > self.first, self.stop - 1, -1)

    def newest(self, values: NDArray[Value], missing: object = np.nan) -> NDArray[Value]:
        """Return the value of the newest known record."""
        return take(values, self.last, missing)

    def total(self, amounts: Index) -> Index:
        """Sum whole amounts over the known records."""
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(amounts)])
        return np.asarray(sums[self.stop] - sums[self.first])


@dataclass(frozen=True, slots=True)
class AsOfLookup:
    """Records sorted by unit, then by the step at which each became known."""

    unit: Index
    step: Index

    def known(self, unit: Index, step: Index) -> Known:
        """Look up what is known of units, each at a step."""
        low = int(min(self.step.min(initial=0), step.min(initial=0)))
        span = int(max(self.step.max(initial=0), step.max(initial=0))) - low + 1
        stop = np.searchsorted(self.unit * span + (self.step - low), unit * span + (step - low), side="right")
        first = np.searchsorted(self.unit, np.arange(unit.max(initial=-1) + 1))
        return Known(first[unit], stop)


def take(values: NDArray[Value], position: Index, missing: object) -> NDArray[Value]:
    """Return values by position, and `missing` where the position is -1."""
    return np.append(values, np.array(missing, values.dtype))[position]


def running_max(unit: Index, times: Times) -> Times:
    """Return the latest time up to each record, among those of its unit; `unit` ascends."""
    distinct, rank = np.unique(times, return_inverse=True)
    offset = unit * len(distinct)  # so that all ranks of a unit are above those of the unit before
    return np.asarray(distinct[np.maximum.accumulate(offset + rank) - offset])
