"""The fleet's failures per node-day at risk, as known at each cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import EventKind
from features.events.history import DAY_MICROSECONDS, PRIOR_RATE
from features.grid import to_step
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.exposure import Exposure
from features.population.repeats import without_repeats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Index, Times
    from features.population.at_risk import AtRisk

RECENT = timedelta(days=90)
LAST_MONTH = timedelta(days=30)
FEW_DAYS = 10.0  # weight, in node-days, of the rate before any failure was recorded
STEADYING_FAILURES = 10.0  # weight, in failures, of the whole past's rate


def base_rate(view: View, risk: AtRisk, every: timedelta, repeat: timedelta) -> Array:
    """Return, by cutoff, the failures known by then that began in the 90 days before it, per node-day at risk.

    NaN where no node was at risk in them.
    """
    failures, exposure = _FleetPast.of(view, risk, every, repeat).within(RECENT)
    return np.asarray(failures / np.where(exposure > 0, exposure, np.nan))


@dataclass(frozen=True, slots=True)
class FleetRate:
    """The fleet's failures per node-day at some times: in the whole past, and lately."""

    long_run: Array
    recent: Array  # over the last month, shrunk to the long-run rate with the weight of ten failures

    @classmethod
    def of(cls, view: View, risk: AtRisk, every: timedelta, repeat: timedelta) -> FleetRate:
        """Return both rates by cutoff, as known then."""
        past = _FleetPast.of(view, risk, every, repeat)
        (failures, exposure), (all_failures, all_exposure) = past.within(LAST_MONTH), past.within(None)
        long_run = (all_failures + PRIOR_RATE * FEW_DAYS) / (all_exposure + FEW_DAYS)
        return cls(long_run, (failures + STEADYING_FAILURES) / (exposure + STEADYING_FAILURES / long_run))

    @classmethod
    def constant(cls, rate: float, count: int) -> FleetRate:
        """Return one rate, recent and in the long run, for so many times."""
        return cls(np.full(count, rate), np.full(count, rate))

    def take(self, selection: NDArray[np.int64] | NDArray[np.bool_]) -> FleetRate:
        """Keep the rates of some times, or repeat them."""
        return FleetRate(self.long_run[selection], self.recent[selection])

    def at_strength(self, strength: float) -> Array:
        """Return the geometric mean of both rates; `strength` is the weight of the recent one, from 0 to 1."""
        return np.asarray(self.long_run ** (1 - strength) * self.recent**strength)


@dataclass(frozen=True, slots=True)
class _FleetPast:
    """The fleet's failures, and its node-days at risk up to each cutoff.

    Each cutoff stands for the time since the one before it, the first one for a step.
    """

    cutoffs: Times
    failures: EventArrays
    node_days: Array  # up to each cutoff, after a leading 0

    @classmethod
    def of(cls, view: View, risk: AtRisk, every: timedelta, repeat: timedelta) -> _FleetPast:
        """Count what a view knows; nothing counts before the step that ends at the first cutoff."""
        cutoffs, failures = risk.cutoffs, _separate_failures(view, risk, repeat)
        if not len(cutoffs):
            return cls(cutoffs, failures, np.zeros(1))
        begin = cutoffs[0] - to_step(every)
        failures = failures.take(np.flatnonzero(failures.start > begin)).of_groups(np.zeros(len(risk.names), np.int64))
        microseconds = risk.at_risk.sum(axis=0) * np.diff(cutoffs, prepend=begin).astype(np.int64)
        return cls(cutoffs, failures, np.concatenate([[0], np.cumsum(microseconds)]) / DAY_MICROSECONDS)

    def within(self, window: timedelta | None) -> tuple[Index, Array]:
        """Count, by cutoff, the failures and the node-days in the window before it (None: the whole past)."""
        count = KnownEvents.of(self.failures, UnitCutoffs.of_groups(1, self.cutoffs)).count(window)
        first = 0 if window is None else np.searchsorted(self.cutoffs, self.cutoffs - to_step(window), side="right")
        return count, self.node_days[1:] - self.node_days[first]


def _separate_failures(view: View, risk: AtRisk, repeat: timedelta) -> EventArrays:
    failures = view.events().filter(pl.col("kind") == EventKind.FAILURE)
    observed_from = Exposure.of(view, risk.names, risk.cutoffs).observed_from
    return without_repeats(EventArrays.of(failures, risk.names, observed_from), repeat)
