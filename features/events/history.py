"""The event history of every row, as it was known at the row's cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.schema import EventKind
from features.events.neighbours import of_neighbours, pairs
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.exposure import Presence, inventory

if TYPE_CHECKING:
    from datetime import timedelta

    from data.view import View
    from features.grid import Index, Times
    from features.population.at_risk import Rows

Floats = NDArray[np.float64]
DAY_SECONDS = 86_400
HOUR_MICROSECONDS = 3_600_000_000
DAY_MICROSECONDS = 86_400_000_000
PRIOR_FAILURES = 1.0  # weight, in failures, of the fleet's own rate in a shrunk rate
PRIOR_RATE = 1e-3  # failures a node-day before any was seen
PRIOR_DAYS = 500.0


@dataclass(frozen=True, slots=True)
class History:
    """Failures, maintenance and presence, as each row knows them."""

    rows: Rows
    presence: Presence
    failed: pl.DataFrame  # the failures as events
    failures: KnownEvents
    repaired: KnownEvents  # failures whose end is known
    maintenance: KnownEvents
    maintained: KnownEvents  # maintenance whose end is known
    neighbours: KnownEvents  # failures of the nodes beside each
    groups: dict[str, Index]  # 'rack', 'hardware' and 'fleet': each node's group

    @classmethod
    def of(cls, view: View, rows: Rows) -> History:
        """Read the history of rows from a view."""
        presence, events = Presence.of(view, rows.names, rows.cutoffs), view.events()
        places = UnitCutoffs.of_rows(rows)
        failed = events.filter(pl.col("kind") == EventKind.FAILURE)
        failures, maintenance = (
            EventArrays.of(own, rows.names, presence.observed_from)
            for own in (failed, events.filter(pl.col("kind") == EventKind.MAINTENANCE))
        )
        return cls(
            rows,
            presence,
            failed,
            KnownEvents.of(failures, places),
            KnownEvents.of(failures.ended(), places),
            KnownEvents.of(maintenance, places),
            KnownEvents.of(maintenance.ended(), places),
            KnownEvents.of(of_neighbours(failures, pairs(inventory(view, rows.names))), places),
            groups_of(view, rows),
        )

    def failures_of(self, cause: str) -> KnownEvents:
        """See the failures of one cause."""
        own = self.failed.filter(pl.col("cause") == cause)
        return KnownEvents.of(EventArrays.of(own, self.rows.names, self.presence.observed_from), self.failures.places)

    def days_since(self, moment: Times) -> Floats:
        """Give the days from each row's moment to its cutoff; NaN where there is none."""
        days = (self.rows.ts - moment).astype(np.int64) / DAY_MICROSECONDS
        return np.where(np.isnat(moment), np.nan, days)

    def days_observed(self) -> Floats:
        """Give the days since each row's node was first observed."""
        return self.days_since(self.presence.observed_from[self.rows.node])

    def days_up(self) -> Floats:
        """Give the days since each row's node last came back from an event, or was first observed."""
        back = np.fmax(self.repaired.latest_end(), self.maintained.latest_end())
        return np.fmin(self.days_since(back), self.days_observed())

    def mean_repair_hours(self) -> Floats:
        """Give the mean time to repair of the failures whose end is known; NaN where there is none."""
        count = self.repaired.known.count
        hours = self.repaired.microseconds() / HOUR_MICROSECONDS
        return np.where(count > 0, hours / np.maximum(count, 1), np.nan)

    def failures_in_group(self, group: str, window: timedelta | None) -> Floats:
        """Count the failures of the group of each row's node, its own included."""
        return self._of_rows(group, self._group_failures(group, window))

    def failures_of_others(self, group: str, window: timedelta | None) -> Floats:
        """Count the failures of the other nodes of the group of each row's node."""
        return self.failures_in_group(group, window) - self.failures.count(window)

    def fleet_rate(self, window: timedelta | None) -> Floats:
        """Give the fleet's failures a node-day in the window before each row's cutoff."""
        return self.rate_by_cutoff(window)[self.rows.cutoff]

    def relative_rate(self, window: timedelta | None) -> Floats:
        """Give how often each row's node failed beside the fleet, shrunk towards 1: lemons stand out."""
        days = self.presence.seconds(self.rows, window) / DAY_SECONDS
        return shrunk(self.failures.count(window), days * self.fleet_rate(window))

    def relative_group_rate(self, group: str, window: timedelta | None) -> Floats:
        """Give how often the group of each row's node failed beside the fleet, shrunk towards 1."""
        days = self.presence.seconds_of_groups(self.groups[group], window) / DAY_SECONDS
        rate = shrunk(self._group_failures(group, window), days * self.rate_by_cutoff(window))
        return self._of_rows(group, rate)

    def rate_by_cutoff(self, window: timedelta | None = None) -> Floats:
        """Give the fleet's failures a node-day in the window before each cutoff."""
        failures = self._group_failures(FLEET, window).sum(axis=0)
        days = self.presence.seconds_of_groups(self.groups[FLEET], window).sum(axis=0) / DAY_SECONDS
        return np.asarray((failures + PRIOR_RATE * PRIOR_DAYS) / (days + PRIOR_DAYS))

    def _group_failures(self, group: str, window: timedelta | None) -> Index:
        """Count the failures of each group at each cutoff."""
        of_node, cutoffs = self.groups[group], self.rows.cutoffs
        count = int(of_node.max(initial=-1)) + 1
        past = KnownEvents.of(self.failures.facts.of_groups(of_node), UnitCutoffs.of_groups(count, cutoffs))
        return past.count(window).reshape(count, len(cutoffs))

    def _of_rows(self, group: str, values: NDArray[np.number]) -> Floats:
        return values[self.groups[group][self.rows.node], self.rows.cutoff].astype(np.float64)


FLEET = "fleet"


def groups_of(view: View, rows: Rows) -> dict[str, Index]:
    """Number each node's rack and hardware model, and put all into one fleet."""
    nodes = inventory(view, rows.names)
    numbers = {
        name: nodes[name].fill_null("").rank("dense").to_numpy().astype(np.int64) - 1 for name in ("rack", "hardware")
    }
    return {**numbers, FLEET: np.zeros(nodes.height, np.int64)}


def shrunk(observed: NDArray[np.number], expected: Floats) -> Floats:
    """Give observed over expected, drawn towards 1 by the weight of one failure: a gamma-Poisson posterior mean."""
    return np.asarray((observed + PRIOR_FAILURES) / (expected + PRIOR_FAILURES))
