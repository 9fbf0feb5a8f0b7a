"""The event history of every node at every cutoff, as it was known at that cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.schema import NODE, EventKind
from features.calendar import Calendar, Index
from features.grid import Times, locate, to_step, to_times

if TYPE_CHECKING:
    from data.view import View
    from features.risk import Risk

Matrix = NDArray[np.floating]
SECOND = np.timedelta64(1_000_000, "us")
DAY_SECONDS = 86_400
PRIOR_FAILURES = 1.0  # weight, in failures, of the fleet's own rate in a shrunk rate
PRIOR_RATE = 1e-3  # failures a node-day before any was seen
PRIOR_DAYS = 500.0


@dataclass(frozen=True, slots=True)
class Facts:
    """Events of one sort: whom they struck, when they began and ended, when each became known."""

    unit: Index
    start: Times
    end: Times
    known: Times
    over: Times  # when its end became known; NaT while it is open

    @classmethod
    def of(cls, events: pl.DataFrame, names: tuple[str, ...]) -> Facts:
        """Turn events of known nodes into arrays; an event counts from when it was recorded."""
        over = pl.when(pl.col("end").is_not_null()).then(pl.max_horizontal("end", "end_recorded_at"))
        table = events.with_columns(known=pl.max_horizontal("recorded_at", "start"), over=over)
        unit = locate(table[NODE], names)
        return cls(unit, *(to_times(table[name]) for name in ("start", "end", "known", "over")))

    @classmethod
    def none(cls) -> Facts:
        """Give no facts at all."""
        return cls(np.empty(0, np.int64), *(np.empty(0, "datetime64[us]") for _ in range(4)))

    def of_groups(self, group: Index) -> Facts:
        """See the same facts by group: `group` maps each node to its group."""
        unit = np.where(self.unit >= 0, group[self.unit], -1)
        return Facts(unit, self.start, self.end, self.known, self.over)

    def ended(self) -> Facts:
        """Keep those whose end is known, counting from when it was."""
        done = ~np.isnat(self.over)
        return Facts(self.unit[done], self.start[done], self.end[done], self.over[done], self.over[done])


@dataclass(frozen=True, slots=True)
class History:
    """Failures, maintenance and presence, on the nodes and cutoffs of a `Risk`."""

    names: tuple[str, ...]
    cutoffs: Times
    present: NDArray[np.bool_]
    observed_from: Times
    failures: Facts
    failures_by_cause: dict[str, Facts]
    maintenance: Facts
    groups: dict[str, Index]  # 'rack' and 'hardware': each node's group

    @classmethod
    def of(cls, view: View, risk: Risk) -> History:
        """Read the history from the view that `risk` was assessed from."""
        events, nodes = view.events(), view.nodes()
        failed = events.filter(pl.col("kind") == EventKind.FAILURE)
        return cls(
            risk.names,
            risk.cutoffs,
            risk.present,
            to_times(nodes["observed_from"]),
            Facts.of(failed, risk.names),
            {str(cause): Facts.of(own, risk.names) for (cause,), own in failed.group_by("cause")},
            Facts.of(events.filter(pl.col("kind") == EventKind.MAINTENANCE), risk.names),
            cls.groups_of(view),
        )

    @staticmethod
    def groups_of(view: View) -> dict[str, Index]:
        """Give each node's rack and hardware model as numbers."""
        nodes = view.nodes()
        return {
            name: nodes[name].fill_null("").rank("dense").to_numpy().astype(np.int64) - 1
            for name in ("rack", "hardware")
        }

    @property
    def calendar(self) -> Calendar:
        """Nodes x cutoffs."""
        return Calendar(len(self.names), self.cutoffs)

    def count(self, facts: Facts, window: timedelta | None) -> Matrix:
        """Count each node's facts that began in the window before each cutoff."""
        return _count(self.calendar, facts, window)

    def count_in_group(self, group: str, window: timedelta | None) -> Matrix:
        """Count the failures of each node's group, its own included."""
        of_node = self.groups[group]
        return _count(Calendar(int(of_node.max()) + 1, self.cutoffs), self.failures.of_groups(of_node), window)[of_node]

    def days_since_start(self, facts: Facts) -> Matrix:
        """Give the days since the latest known start of a node's facts; NaN where there is none."""
        return self._days_since(self.calendar.latest(facts.unit, facts.known, facts.start))

    def days_since_end(self, facts: Facts) -> Matrix:
        """Give the days since the latest known end of a node's facts; NaN where there is none."""
        return self._days_since(self.calendar.latest(facts.unit, facts.over, facts.end))

    def days_up(self) -> Matrix:
        """Give the days since a node last came back from an event, or was first seen."""
        return np.fmin(
            np.fmin(self.days_since_end(self.failures), self.days_since_end(self.maintenance)),
            self.days_observed(),
        )

    def days_observed(self) -> Matrix:
        """Give the days that each node has been observed."""
        return self._days_since(self.observed_from[:, None])

    def _days_since(self, moment: Times) -> Matrix:
        return np.where(np.isnat(moment), np.nan, (self.cutoffs - moment) / SECOND / DAY_SECONDS)

    def exposure_seconds(self, window: timedelta | None) -> NDArray[np.int64]:
        """Give the whole seconds of the window before each cutoff in which each present node was observed."""
        seconds = ((self.cutoffs - self.observed_from[:, None]) // SECOND).astype(np.int64)
        longest = np.iinfo(np.int64).max if window is None else int(window.total_seconds())
        return np.clip(seconds, 0, longest) * self.present

    def fleet_rate(self, window: timedelta | None) -> NDArray[np.float64]:
        """Give the fleet's failures a node-day in the window before each cutoff, by cutoff."""
        failures = self.count(self.failures, window).sum(axis=0, dtype=np.float64)
        days = self.exposure_seconds(window).sum(axis=0) / DAY_SECONDS
        return np.asarray((failures + PRIOR_RATE * PRIOR_DAYS) / (days + PRIOR_DAYS))

    def relative_rate(self, window: timedelta | None) -> Matrix:
        """Give how often each node failed beside the fleet, shrunk towards 1: lemons stand out."""
        expected = self.exposure_seconds(window) / DAY_SECONDS * self.fleet_rate(window)
        return _shrunk(self.count(self.failures, window), expected)

    def relative_group_rate(self, group: str, window: timedelta | None) -> Matrix:
        """Give how often each node's group failed beside the fleet, shrunk towards 1."""
        of_node = self.groups[group]
        seconds = np.zeros((int(of_node.max()) + 1, len(self.cutoffs)), dtype=np.int64)
        np.add.at(seconds, of_node, self.exposure_seconds(window))
        expected = seconds[of_node] / DAY_SECONDS * self.fleet_rate(window)
        return _shrunk(self.count_in_group(group, window), expected)

    def mean_repair_hours(self) -> Matrix:
        """Give the mean time to repair of each node's failures whose end is known; NaN where there is none."""
        ended = self.failures.ended()
        hours = (ended.end - ended.start) / SECOND / 3_600
        count = self.count(ended, None)
        total = self.calendar.total(ended.unit, ended.known, hours)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _count(calendar: Calendar, facts: Facts, window: timedelta | None) -> Matrix:
    stop = np.full(len(facts.start), np.datetime64("NaT", "us"))
    if window is not None:
        stop = facts.start + to_step(window)
    return calendar.count_active(facts.unit, facts.known, stop)


def _shrunk(observed: Matrix, expected: Matrix) -> Matrix:
    return (observed + PRIOR_FAILURES) / (expected + PRIOR_FAILURES)


RECENT = timedelta(days=90)
PRIOR_WINDOW_DAYS = 30.0


def base_rate(view: View, risk: Risk, every_days: float, window: timedelta = RECENT) -> NDArray[np.float64]:
    """Give, by cutoff, the failures known by then that began in the window before it, per node-day at risk.

    NaN where no node was at risk in the window.
    """
    failures, exposure = _failures_and_exposure(view, risk, every_days, window)
    return np.asarray(failures / np.where(exposure > 0, exposure, np.nan))


def steady_rate(view: View, risk: Risk, every_days: float, window: timedelta = RECENT) -> NDArray[np.float64]:
    """Give the same, steadied by the rate of the whole past, which weighs as much as a month of the fleet."""
    failures, exposure = _failures_and_exposure(view, risk, every_days, window)
    all_failures, all_exposure = _failures_and_exposure(view, risk, every_days, None)
    long_run = (all_failures + PRIOR_RATE * PRIOR_DAYS) / (all_exposure + PRIOR_DAYS)
    weight = PRIOR_WINDOW_DAYS * np.maximum(risk.at_risk.sum(axis=0), 1)
    return np.asarray((failures + long_run * weight) / (exposure + weight))


def _failures_and_exposure(
    view: View, risk: Risk, every_days: float, window: timedelta | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    events = view.events()
    failures = Facts.of(events.filter(pl.col("kind") == EventKind.FAILURE), risk.names)
    count = _count(Calendar(len(risk.names), risk.cutoffs), failures, window).sum(axis=0, dtype=np.float64)
    days_at_risk = np.concatenate([[0.0], np.cumsum(risk.at_risk.sum(axis=0) * every_days)])
    begin = 0 if window is None else np.searchsorted(risk.cutoffs, risk.cutoffs - to_step(window), side="right")
    return count, days_at_risk[1:] - days_at_risk[begin]
