"""Blind time: when the fleet's collectors were down, so that nothing could be observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.grid import to_times

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.grid import Index, Times


@dataclass(frozen=True, slots=True)
class BlindTime:
    """Blind periods (start, end], apart from each other and in the order of time."""

    start: Times
    end: Times

    @classmethod
    def of(cls, periods: pl.DataFrame) -> BlindTime:
        """Unite periods that overlap or touch."""
        ordered = periods.sort("start")
        start, end = to_times(ordered["start"]), to_times(ordered["end"])
        reach = np.maximum.accumulate(end)
        begins = np.flatnonzero(np.append(True, start[1:] > reach[:-1])[: len(start)])
        return cls(start[begins], np.maximum.reduceat(end, begins) if len(begins) else end)

    def contains(self, times: Times) -> NDArray[np.bool_]:
        """Return which times are inside a blind period; NaT is not."""
        position = np.searchsorted(self.start, times, side="left") - 1
        return np.asarray((position >= 0) & (times <= np.append(self.end, np.datetime64("NaT", "us"))[position]))

    def share(self, begin: Times, end: Times) -> NDArray[np.float64]:
        """Return the share of each (begin, end] that was blind."""
        blind = self._microseconds_before(end) - self._microseconds_before(begin)
        return np.asarray(blind / np.maximum((end - begin).astype(np.int64), 1))

    def _microseconds_before(self, times: Times) -> Index:
        """Return the blind time before each time, from the first period on."""
        if not len(self.start):
            return np.zeros(len(times), dtype=np.int64)
        start, end = self.start.astype(np.int64), self.end.astype(np.int64)
        passed = np.concatenate([[0], np.cumsum(end - start)])
        position = np.searchsorted(self.start, times, side="left") - 1
        inside = np.minimum(times.astype(np.int64), end[position]) - start[position]
        return np.where(position >= 0, passed[position] + inside, 0)
