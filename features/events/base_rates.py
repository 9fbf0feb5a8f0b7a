"""The fleet's failures per node-day at risk, as known at each cutoff."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import EventKind
from features.events.history import PRIOR_DAYS, PRIOR_RATE
from features.grid import to_step
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.exposure import Exposure
from features.population.repeats import without_repeats

if TYPE_CHECKING:
    from data.view import View
    from features.grid import Array, Index
    from features.population.at_risk import AtRisk

RECENT = timedelta(days=90)
LAST_MONTH = timedelta(days=30)
STEADYING_FAILURES = 10.0  # weight, in failures, of the whole past's rate


def base_rate(view: View, risk: AtRisk, every_days: float, window: timedelta = RECENT) -> Array:
    """Return, by cutoff, the failures known by then that began in the window before it, per node-day at risk.

    NaN where no node was at risk in the window.
    """
    failures, exposure = _failures_and_exposure(view, risk, every_days, window)
    return np.asarray(failures / np.where(exposure > 0, exposure, np.nan))


def steady_rate(view: View, risk: AtRisk, every_days: float, window: timedelta = LAST_MONTH) -> Array:
    """Return the same rate over fewer days, shrunk to the rate of the whole past with the weight of ten failures."""
    failures, exposure = _failures_and_exposure(view, risk, every_days, window)
    all_failures, all_exposure = _failures_and_exposure(view, risk, every_days, None)
    long_run = (all_failures + PRIOR_RATE * PRIOR_DAYS) / (all_exposure + PRIOR_DAYS)
    return np.asarray((failures + STEADYING_FAILURES) / (exposure + STEADYING_FAILURES / long_run))


def _failures_and_exposure(
    view: View, risk: AtRisk, every_days: float, window: timedelta | None
) -> tuple[Index, Array]:
    """Count, by cutoff, failures and node-days at risk; nothing counts before the step that ends at the first one."""
    failures = _separate_failures(view, risk)
    if len(risk.cutoffs):
        begin = risk.cutoffs[0] - to_step(timedelta(days=every_days))
        failures = failures.take(np.flatnonzero(failures.start > begin))
    fleet = failures.of_groups(np.zeros(len(risk.names), np.int64))
    count = KnownEvents.of(fleet, UnitCutoffs.of_groups(1, risk.cutoffs)).count(window)
    at_risk = np.concatenate([[0], np.cumsum(risk.at_risk.sum(axis=0))])
    first = 0 if window is None else np.searchsorted(risk.cutoffs, risk.cutoffs - to_step(window), side="right")
    return count, (at_risk[1:] - at_risk[first]) * every_days


def _separate_failures(view: View, risk: AtRisk) -> EventArrays:
    failures = view.events().filter(pl.col("kind") == EventKind.FAILURE)
    observed_from = Exposure.of(view, risk.names, risk.cutoffs).observed_from
    return without_repeats(EventArrays.of(failures, risk.names, observed_from))
