"""Facts that begin and end, spread over units x cutoffs: who is present, down, or failed lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.grid import Times

Index = NDArray[np.int64]
FOREVER = np.datetime64("9999-12-31", "us")


@dataclass(frozen=True, slots=True)
class Calendar:
    """A number of units (nodes, racks, hardware models) at a row of rising cutoffs."""

    units: int
    cutoffs: Times

    def count_active(self, unit: Index, start: Times, stop: Times) -> NDArray[np.float32]:
        """Count, for every unit and cutoff t, the facts with start <= t < stop; NaT stops never."""
        change = np.zeros((self.units, len(self.cutoffs) + 1), dtype=np.float32)
        stop = np.where(np.isnat(stop), FOREVER, stop)
        begin, end = (np.searchsorted(self.cutoffs, moment, side="left") for moment in (start, stop))
        real = (unit >= 0) & (begin < end)
        np.add.at(change, (unit[real], begin[real]), 1.0)
        np.add.at(change, (unit[real], end[real]), -1.0)
        return np.cumsum(change, axis=1)[:, :-1]

    def latest(self, unit: Index, known: Times, moment: Times) -> Times:
        """Give, for every unit and cutoff t, the latest `moment` of the facts known by t, or NaT."""
        newest = np.full((self.units, len(self.cutoffs) + 1), np.iinfo(np.int64).min)
        begin = np.searchsorted(self.cutoffs, known, side="left")
        real = (unit >= 0) & ~np.isnat(known) & ~np.isnat(moment)
        np.maximum.at(newest, (unit[real], begin[real]), moment[real].astype(np.int64))
        return np.maximum.accumulate(newest, axis=1)[:, :-1].astype("datetime64[us]")

    def total(self, unit: Index, known: Times, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum, for every unit and cutoff t, the amounts of the facts known by t."""
        change = np.zeros((self.units, len(self.cutoffs) + 1))
        begin = np.searchsorted(self.cutoffs, known, side="left")
        real = (unit >= 0) & ~np.isnat(known)
        np.add.at(change, (unit[real], begin[real]), amount[real])
        return np.cumsum(change, axis=1)[:, :-1]
