"""Counts intervals over units x cutoffs: which units are present, and which are down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Index, Times

ONE = np.ones((), dtype=np.int32)
Whole = TypeVar("Whole", np.int32, np.int64)


@dataclass(frozen=True, slots=True)
class IntervalCounts:
    """A number of units (nodes, racks, hardware models) at ascending cutoffs."""

    units: int
    cutoffs: Times

    def steps(self, times: Times) -> Index:
        """Return the index of the first cutoff at or after each time; one past the last for NaT."""
        step = np.searchsorted(self.cutoffs, times, side="left")
        return np.where(np.isnat(times), len(self.cutoffs), step)

    def count_active(self, unit: Index, start: Times, stop: Times) -> NDArray[np.int32]:
        """Count, for every unit and cutoff t, the intervals with start <= t < stop; NaT never stops."""
        return self.sum_active(unit, self.steps(start), self.steps(stop), ONE)

    def sum_active(self, unit: Index, begin: Index, end: Index, amount: NDArray[Whole]) -> NDArray[Whole]:
        """Sum, for every unit and cutoff, the amounts of the intervals with begin <= index of the cutoff < end.

        Intervals of unit -1 are not counted.
        """
        amount = np.broadcast_to(amount, unit.shape)
        change = np.zeros((self.units, len(self.cutoffs) + 1), dtype=amount.dtype)
        is_real = (unit >= 0) & (begin < end)
        np.add.at(change, (unit[is_real], begin[is_real]), amount[is_real])
        np.subtract.at(change, (unit[is_real], end[is_real]), amount[is_real])
        return np.cumsum(change, axis=1, dtype=amount.dtype, out=change)[:, :-1]
