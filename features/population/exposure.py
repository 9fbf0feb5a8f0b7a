"""How long each node, rack or fleet was observed before each cutoff: what failures are counted against."""

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
    """When each node came and left, relative to cutoffs; counted in whole seconds, so that sums are exact."""

    cutoffs: Times
    observed_from: Times
    observed_until: Times  # NaT: still present
    enter: Index  # the first cutoff at which the node is present
    leave: Index  # the first one at which it has left

    @classmethod
    def of(cls, view: View, names: tuple[str, ...], cutoffs: Times) -> Exposure:
        """Read when some nodes were observed from a view."""
        nodes = inventory(view, names)
        came, left = to_times(nodes["observed_from"]), to_times(nodes["observed_until"])
        counts = IntervalCounts(0, cutoffs)
        enter = counts.steps(came)
        return cls(cutoffs, came, left, enter, np.maximum(enter, counts.steps(left)))

    def seconds(self, rows: Rows, window: timedelta | None) -> Index:
        """Count the seconds of the window before each row's cutoff in which its node was observed."""
        seconds = np.clip(self._now[rows.cutoff] - self._came[rows.node], 0, _longest(window))
        present = (rows.cutoff >= self.enter[rows.node]) & (rows.cutoff < self.leave[rows.node])
        return np.asarray(seconds * present)

    def seconds_of_groups(self, group: Index, window: timedelta | None) -> Index:
        """Sum the same over the nodes of each group: groups x cutoffs; `group` is each node's."""
        counts, longest = IntervalCounts(int(group.max(initial=-1)) + 1, self.cutoffs), _longest(window)
        full = np.clip(np.searchsorted(self._now, self._came + longest), self.enter, self.leave)
        count = counts.sum_active(group, self.enter, full, ONE)
        came = counts.sum_active(group, self.enter, full, self._came)
        whole = counts.sum_active(group, full, self.leave, ONE)
        return np.asarray(count * self._now - came + whole * np.int64(longest))

    @property
    def _now(self) -> Index:
        return self.cutoffs.astype(np.int64) // SECOND

    @property
    def _came(self) -> Index:
        return -(-self.observed_from.astype(np.int64) // SECOND)


def inventory(view: View, names: tuple[str, ...]) -> pl.DataFrame:
    """Return what a view knows of some nodes, in their order."""
    requested = pl.DataFrame({NODE: names}, schema={NODE: pl.String})
    return requested.join(view.nodes(), on=NODE, how="left", maintain_order="left")


def _longest(window: timedelta | None) -> int:
    return LONGEST if window is None else int(window.total_seconds())
