"""How long each node, rack or fleet was observed before each cutoff: the denominator of failure rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import NODE
from features.grid import to_times
from features.population.interval_counts import ONE, IntervalCounts

if TYPE_CHECKING:
    from datetime import timedelta

    from data.view import View
    from features.grid import Index, Times
    from features.population.at_risk import Rows

SECOND = 1_000_000  # microseconds
LONGEST = 1 << 40  # seconds: longer than any node lives


@dataclass(frozen=True, slots=True)
class Exposure:
    """When each node was observed, relative to cutoffs; counted in whole seconds, so that sums are exact."""

    cutoffs: Times
    observed_from: Times
    observed_until: Times  # NaT: still present
    enter: Index  # the first cutoff at which the node is present
    leave: Index  # the first one at which it has left

    @classmethod
    def of(cls, view: View, names: tuple[str, ...], cutoffs: Times) -> Exposure:
        """Read when some nodes were observed from a view."""
        nodes = inventory(view, names)
        observed_from, observed_until = to_times(nodes["observed_from"]), to_times(nodes["observed_until"])
        counts = IntervalCounts(0, cutoffs)
        enter = counts.steps(observed_from)
        leave = np.maximum(enter, counts.steps(observed_until))
        return cls(cutoffs, observed_from, observed_until, enter, leave)

    def seconds(self, rows: Rows, window: timedelta | None) -> Index:
        """Count the seconds of the window before each row's cutoff in which its node was observed."""
        seconds = np.clip(self._cutoff_seconds[rows.cutoff] - self._from_seconds[rows.node], 0, _longest(window))
        present = (rows.cutoff >= self.enter[rows.node]) & (rows.cutoff < self.leave[rows.node])
        return np.asarray(seconds * present)

    def seconds_of_groups(self, group: Index, window: timedelta | None) -> Index:
        """Sum the seconds over the nodes of each group: groups x cutoffs; `group` is each node's."""
        counts, longest = IntervalCounts(int(group.max(initial=-1)) + 1, self.cutoffs), _longest(window)
        full = np.clip(np.searchsorted(self._cutoff_seconds, self._from_seconds + longest), self.enter, self.leave)
        partly_observed = counts.sum_active(group, self.enter, full, ONE)
        from_seconds = counts.sum_active(group, self.enter, full, self._from_seconds)
        fully_observed = counts.sum_active(group, full, self.leave, ONE)
        return np.asarray(partly_observed * self._cutoff_seconds - from_seconds + fully_observed * np.int64(longest))

    @property
    def _cutoff_seconds(self) -> Index:
        return self.cutoffs.astype(np.int64) // SECOND

    @property
    def _from_seconds(self) -> Index:
        return -(-self.observed_from.astype(np.int64) // SECOND)


def inventory(view: View, names: tuple[str, ...]) -> pl.DataFrame:
    """Return the inventory of some nodes as a view knows it, in the order of `names`."""
    requested = pl.DataFrame({NODE: names}, schema={NODE: pl.String})
    return requested.join(view.nodes(), on=NODE, how="left", maintain_order="left")


def _longest(window: timedelta | None) -> int:
    return LONGEST if window is None else int(window.total_seconds())
