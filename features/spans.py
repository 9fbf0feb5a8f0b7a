"""Time that units spent in a state, added up to each place's cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.calendar import Calendar
from features.presence import SECOND
from features.timeline import Timeline

if TYPE_CHECKING:
    from features.facts import Places
    from features.grid import Index, Times


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches of time from `begin` to `end` (NaT: not over), each of one unit."""

    unit: Index
    begin: Times
    end: Times

    def seconds(self, places: Places) -> Index:
        """Sum the whole seconds before each place's cutoff, over the stretches of its unit."""
        return self._since(places, self.begin) - self._since(places, self.end)

    def _since(self, places: Places, moments: Times) -> Index:
        """Sum the seconds from each moment to the cutoff, over the moments that have passed."""
        steps = Calendar(0, places.cutoffs).steps(moments)
        order = np.lexsort((steps, self.unit))
        passed = Timeline(self.unit[order], steps[order]).known(places.unit, places.cutoff)
        now = places.cutoffs.astype(np.int64) // SECOND
        # NaT, a very small number, is never passed, and whole sums are differences that it falls out of
        return np.asarray(passed.count * now[places.cutoff] - passed.total(moments[order].astype(np.int64) // SECOND))
