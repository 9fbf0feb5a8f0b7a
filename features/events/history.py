"""The event history of every row, as it was known at the row's cutoff."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from data.schema import EventKind
from features.events.neighbours import adjacent_pairs, of_neighbours
from features.feature import FLEET, Origin
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.exposure import Exposure, inventory

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Index, Times
    from features.population.at_risk import Rows

DAY_SECONDS = 86_400
HOUR_MICROSECONDS = 3_600_000_000
DAY_MICROSECONDS = 86_400_000_000
PRIOR_FAILURES = 1.0  # weight, in failures, of the fleet's own rate in a shrunk rate
PRIOR_RATE = 1e-3  # failures per node-day before any was recorded
PRIOR_DAYS = 500.0


@dataclass(frozen=True, slots=True)
class History:
    """Failures, maintenance and exposure, as known at each row's cutoff."""

    rows: Rows
    exposure: Exposure
    failure_events: pl.DataFrame
    failures: KnownEvents
    repaired: KnownEvents  # failures whose end is known
    maintenance: KnownEvents
    maintained: KnownEvents  # maintenance whose end is known
    neighbours: KnownEvents  # failures of the nodes next to each
    groups: dict[str, Index]  # 'rack', 'hardware' and 'fleet': each node's group

    @classmethod
    def of(cls, view: View, rows: Rows) -> History:
        """Read the history of rows from a view."""
        exposure, events = Exposure.of(view, rows.names, rows.cutoffs), view.events()
        cutoffs = UnitCutoffs.of_rows(rows)
        failure_events = events.filter(pl.col("kind") == EventKind.FAILURE)
        failures, maintenance = (
            EventArrays.of(kind_events, rows.names, exposure.observed_from)
            for kind_events in (failure_events, events.filter(pl.col("kind") == EventKind.MAINTENANCE))
        )
        return cls(
            rows,
            exposure,
            failure_events,
            KnownEvents.of(failures, cutoffs),
            KnownEvents.of(failures.ended(), cutoffs),
            KnownEvents.of(maintenance, cutoffs),
            KnownEvents.of(maintenance.ended(), cutoffs),
            KnownEvents.of(of_neighbours(failures, adjacent_pairs(inventory(view, rows.names))), cutoffs),
            groups_of(view, rows),
        )

    def failures_of(self, cause: str) -> KnownEvents:
        """Return the failures of one cause."""
        events = self.failure_events.filter(pl.col("cause") == cause)
        return KnownEvents.of(
            EventArrays.of(events, self.rows.names, self.exposure.observed_from), self.failures.unit_cutoffs
        )

    def days_since(self, times: Times) -> Array:
        """Return the days from each row's time to its cutoff; NaN where there is none."""
        days = (self.rows.ts - times).astype(np.int64) / DAY_MICROSECONDS
        return np.where(np.isnat(times), np.nan, days)

    def days_observed(self) -> Array:
        """Return the days since each row's node was first observed."""
        return self.days_since(self.exposure.observed_from[self.rows.node])

    def days_up(self) -> Array:
        """Return the days since the last event of each row's node ended, or the node was first observed."""
        last_end = np.fmax(self.repaired.latest_end(), self.maintained.latest_end())
        return np.fmin(self.days_since(last_end), self.days_observed())

    def mean_repair_hours(self) -> Array:
        """Return the mean time to repair of the failures whose end is known; NaN where there is none."""
        count = self.repaired.known.count
        hours = self.repaired.microseconds() / HOUR_MICROSECONDS
        return np.where(count > 0, hours / np.maximum(count, 1), np.nan)

    def failures_in_group(self, group: str, window: timedelta | None) -> Array:
        """Count the failures of the group of each row's node, its own included."""
        return self._of_rows(group, self._group_failures(group, window))

    def failures_of_others(self, group: str, window: timedelta | None) -> Array:
        """Count the failures of the other nodes of the group of each row's node."""
        return self.failures_in_group(group, window) - self.failures.count(window)

    def fleet_rate(self, window: timedelta | None) -> Array:
        """Return the fleet's failures per node-day in the window before each row's cutoff."""
        return self.rate_by_cutoff(window)[self.rows.cutoff]

    def relative_rate(self, window: timedelta | None) -> Array:
        """Return how often each row's node failed relative to the fleet, shrunk towards 1."""
        days = self.exposure.seconds(self.rows, window) / DAY_SECONDS
        return shrunk(self.failures.count(window), days * self.fleet_rate(window))

    def relative_group_rate(self, group: str, window: timedelta | None) -> Array:
        """Return how often the group of each row's node failed relative to the fleet, shrunk towards 1."""
        days = self.exposure.seconds_of_groups(self.groups[group], window) / DAY_SECONDS
        rate = shrunk(self._group_failures(group, window), days * self.rate_by_cutoff(window))
        return self._of_rows(group, rate)

    def rate_by_cutoff(self, window: timedelta | None = None) -> Array:
        """Return the fleet's failures per node-day in the window before each cutoff."""
        failures = self._group_failures(FLEET, window).sum(axis=0)
        days = self.exposure.seconds_of_groups(self.groups[FLEET], window).sum(axis=0) / DAY_SECONDS
        return np.asarray((failures + PRIOR_RATE * PRIOR_DAYS) / (days + PRIOR_DAYS))

    def _group_failures(self, group: str, window: timedelta | None) -> Index:
        """Count the failures of each group at each cutoff: groups x cutoffs."""
        group_of_node, cutoffs = self.groups[group], self.rows.cutoffs
        count = int(group_of_node.max(initial=-1)) + 1
        events = self.failures.events.of_groups(group_of_node)
        return KnownEvents.of(events, UnitCutoffs.of_groups(count, cutoffs)).count(window).reshape(count, len(cutoffs))

    def _of_rows(self, group: str, values: NDArray[np.number]) -> Array:
        return values[self.groups[group][self.rows.node], self.rows.cutoff].astype(np.float64)


@dataclass(frozen=True, slots=True)
class EventStatistic:
    """One number per row from its history, over a window before the cutoff (None: the whole past)."""

    name: str
    value: Callable[[History, timedelta | None], Array] = field(compare=False)
    origin: ClassVar[Origin] = Origin.HISTORY


def groups_of(view: View, rows: Rows) -> dict[str, Index]:
    """Number each node's rack and hardware model; the fleet is one group."""
    nodes = inventory(view, rows.names)
    numbers = {
        name: nodes[name].fill_null("").rank("dense").to_numpy().astype(np.int64) - 1 for name in ("rack", "hardware")
    }
    return {**numbers, FLEET: np.zeros(nodes.height, np.int64)}


def shrunk(observed: NDArray[np.number], expected: Array) -> Array:
    """Return observed / expected, shrunk towards 1 with the weight of one failure: a gamma-Poisson posterior mean."""
    return np.asarray((observed + PRIOR_FAILURES) / (expected + PRIOR_FAILURES))
