"""Facts that begin and end, spread over units x cutoffs: who is present, who is down."""

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
    """A number of units (nodes, racks, hardware models) at a row of rising cutoffs."""

    units: int
    cutoffs: Times

    def steps(self, moments: Times) -> Index:
        """Give the first cutoff at or after each moment; one past the last for NaT."""
        found = np.searchsorted(self.cutoffs, moments, side="left")
        return np.where(np.isnat(moments), len(self.cutoffs), found)

    def count_active(self, unit: Index, start: Times, stop: Times) -> NDArray[np.int32]:
        """Count, for every unit and cutoff t, the facts with start <= t < stop; NaT stops never."""
        return self.sum_active(unit, self.steps(start), self.steps(stop), ONE)

    def sum_active(self, unit: Index, begin: Index, end: Index, amount: NDArray[Whole]) -> NDArray[Whole]:
        """Sum, for every unit and cutoff, the amounts of the facts with begin <= cutoff's number < end.

        Facts of unit -1 count nowhere.
        """
        amount = np.broadcast_to(amount, unit.shape)
        change = np.zeros((self.units, len(self.cutoffs) + 1), dtype=amount.dtype)
        real = (unit >= 0) & (begin < end)
        np.add.at(change, (unit[real], begin[real]), amount[real])
        np.subtract.at(change, (unit[real], end[real]), amount[real])
        return np.cumsum(change, axis=1, dtype=amount.dtype, out=change)[:, :-1]
