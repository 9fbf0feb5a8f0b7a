"""The fleet's failures per node-day at risk, as known at each cutoff."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import EventKind
from features.events.history import PRIOR_DAYS, PRIOR_RATE, Floats
from features.grid import Index, to_step
from features.population.event_arrays import EventArrays, KnownEvents, UnitCutoffs
from features.population.exposure import Presence
from features.population.repeats import separate

if TYPE_CHECKING:
    from data.view import View
    from features.population.at_risk import AtRisk

RECENT = timedelta(days=90)
LATELY = timedelta(days=30)
STEADYING_FAILURES = 10.0  # weight, in failures, of the whole past's rate beside the last days'


def base_rate(view: View, risk: AtRisk, every_days: float, window: timedelta = RECENT) -> Floats:
    """Give, by cutoff, the failures known by then that began in the window before it, per node-day at risk.

    NaN where no node was at risk in the window.
    """
    failures, exposure = _failures_and_exposure(view, risk, every_days, window)
    return np.asarray(failures / np.where(exposure > 0, exposure, np.nan))


def steady_rate(view: View, risk: AtRisk, every_days: float, window: timedelta = LATELY) -> Floats:
    """Give the same over fewer days, steadied by the rate of the whole past, which weighs as much as ten failures."""
    failures, exposure = _failures_and_exposure(view, risk, every_days, window)
    all_failures, all_exposure = _failures_and_exposure(view, risk, every_days, None)
    long_run = (all_failures + PRIOR_RATE * PRIOR_DAYS) / (all_exposure + PRIOR_DAYS)
    return np.asarray((failures + STEADYING_FAILURES) / (exposure + STEADYING_FAILURES / long_run))


def _failures_and_exposure(
    view: View, risk: AtRisk, every_days: float, window: timedelta | None
) -> tuple[Index, Floats]:
    """Count, by cutoff, failures and node-days at risk; neither before the first cutoff's own step."""
    facts = _separate_failures(view, risk)
    if len(risk.cutoffs):
        begin = risk.cutoffs[0] - to_step(timedelta(days=every_days))
        facts = facts.take(np.flatnonzero(facts.start > begin))
    fleet = facts.of_groups(np.zeros(len(risk.names), np.int64))
    count = KnownEvents.of(fleet, UnitCutoffs.of_groups(1, risk.cutoffs)).count(window)
    at_risk = np.concatenate([[0], np.cumsum(risk.at_risk.sum(axis=0))])
    first = 0 if window is None else np.searchsorted(risk.cutoffs, risk.cutoffs - to_step(window), side="right")
    return count, (at_risk[1:] - at_risk[first]) * every_days


def _separate_failures(view: View, risk: AtRisk) -> EventArrays:
    failures = view.events().filter(pl.col("kind") == EventKind.FAILURE)
    observed_from = Presence.of(view, risk.names, risk.cutoffs).observed_from
    return separate(EventArrays.of(failures, risk.names, observed_from))
