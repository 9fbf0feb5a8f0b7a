"""Made-up nodes whose lifetimes are exponential, so that the probability of failing by any time is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.time_grid import DAY, in_days
from features.events.base_rates import FleetRate
from features.training.person_periods import Periods
from models.hazard.boosting import fit
from models.hazard.model import Covariates, HazardModel
from models.setup import Params

if TYPE_CHECKING:
    from datetime import timedelta

Floats = NDArray[np.float64]
HORIZONS = (DAY, 3 * DAY, 7 * DAY)
DAYS = tuple(map(in_days, HORIZONS))
NAMES = ("warmth", "noise", "failures__relative_rate__ever")
QUICK = Params(trees=60, learning_rate=0.1, min_child=20, feature_share=1.0, l2=1.0, seeds=1)
USUAL_RATE = 0.05  # failures a node-day


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Rows with their covariates, their outcomes, and their true rate of failure a day."""

    covariates: Covariates
    periods: Periods
    rate: Floats

    def true_probability(self, within: timedelta) -> Floats:
        return np.asarray(-np.expm1(-self.rate * in_days(within)))


def lifetimes(rng: np.random.Generator, count: int = 12_000, censored_share: float = 0.0) -> Lifetimes:
    """Draw rows; some are censored at any time of the longest horizon, in the middle of an interval too."""
    features = rng.normal(size=(count, 2))
    rate = USUAL_RATE * np.exp(features[:, 0])
    fails_after = rng.exponential(1 / rate)
    leaves_after = np.where(rng.random(count) < censored_share, rng.uniform(0, DAYS[-1], count), np.inf)
    relative_rate = np.full(count, 1.5)
    matrix = np.column_stack([features, relative_rate]).astype(np.float32)
    covariates = Covariates(matrix, FleetRate.constant(USUAL_RATE, count))
    return Lifetimes(covariates, periods_of(fails_after, leaves_after), rate)


def fitted(rows: Lifetimes, params: Params = QUICK) -> HazardModel:
    """Fit the trees alone, uncalibrated, all rows alike."""
    return fit(rows.covariates, rows.periods, np.ones(len(rows.rate)), NAMES, params)


def periods_of(fails_after: Floats, leaves_after: Floats) -> Periods:
    """Split lifetimes into intervals: which nodes fail in each, and how much of it was observed."""
    outcome, exposure = [], []
    for begin, end in zip((0.0, *DAYS[:-1]), DAYS, strict=True):
        observed = np.minimum(leaves_after, end)
        at_risk = (fails_after > begin) & (observed > begin)
        fails = (fails_after > begin) & (fails_after <= observed)
        outcome.append(np.where(fails, 1.0, np.where(at_risk, 0.0, np.nan)))
        exposure.append(np.where(fails, 1.0, np.where(at_risk, (observed - begin) / (end - begin), 0.0)))
    return Periods(HORIZONS, (DAY,) * len(HORIZONS), np.column_stack(outcome), np.column_stack(exposure))
