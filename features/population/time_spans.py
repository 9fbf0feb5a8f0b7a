"""Sums the time that units spent in a state up to each cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.population.asof_lookup import AsOfLookup
from features.population.exposure import SECOND
from features.population.interval_counts import IntervalCounts

if TYPE_CHECKING:
    from features.grid import Index, Times
    from features.population.event_arrays import UnitCutoffs


@dataclass(frozen=True, slots=True)
class TimeSpans:
    """Spans of time from `begin` to `end` (NaT: not ended), each of one unit."""

    unit: Index
    begin: Times
    end: Times

    def seconds(self, unit_cutoffs: UnitCutoffs) -> Index:
        """Sum the whole seconds before each cutoff, over the spans of its unit."""
        return self._since(unit_cutoffs, self.begin) - self._since(unit_cutoffs, self.end)

    def _since(self, unit_cutoffs: UnitCutoffs, times: Times) -> Index:
        """Sum the seconds from each time to the cutoff, over the times that have passed."""
        steps = IntervalCounts(0, unit_cutoffs.cutoffs).steps(times)
        order = np.lexsort((steps, self.unit))
        passed = AsOfLookup(self.unit[order], steps[order]).known(unit_cutoffs.unit, unit_cutoffs.cutoff)
        now = unit_cutoffs.cutoffs.astype(np.int64) // SECOND
        # NaT, a very small number, is never passed, and cancels out in differences of whole sums
        total = passed.total(times[order].astype(np.int64) // SECOND)
        return np.asarray(passed.count * now[unit_cutoffs.cutoff] - total)
