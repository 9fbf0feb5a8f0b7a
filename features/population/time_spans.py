"""Time that units spent in a state, added up to each place's cutoff."""

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
    """Stretches of time from `begin` to `end` (NaT: not over), each of one unit."""

    unit: Index
    begin: Times
    end: Times

    def seconds(self, places: UnitCutoffs) -> Index:
        """Sum the whole seconds before each place's cutoff, over the stretches of its unit."""
        return self._since(places, self.begin) - self._since(places, self.end)

    def _since(self, places: UnitCutoffs, moments: Times) -> Index:
        """Sum the seconds from each moment to the cutoff, over the moments that have passed."""
        steps = IntervalCounts(0, places.cutoffs).steps(moments)
        order = np.lexsort((steps, self.unit))
        passed = AsOfLookup(self.unit[order], steps[order]).known(places.unit, places.cutoff)
        now = places.cutoffs.astype(np.int64) // SECOND
        # NaT, a very small number, is never passed, and whole sums are differences that it falls out of
        return np.asarray(passed.count * now[places.cutoff] - passed.total(moments[order].astype(np.int64) // SECOND))
